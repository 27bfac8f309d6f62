"""What is new in the store: a case, a line of its history; statements that belong into a caller's transaction."""

import sqlite3
from dataclasses import replace

from selfheald.domain.case import Case, NewCase, opened
from selfheald.domain.ids import CaseId
from selfheald.ports import CaseEvent
from selfheald.store.rows import case_row, event_row
from selfheald.store.values import row

OPEN_CASE = "SELECT id FROM cases WHERE failure_key = :failure_key AND closed_at IS NULL"

_INSERT_CASE = """
INSERT INTO cases (
    version, project, repository, pipeline_id, pipeline, commit_sha, failure_key, source_branch, branch, state, reason,
    opened_at, updated_at, due_at, closed_at, tries, lease_owner, lease_until, reserved_micros, base, failed_pipeline,
    proposal, pushed, pushed_at, summary, proof, pull_request, pull_request_url
) VALUES (
    :version, :project, :repository, :pipeline_id, :pipeline, :commit_sha, :failure_key, :source_branch, :branch,
    :state, :reason, :opened_at, :updated_at, :due_at, :closed_at, :tries, :lease_owner, :lease_until, :reserved_micros,
    :base, :failed_pipeline, :proposal, :pushed, :pushed_at, :summary, :proof, :pull_request, :pull_request_url
)
RETURNING id
"""

_INSERT_EVENT = """
INSERT INTO case_events (case_id, at, before, after, reason, actor, note)
VALUES (:case_id, :at, :before, :after, :reason, :actor, :note)
"""


def open_case_of(connection: sqlite3.Connection, key: str) -> CaseId | None:
    """Find the open case of a failure."""
    found = connection.execute(OPEN_CASE, row(failure_key=key)).fetchone()
    return CaseId(found["id"]) if found else None


def open_case(connection: sqlite3.Connection, wanted: NewCase) -> Case:
    """Add a case and the first line of its history.

    The caller has asked :func:`open_case_of` in the same (immediate) transaction; the unique index ``cases_open`` makes
    forgetting that a loud error. Trying the insert first would use up a case's number each time.
    """
    without_number = opened(wanted, CaseId(0))
    [added] = connection.execute(_INSERT_CASE, case_row(without_number)).fetchall()
    case = replace(without_number, id=CaseId(added["id"]))
    add_event(
        connection,
        CaseEvent(
            case_id=case.id,
            at=wanted.opened_at,
            before="",
            after=case.state,
            reason=None,
            actor=wanted.opened_by,
            note="",
        ),
    )
    return case


def add_event(connection: sqlite3.Connection, event: CaseEvent) -> None:
    """Add a line to a case's history."""
    connection.execute(_INSERT_EVENT, event_row(event))
