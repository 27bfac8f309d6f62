"""Cases in SQLite: what is being treated, by whom, and how it went. Implements :class:`selfheald.ports.CaseBook`."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import TRANSITIONS, Case, CaseState, IllegalTransitionError
from selfheald.domain.errors import NotFoundError
from selfheald.domain.hygiene import redacted_attempt
from selfheald.domain.ids import AgentName, CaseId
from selfheald.domain.policy import Limits
from selfheald.domain.room import Claim, budget_of, limit_in_the_way, reserved
from selfheald.ports import CaseEvent, Redact
from selfheald.store.database import Database
from selfheald.store.entries import add_event
from selfheald.store.lookback import occupancy
from selfheald.store.rows import attempt_from, attempt_row, case_from, case_row, event_from
from selfheald.store.values import instant_text, row

_NO_LIMIT: Final = -1
"""What SQLite's LIMIT takes for none."""

_LARGEST_ID: Final = 2**63 - 1
"""The largest number that SQLite keeps; people may type a larger one."""

_SAVE_CASE = """
UPDATE cases SET
    version = :version, source_branch = :source_branch, state = :state, reason = :reason, updated_at = :updated_at,
    due_at = :due_at, closed_at = :closed_at, tries = :tries, lease_owner = :lease_owner, lease_until = :lease_until,
    reserved_micros = :reserved_micros,
    base = :base, failed_pipeline = :failed_pipeline, proposal = :proposal, pushed = :pushed, pushed_at = :pushed_at,
    summary = :summary, proof = :proof, pull_request = :pull_request, pull_request_url = :pull_request_url
WHERE id = :id AND version = :version_before AND state = :state_before
"""

_INTERRUPT_ATTEMPT = """
UPDATE attempts SET outcome = :outcome, finished_at = :now WHERE case_id = :case_id AND outcome IS NULL
"""

_START_ATTEMPT = """
INSERT INTO attempts (case_id, number, agent, base, started_at, folder)
VALUES (
    :case_id, (SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE case_id = :case_id), :agent, :base, :now, :folder
)
RETURNING *
"""

_NOTE_COST = "UPDATE attempts SET cost_micros = :cost_micros WHERE id = :id AND outcome IS NULL"

_FINISH_ATTEMPT = """
UPDATE attempts SET
    agent = :agent, base = :base, started_at = :started_at, finished_at = :finished_at, outcome = :outcome,
    commit_sha = :commit_sha, summary = :summary, message = :message, note = :note, model = :model,
    input_tokens = :input_tokens, cached_input_tokens = :cached_input_tokens,
    cache_write_tokens = :cache_write_tokens, output_tokens = :output_tokens, usages = :usages,
    cost_micros = :cost_micros, refusals = :refusals, findings = :findings, folder = :folder
WHERE id = :id AND case_id = :case_id
"""


