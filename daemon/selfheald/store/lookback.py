"""What the store knows that bears on a decision: the queries behind :class:`selfheald.domain.history.History`."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import Case, CaseState, failure_key
from selfheald.domain.history import History
from selfheald.domain.ids import CaseId, PipelineId, ProjectName, Sha, Slug
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Limits, Rate
from selfheald.domain.room import Occupancy
from selfheald.store.entries import open_case_of
from selfheald.store.values import instant, instant_or_none, instant_text, row, storable


def _words(members: Iterable[str]) -> str:
    """Give a list of words to a query: as JSON, for ``json_each``."""
    return json.dumps(list(members))


A_HUMANS_NO = _words((CaseState.DECLINED, CaseState.REJECTED, CaseState.CANCELLED))
WITHOUT_A_FIX = _words(
    (
        CaseState.NOT_FIXABLE,
        CaseState.BLOCKED,
        CaseState.EXHAUSTED,
        CaseState.NO_CI,
        CaseState.FAILED,
        CaseState.WITHDRAWN,
        CaseState.OVER_BUDGET,
    ),
)
WITH_A_PULL_REQUEST = _words((CaseState.PUBLISHING, CaseState.PROPOSED))
ON_THE_WAY = _words(
    (CaseState.HEALING, CaseState.PUSHING, CaseState.VALIDATING, CaseState.PUBLISHING, CaseState.PROPOSED)
)
COUNTING = _words(outcome for outcome in AttemptOutcome if outcome.counts)

DECLINED = """
SELECT max(id) FROM cases
WHERE failure_key = :failure_key AND state IN (SELECT value FROM json_each(:a_humans_no))
"""

OWN_COMMIT = """
SELECT EXISTS (SELECT 1 FROM cases WHERE proposal IN (:built, :failed))
    OR EXISTS (SELECT 1 FROM cases WHERE pushed IN (:built, :failed))
    OR EXISTS (SELECT 1 FROM attempts WHERE commit_sha IN (:built, :failed))
"""

ATTEMPTS_ON_COMMIT = """
SELECT count(*) FROM attempts JOIN cases ON cases.id = attempts.case_id
WHERE attempts.base = :failed AND cases.repository = :repository
    AND (attempts.outcome IS NULL OR attempts.outcome IN (SELECT value FROM json_each(:counting)))
"""

# As `later_ones` has it: a rerun of what was there before does not move the branch.
_LATER = """
project = :project AND ref = :ref AND file = :file AND created_at > :created_at
    AND (
        coalesce(json_extract(payload, '$.rerun_of'), json_extract(payload, '$.partial_rerun_of')) IS NULL
        OR commit_sha = :built
        OR commit_sha NOT IN (
            SELECT commit_sha FROM pipelines
            WHERE project = :project AND ref = :ref AND file = :file AND created_at < :created_at
        )
    )
"""

NEWER_PIPELINE = f"""
SELECT id FROM pipelines
WHERE {_LATER} AND state = 'done'
ORDER BY created_at DESC LIMIT 1
"""  # noqa: S608 - constants only

PREVIOUS_COMMIT = """
SELECT commit_sha FROM pipelines
WHERE project = :project AND ref = :ref AND created_at < :created_at AND commit_sha NOT IN ('', :built)
ORDER BY created_at DESC LIMIT 1
"""

NEWER_OUTCOME = f"""
SELECT payload FROM pipelines
WHERE {_LATER} AND result IN ('passed', 'failed') AND json_extract(payload, '$.promotion_of') IS NULL
ORDER BY created_at DESC LIMIT 1
"""  # noqa: S608 - constants only

CASES_ON_BRANCH = """
SELECT count(*) AS cases, min(opened_at) AS oldest FROM cases
WHERE project = :project AND source_branch = :source_branch AND opened_at > :since
"""

CASES_IN_PROJECT = """
SELECT count(*) AS cases, min(opened_at) AS oldest FROM cases WHERE project = :project AND opened_at > :since
"""

OPEN_PULL_REQUESTS = """
SELECT count(*) FROM cases
WHERE project = :project AND closed_at IS NULL AND state IN (SELECT value FROM json_each(:with_a_pull_request))
"""

ATTEMPTS_UNDER_WAY = """
SELECT count(*) FROM cases
WHERE project = :project AND closed_at IS NULL AND state = 'healing' AND id <> :id
"""

PROPOSALS_UNDER_WAY = """
SELECT count(*) FROM cases
WHERE project = :project AND closed_at IS NULL AND id <> :id
    AND state IN (SELECT value FROM json_each(:on_the_way))
"""

COST_TODAY = """
SELECT coalesce(sum(attempts.cost_micros), 0) FROM attempts JOIN cases ON cases.id = attempts.case_id
WHERE attempts.started_at >= :midnight AND cases.project = :project
"""

COST_TODAY_OF_ALL = """
SELECT coalesce(sum(cost_micros), 0) FROM attempts WHERE started_at >= :midnight
"""

# What a running attempt is known to have cost already is no longer held back for it.
RESERVED_OF_ALL = """
SELECT coalesce(sum(max(reserved_micros - coalesce(
    (SELECT cost_micros FROM attempts WHERE case_id = cases.id AND outcome IS NULL), 0), 0)), 0)
