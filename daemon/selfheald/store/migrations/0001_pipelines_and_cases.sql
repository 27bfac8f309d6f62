-- What selfheald remembers: pipelines and what was decided about them; cases with their attempts and their history.
--
-- Instants are UTC text of one width ("2026-11-23T12:00:00.000000Z"), so that their order as text is their order in
-- time. The lists of words in CHECK are those of the domain's enums; a test compares them.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('created_at', strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'));

CREATE TABLE projects (
    name   TEXT PRIMARY KEY,
    -- Up to where the project was swept: the latest done_at seen.
    cursor TEXT NOT NULL CHECK (cursor GLOB '????-??-??T??:??:??.??????Z')
) STRICT, WITHOUT ROWID;

CREATE TABLE pipelines (
    id          TEXT PRIMARY KEY,
    project     TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    ref         TEXT NOT NULL,
    file        TEXT NOT NULL,
    commit_sha  TEXT NOT NULL,
    state       TEXT NOT NULL
        CHECK (state IN ('initializing', 'pending', 'queuing', 'running', 'stopping', 'done', 'unknown')),
    result      TEXT
        CHECK (result IN ('passed', 'stopped', 'canceled', 'failed', 'unknown')),
    created_at  TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
    done_at     TEXT CHECK (done_at GLOB '????-??-??T??:??:??.??????Z'),
    seen_at     TEXT NOT NULL CHECK (seen_at GLOB '????-??-??T??:??:??.??????Z'),
    -- The whole pipeline as JSON.
    payload     TEXT NOT NULL CHECK (json_valid(payload)),
    -- Empty: nothing was decided (yet).
    decision    TEXT NOT NULL DEFAULT '' CHECK (decision IN ('', 'heal', 'skip', 'defer')),
    reason      TEXT,
    saw         TEXT NOT NULL DEFAULT '',
    decided_at  TEXT CHECK (decided_at GLOB '????-??-??T??:??:??.??????Z'),
    defer_until TEXT CHECK (defer_until GLOB '????-??-??T??:??:??.??????Z'),
    CHECK ((decision = '') = (decided_at IS NULL)),
    CHECK ((decision = 'defer') = (defer_until IS NOT NULL))
) STRICT;

-- The failed pipelines that still wait for a decision.
CREATE INDEX pipelines_waiting ON pipelines (project, created_at)
    WHERE result = 'failed' AND decision IN ('', 'defer');

-- The pipelines of one branch and file, in time.
CREATE INDEX pipelines_in_line ON pipelines (project, ref, file, created_at);

CREATE TABLE cases (
    -- Numbers are never used twice: people and commit trailers name cases by them.
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    version          INTEGER NOT NULL CHECK (version >= 1),
    project          TEXT NOT NULL,
    repository       TEXT NOT NULL,
    pipeline_id      TEXT NOT NULL REFERENCES pipelines (id),
    -- The pipeline as it was when the case was opened.
    pipeline         TEXT NOT NULL CHECK (json_valid(pipeline)),
    commit_sha       TEXT NOT NULL,
    failure_key      TEXT NOT NULL,
    source_branch    TEXT,
    branch           TEXT NOT NULL,
    state            TEXT NOT NULL
        CHECK (state IN ('awaiting_approval', 'queued', 'healing', 'pushing', 'validating', 'publishing', 'proposed',
                         'healed', 'declined', 'withdrawn', 'superseded', 'flaky', 'not_fixable', 'blocked',
                         'exhausted', 'over_budget', 'no_ci', 'rejected', 'cancelled', 'failed')),
    reason           TEXT,
    opened_at        TEXT NOT NULL CHECK (opened_at GLOB '????-??-??T??:??:??.??????Z'),
    updated_at       TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.??????Z'),
    due_at           TEXT NOT NULL CHECK (due_at GLOB '????-??-??T??:??:??.??????Z'),
    closed_at        TEXT CHECK (closed_at GLOB '????-??-??T??:??:??.??????Z'),
    tries            INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    lease_owner      TEXT,
    lease_until      TEXT CHECK (lease_until GLOB '????-??-??T??:??:??.??????Z'),
    base             TEXT NOT NULL,
    failed_pipeline  TEXT NOT NULL,
    proposal         TEXT,
    pushed           TEXT,
    pushed_at        TEXT CHECK (pushed_at GLOB '????-??-??T??:??:??.??????Z'),
    summary          TEXT NOT NULL DEFAULT '',
    proof            TEXT,
    pull_request     INTEGER,
    pull_request_url TEXT NOT NULL DEFAULT '',
    -- "Open" is asked for as "closed_at IS NULL"; this line makes the two mean the same.
    CHECK ((closed_at IS NULL) = (state IN ('awaiting_approval', 'queued', 'healing', 'pushing', 'validating',
                                            'publishing', 'proposed'))),
    CHECK (reason IS NULL OR closed_at IS NOT NULL)
) STRICT;

