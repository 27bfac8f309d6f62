-- The agent's zone: what an attempt may cost is held back while it runs; what was refused to it, and what the guards found.

ALTER TABLE cases ADD COLUMN reserved_micros INTEGER NOT NULL DEFAULT 0 CHECK (reserved_micros >= 0);
CREATE INDEX cases_reserving ON cases (reserved_micros) WHERE reserved_micros > 0;

-- SQLite cannot change a CHECK: the table is made anew, with the outcomes over_budget, turns_used_up and limit_reached.
CREATE TABLE attempts_with_zone (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id             INTEGER NOT NULL REFERENCES cases (id),
    number              INTEGER NOT NULL CHECK (number >= 1),
    agent               TEXT NOT NULL,
    base                TEXT NOT NULL,
    started_at          TEXT NOT NULL CHECK (started_at GLOB '????-??-??T??:??:??.??????Z'),
    finished_at         TEXT CHECK (finished_at GLOB '????-??-??T??:??:??.??????Z'),
    outcome             TEXT
        CHECK (outcome IN ('fixed', 'no_change', 'refused', 'timeout', 'crashed', 'blocked', 'verify_failed',
                           'over_budget', 'turns_used_up', 'limit_reached', 'agent_missing', 'auth_error',
                           'model_down', 'rate_limited', 'interrupted', 'error')),
    commit_sha          TEXT,
    summary             TEXT NOT NULL DEFAULT '',
    message             TEXT NOT NULL DEFAULT '',
    note                TEXT NOT NULL DEFAULT '',
    model               TEXT NOT NULL DEFAULT '',
    input_tokens        INTEGER NOT NULL DEFAULT 0,
    cached_input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens       INTEGER NOT NULL DEFAULT 0,
    cost_micros         INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens  INTEGER NOT NULL DEFAULT 0,
    -- The same figures for each model, as JSON.
    usages              TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(usages)),
    -- What the gate refused to it, and what the guards found in its diff.
    refusals            TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(refusals)),
    findings            TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(findings)),
    folder              TEXT NOT NULL DEFAULT '',
    UNIQUE (case_id, number),
    CHECK ((outcome IS NULL) = (finished_at IS NULL))
) STRICT;

INSERT INTO attempts_with_zone (
       id, case_id, number, agent, base, started_at, finished_at, outcome, commit_sha, summary, message, note, model,
       input_tokens, cached_input_tokens, output_tokens, cost_micros, folder
)
SELECT id, case_id, number, agent, base, started_at, finished_at, outcome, commit_sha, summary, message, note, model,
       input_tokens, cached_input_tokens, output_tokens, cost_micros, folder
FROM attempts;

-- Numbers go on where they were.
DELETE FROM sqlite_sequence WHERE name = 'attempts_with_zone';
INSERT INTO sqlite_sequence (name, seq) SELECT 'attempts_with_zone', seq FROM sqlite_sequence WHERE name = 'attempts';

DROP TABLE attempts;
ALTER TABLE attempts_with_zone RENAME TO attempts;

-- At most one running attempt per case.
CREATE UNIQUE INDEX attempts_running ON attempts (case_id) WHERE outcome IS NULL;
CREATE INDEX attempts_by_base ON attempts (base);
CREATE INDEX attempts_by_commit ON attempts (commit_sha) WHERE commit_sha IS NOT NULL;
CREATE INDEX attempts_by_start ON attempts (started_at);
CREATE INDEX attempts_by_agent ON attempts (agent, id) WHERE outcome IS NOT NULL;