FROM cases WHERE reserved_micros > 0 AND id <> :id
"""

RESERVED = f"{RESERVED_OF_ALL} AND project = :project"

LAST_UNFIXED = """
SELECT max(closed_at) FROM cases
WHERE project = :project AND source_branch = :source_branch AND state IN (SELECT value FROM json_each(:without_a_fix))
    AND coalesce(reason, '') <> 'branch_green'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """About which failure, when, and by which limits."""

    project: ProjectName
    pipeline: Pipeline
    repository: Slug
    commit: Sha
    source_branch: str | None
    limits: Limits
    now: datetime

    @classmethod
    def about(cls, seen: Observation) -> Self:
        """What an observation was made of."""
        return cls(
            project=seen.project.name,
            pipeline=seen.pipeline,
            repository=seen.target.repository,
            commit=seen.origin.commit,
            source_branch=seen.origin.source_branch,
            limits=seen.project.limits,
            now=seen.now,
        )


def look_back(connection: sqlite3.Connection, question: Question) -> History:
    """Answer from one view of the data."""
    asked = row(**_parameters(question))
    key = failure_key(question.repository, question.commit)

    def one(query: str) -> str | int | None:
        found = connection.execute(query, asked).fetchone()
        return found[0] if found else None

    on_branch = _in_window(connection, CASES_ON_BRANCH, question, question.limits.cases_per_branch)
    in_project = _in_window(connection, CASES_IN_PROJECT, question, question.limits.cases_per_project)
    return History(
        open_case=open_case_of(connection, key),
        own_commit=bool(one(OWN_COMMIT)),
        declined=_case_id(one(DECLINED)),
        attempts_on_commit=int(one(ATTEMPTS_ON_COMMIT) or 0),
        newer_pipeline=_pipeline_id(one(NEWER_PIPELINE)),
        previous_commit=_sha(one(PREVIOUS_COMMIT)),
        cases_on_branch=on_branch.cases,
        cases_in_project=in_project.cases,
        window_frees_at=min((w.frees_at for w in (on_branch, in_project) if w.frees_at), default=None),
        open_pull_requests=int(one(OPEN_PULL_REQUESTS) or 0),
        cost_micros_today=int(one(COST_TODAY) or 0),
        cost_micros_today_of_all=int(one(COST_TODAY_OF_ALL) or 0),
        last_unfixed_at=instant_or_none(_text(one(LAST_UNFIXED))),
    )


def occupancy(connection: sqlite3.Connection, case: Case, now: datetime) -> Occupancy:
    """What the case's project holds besides this case."""
    asked = row(id=case.id, project=case.project, on_the_way=ON_THE_WAY, midnight=_midnight(now))

    def one(query: str) -> int:
        return int(connection.execute(query, asked).fetchone()[0])

    return Occupancy(
        attempts_under_way=one(ATTEMPTS_UNDER_WAY),
        proposals_under_way=one(PROPOSALS_UNDER_WAY),
        spent_micros=one(COST_TODAY),
        reserved_micros=one(RESERVED),
        spent_micros_of_all=one(COST_TODAY_OF_ALL),
        reserved_micros_of_all=one(RESERVED_OF_ALL),
    )


def _midnight(now: datetime) -> str:
    return instant_text(now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


def _parameters(question: Question) -> dict[str, str | None]:
    return {
        "project": question.project,
        "repository": question.repository,
        "failure_key": failure_key(question.repository, question.commit),
        # A fresh pipeline may have no commit yet; no commit of ours is empty.
        "built": question.pipeline.commit,
        "failed": question.commit,
        "ref": str(question.pipeline.ref),
        "file": question.pipeline.file,
        "created_at": instant_text(question.pipeline.created_at),
        "source_branch": question.source_branch,
        "midnight": _midnight(question.now),
        "a_humans_no": A_HUMANS_NO,
        "without_a_fix": WITHOUT_A_FIX,
        "with_a_pull_request": WITH_A_PULL_REQUEST,
        "counting": COUNTING,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    cases: int
    frees_at: datetime | None
    """When there is one case less, if the limit is reached."""


def _in_window(connection: sqlite3.Connection, query: str, question: Question, rate: Rate) -> _Window:
    branch = None if question.source_branch is None else storable(question.source_branch)
    since = instant_text(question.now - rate.window)
    found = connection.execute(query, {"project": question.project, "source_branch": branch, "since": since}).fetchone()
    reached = found["cases"] >= rate.count and found["oldest"]
    return _Window(cases=found["cases"], frees_at=instant(found["oldest"]) + rate.window if reached else None)


def _case_id(value: str | int | None) -> CaseId | None:
    return None if value is None else CaseId(int(value))


def _pipeline_id(value: str | int | None) -> PipelineId | None:
    return None if value is None else PipelineId(str(value))


def _sha(value: str | int | None) -> Sha | None:
    return None if value is None else Sha(str(value))


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