-- At most one open case per failure.
CREATE UNIQUE INDEX cases_open ON cases (failure_key) WHERE closed_at IS NULL;
CREATE INDEX cases_of_failure ON cases (failure_key);
CREATE INDEX cases_on_branch ON cases (project, source_branch, opened_at);
CREATE INDEX cases_in_project ON cases (project, opened_at);
CREATE INDEX cases_by_pipeline ON cases (pipeline_id);
CREATE INDEX cases_by_proposal ON cases (proposal) WHERE proposal IS NOT NULL;
CREATE INDEX cases_by_pushed ON cases (pushed) WHERE pushed IS NOT NULL;

CREATE TABLE attempts (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id             INTEGER NOT NULL REFERENCES cases (id),
    number              INTEGER NOT NULL CHECK (number >= 1),
    agent               TEXT NOT NULL,
    base                TEXT NOT NULL,
    started_at          TEXT NOT NULL CHECK (started_at GLOB '????-??-??T??:??:??.??????Z'),
    finished_at         TEXT CHECK (finished_at GLOB '????-??-??T??:??:??.??????Z'),
    outcome             TEXT
        CHECK (outcome IN ('fixed', 'no_change', 'refused', 'timeout', 'crashed', 'blocked', 'verify_failed',
                           'agent_missing', 'auth_error', 'model_down', 'rate_limited', 'interrupted', 'error')),
    commit_sha          TEXT,
    summary             TEXT NOT NULL DEFAULT '',
    message             TEXT NOT NULL DEFAULT '',
    note                TEXT NOT NULL DEFAULT '',
    model               TEXT NOT NULL DEFAULT '',
    input_tokens        INTEGER NOT NULL DEFAULT 0,
    cached_input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens       INTEGER NOT NULL DEFAULT 0,
    cost_micros         INTEGER NOT NULL DEFAULT 0,
    folder              TEXT NOT NULL DEFAULT '',
    UNIQUE (case_id, number),
    CHECK ((outcome IS NULL) = (finished_at IS NULL))
) STRICT;

-- At most one running attempt per case.
CREATE UNIQUE INDEX attempts_running ON attempts (case_id) WHERE outcome IS NULL;
CREATE INDEX attempts_by_base ON attempts (base);
CREATE INDEX attempts_by_commit ON attempts (commit_sha) WHERE commit_sha IS NOT NULL;
CREATE INDEX attempts_by_start ON attempts (started_at);

CREATE TABLE case_events (
    id      INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    at      TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.??????Z'),
    -- The state before; empty for the first event of a case.
    before  TEXT NOT NULL,
    after   TEXT NOT NULL,
    reason  TEXT,
    actor   TEXT NOT NULL,
    note    TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX case_events_of_case ON case_events (case_id, id);

-- A case's history is only ever added to.
CREATE TRIGGER case_events_stay BEFORE UPDATE ON case_events
BEGIN
    SELECT RAISE(ABORT, 'case_events is only ever added to');
END;

CREATE TRIGGER case_events_remain BEFORE DELETE ON case_events
BEGIN
    SELECT RAISE(ABORT, 'case_events is only ever added to');
END;