class SqliteCaseBook:
    """The cases, their attempts and their history."""

    def __init__(self, database: Database, redact: Redact) -> None:
        self._database = database
        self._redact = redact

    async def case(self, case_id: CaseId) -> Case | None:
        """See :meth:`selfheald.ports.CaseBook.case`."""
        if not 0 < case_id <= _LARGEST_ID:
            return None

        def work(connection: sqlite3.Connection) -> Case | None:
            found = connection.execute("SELECT * FROM cases WHERE id = ?", (case_id,)).fetchone()
            return case_from(found) if found else None

        return await self._database.read(work)

    async def cases(self, *, open_only: bool = False, limit: int | None = None) -> Sequence[Case]:
        """See :meth:`selfheald.ports.CaseBook.cases`."""
        query = (
            "SELECT * FROM cases WHERE closed_at IS NULL ORDER BY id DESC LIMIT ?"
            if open_only
            else "SELECT * FROM cases ORDER BY id DESC LIMIT ?"
        )
        count = _NO_LIMIT if limit is None else max(limit, 0)
        return await self._database.read(lambda connection: [case_from(r) for r in connection.execute(query, (count,))])

    async def save(self, before: Case, after: Case, *, note: str = "", actor: str = "selfheald") -> bool:
        """See :meth:`selfheald.ports.CaseBook.save`.

        ``after`` has to come from ``before`` by :func:`advance` or :func:`stay`: raises :class:`ValueError` for
        another case or a version that is not the next, :class:`IllegalTransitionError` for a step that the
        transition table does not have.
        """
        require_step(before, after)
        after, note = replace(after, summary=self._redact(after.summary)), self._redact(note)
        return await self._database.write(lambda connection: _save(connection, before, after, note, actor))

    async def claim(self, before: Case, after: Case, *, limits: Limits, now: datetime, priced: bool = True) -> Claim:
        """See :meth:`selfheald.ports.CaseBook.claim`. Raises as :meth:`save` does."""
        require_step(before, after)

        def work(connection: sqlite3.Connection) -> Claim:
            held = occupancy(connection, before, now)
            if limit := limit_in_the_way(limits, held):
                return Claim(taken=False, limit=limit)
            budget = budget_of(limits, held, priced=priced)
            claimed = reserved(after, budget)
            if not _save(connection, before, claimed, "", "selfheald"):
                return Claim(taken=False)
            return Claim(taken=True, case=claimed, budget=budget)

        return await self._database.write(work)

    async def start_attempt(self, case: Case, *, agent: AgentName, folder: str, now: datetime) -> Attempt:
        """See :meth:`selfheald.ports.CaseBook.start_attempt`."""
        values = row(
            case_id=case.id,
            agent=agent,
            base=case.base,
            folder=folder,
            now=instant_text(now),
            outcome=AttemptOutcome.INTERRUPTED,
        )

        def work(connection: sqlite3.Connection) -> Attempt:
            connection.execute(_INTERRUPT_ATTEMPT, values)
            return attempt_from(connection.execute(_START_ATTEMPT, values).fetchall()[0])

        return await self._database.write(work)

    async def note_cost(self, attempt: Attempt, cost_micros: int) -> None:
        """See :meth:`selfheald.ports.CaseBook.note_cost`."""
        values = row(id=attempt.id, cost_micros=cost_micros)
        await self._database.write(lambda connection: connection.execute(_NOTE_COST, values).rowcount)

    async def finish_attempt(self, attempt: Attempt) -> None:
        """See :meth:`selfheald.ports.CaseBook.finish_attempt`.

        Raises :class:`ValueError` without an outcome and an instant, :class:`NotFoundError` for an unknown attempt.
        """
        require_finished(attempt)
        values = attempt_row(redacted_attempt(attempt, self._redact))
        written = await self._database.write(lambda connection: connection.execute(_FINISH_ATTEMPT, values).rowcount)
        if not written:
            raise NotFoundError(f"finishing attempt {attempt.id} of case {attempt.case_id}: there is none")

    async def attempts(self, case_id: CaseId) -> Sequence[Attempt]:
        """See :meth:`selfheald.ports.CaseBook.attempts`."""
        query = "SELECT * FROM attempts WHERE case_id = ? ORDER BY number"
        return await self._database.read(lambda c: [attempt_from(found) for found in c.execute(query, (case_id,))])

    async def latest_attempts(self, agent: AgentName, *, limit: int) -> Sequence[Attempt]:
        """See :meth:`selfheald.ports.CaseBook.latest_attempts`."""
        query = "SELECT * FROM attempts WHERE agent = ? AND outcome IS NOT NULL ORDER BY id DESC LIMIT ?"
        return await self._database.read(lambda c: [attempt_from(found) for found in c.execute(query, (agent, limit))])

    async def events(self, case_id: CaseId) -> Sequence[CaseEvent]:
        """See :meth:`selfheald.ports.CaseBook.events`."""
        query = "SELECT * FROM case_events WHERE case_id = ? ORDER BY id"
        return await self._database.read(lambda c: [event_from(found) for found in c.execute(query, (case_id,))])


def require_step(before: Case, after: Case) -> None:
    """Raise when ``after`` is not one step from ``before``: a bug that must not reach the file."""
    if after.id != before.id or after.version != before.version + 1:
        raise ValueError(
            f"case {before.id} version {before.version} cannot be followed by case {after.id} version {after.version}",
        )
    if after.state is not before.state and after.state not in TRANSITIONS[before.state]:
        raise IllegalTransitionError(f"case {before.id}: {before.state} to {after.state}")


def require_finished(attempt: Attempt) -> None:
    """Raise when an attempt has not ended."""
    if attempt.outcome is None or attempt.finished_at is None:
        raise ValueError(f"attempt {attempt.id} of case {attempt.case_id} has not ended")


def _save(connection: sqlite3.Connection, before: Case, after: Case, note: str, actor: str) -> bool:
    expected = {"id": before.id, "version_before": before.version, "state_before": before.state}
    if connection.execute(_SAVE_CASE, {**case_row(after), **expected}).rowcount == 0:
        return False
    if before.state is CaseState.HEALING is not after.state:
        ended = row(case_id=after.id, outcome=AttemptOutcome.INTERRUPTED, now=instant_text(after.updated_at))
        connection.execute(_INTERRUPT_ATTEMPT, ended)
    if note or after.state is not before.state:
        add_event(
            connection,
            CaseEvent(
                case_id=after.id,
                at=after.updated_at,
                before=before.state,
                after=after.state,
                reason=after.reason,
                actor=actor,
                note=note,
            ),
        )
    return True
