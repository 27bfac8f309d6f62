"""Pipelines in SQLite: seen, decided, swept up to where. Implements :class:`selfheald.ports.Journal`."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from selfheald.domain.case import Case, NewCase, failure_key
from selfheald.domain.decide import decide_again
from selfheald.domain.decision import Decision, Heal, Skip
from selfheald.domain.history import History
from selfheald.domain.hygiene import redacted_pipeline
from selfheald.domain.ids import PipelineId, ProjectName, Sha, Slug
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import Pipeline, State
from selfheald.domain.policy import Limits
from selfheald.domain.reasons import Reason
from selfheald.ports import Redact, Verdict
from selfheald.store.database import Database
from selfheald.store.entries import open_case, open_case_of
from selfheald.store.lookback import NEWER_OUTCOME, Question, look_back
from selfheald.store.rows import decision_row, pipeline_row, verdict_from
from selfheald.store.values import instant_or_none, instant_text, pipeline, row, storable

REMEMBERED: Final = 200
"""Pipelines kept in memory per project: the overlap of two sweeps holds fewer."""

_MOVE_CURSOR = """
INSERT INTO projects (name, cursor) VALUES (:name, :cursor)
ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor WHERE excluded.cursor > projects.cursor
"""

_KEEP_PIPELINE = """
INSERT INTO pipelines (
    id, project, project_id, ref, file, commit_sha, state, result, created_at, done_at, seen_at, payload
) VALUES (
    :id, :project, :project_id, :ref, :file, :commit_sha, :state, :result, :created_at, :done_at, :seen_at, :payload
)
ON CONFLICT (id) DO UPDATE SET
    ref = excluded.ref, file = excluded.file, commit_sha = excluded.commit_sha, state = excluded.state,
    result = excluded.result, created_at = excluded.created_at, done_at = excluded.done_at, payload = excluded.payload
WHERE excluded.payload <> pipelines.payload
"""

# What was decided while it ran says nothing about how it ended.
_FORGET_DECISION = """
UPDATE pipelines SET decision = '', reason = NULL, saw = '', decided_at = NULL, defer_until = NULL WHERE id = ?
"""

# The literals are those of the index `pipelines_waiting`; SQLite uses it only if it sees them.
UNDECIDED = """
SELECT payload FROM pipelines
WHERE project = :project AND result = 'failed' AND decision IN ('', 'defer')
    AND (defer_until IS NULL OR defer_until <= :now)
ORDER BY created_at DESC
"""

KNOWN_STATE = "SELECT state FROM pipelines WHERE id = ?"

# A pipeline that opened a case keeps saying so.
_KEEP_DECISION = """
UPDATE pipelines SET
    decision = :decision, reason = :reason, saw = :saw, decided_at = :decided_at, defer_until = :defer_until
WHERE id = :id AND (decision <> 'heal' OR :decision = 'heal')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LastSweep:
    """What a project's latest sweep brought, so that the next one need not ask the file about the same pipelines."""

    pipelines: dict[PipelineId, Pipeline]
    cursor: datetime | None


class SqliteJournal:
    """Pipelines and decisions."""

    def __init__(self, database: Database, redact: Redact) -> None:
        self._database = database
        self._redact = redact
        self._last: dict[ProjectName, _LastSweep] = {}

    async def cursor(self, project: ProjectName) -> datetime | None:
        """See :meth:`selfheald.ports.Journal.cursor`."""

        def work(connection: sqlite3.Connection) -> datetime | None:
            found = connection.execute("SELECT cursor FROM projects WHERE name = ?", (project,)).fetchone()
            return instant_or_none(found["cursor"]) if found else None

        return await self._database.read(work)

    async def record(
        self, project: ProjectName, pipelines: Sequence[Pipeline], *, cursor: datetime | None, now: datetime
    ) -> Sequence[Pipeline]:
        """See :meth:`selfheald.ports.Journal.record`.

        Pipelines that have not ended are left out: they are recorded when they have. The cursor never moves back.
        A sweep that brings nothing new costs no transaction: thousands of projects are swept again and again.
        """
        ended = {built.id: built for built in pipelines if built.state is State.DONE}
        last = self._last.get(project, _LastSweep(pipelines={}, cursor=None))
        news = [built for built in ended.values() if last.pipelines.get(built.id) != built]
        moved = cursor is not None and (last.cursor is None or cursor > last.cursor)
        if not news and not moved:
            return ()
        cleaned = [redacted_pipeline(built, self._redact) for built in news]
        fresh = await self._database.write(lambda c: _record(c, project, cleaned, cursor if moved else None, now))
        self._last[project] = _LastSweep(pipelines=_newest(ended), cursor=cursor if moved else last.cursor)
        return fresh

    async def undecided(self, project: ProjectName, now: datetime) -> Sequence[Pipeline]:
        """See :meth:`selfheald.ports.Journal.undecided`."""
        asked = {"project": project, "now": instant_text(now)}
        return await self._database.read(
            lambda connection: [pipeline(found["payload"]) for found in connection.execute(UNDECIDED, asked)]
        )

    async def decide(
        self,
        project: ProjectName,
        pipeline: Pipeline,
        decision: Decision,
        *,
        now: datetime,
        new_case: NewCase | None,
        seen: Observation | None = None,
    ) -> Case | None:
        """See :meth:`selfheald.ports.Journal.decide`.

        A pipeline whose verdict is ``heal`` keeps it: a later skip (another process was slower) is not stored.
        """
        cleaned = redacted_pipeline(pipeline, self._redact)
        wanted = new_case and replace(new_case, pipeline=redacted_pipeline(new_case.pipeline, self._redact))

        def work(connection: sqlite3.Connection) -> Case | None:
            _keep(connection, project, cleaned, now)
            asked_again = _asked_again(connection, decision, seen)
            return _decide(connection, cleaned, self._without_secrets(asked_again), now=now, wanted=wanted)

        return await self._database.write(work)

    def _without_secrets(self, decision: Decision) -> Decision:
        return decision if isinstance(decision, Heal) else replace(decision, saw=self._redact(decision.saw))

    async def history(
        self,
        project: ProjectName,
        pipeline: Pipeline,
        *,
        repository: Slug,
        commit: Sha,
        source_branch: str | None,
        limits: Limits,
        now: datetime,
    ) -> History:
        """See :meth:`selfheald.ports.Journal.history`."""
        question = Question(
            project=project,
            pipeline=pipeline,
            repository=repository,
            commit=commit,
            source_branch=source_branch,
            limits=limits,
            now=now,
        )
        return await self._database.read(lambda connection: look_back(connection, question))

    async def newer_pipeline(self, case: Case) -> Pipeline | None:
        """See :meth:`selfheald.ports.Journal.newer_pipeline`."""
        asked = row(
            project=case.project,
            ref=str(case.pipeline.ref),
            file=case.pipeline.file,
            built=case.pipeline.commit,
            created_at=instant_text(case.pipeline.created_at),
        )

        def work(connection: sqlite3.Connection) -> Pipeline | None:
            found = connection.execute(NEWER_OUTCOME, asked).fetchone()
            return pipeline(found["payload"]) if found else None

        return await self._database.read(work)

    async def verdict(self, pipeline_id: PipelineId) -> Verdict | None:
        """See :meth:`selfheald.ports.Journal.verdict`."""

        def work(connection: sqlite3.Connection) -> Verdict | None:
            found = connection.execute("SELECT * FROM pipelines WHERE id = ?", (storable(pipeline_id),)).fetchone()
            return verdict_from(found) if found else None

        return await self._database.read(work)


def _newest(ended: dict[PipelineId, Pipeline]) -> dict[PipelineId, Pipeline]:
    return dict(islice(ended.items(), REMEMBERED))


def _record(
    connection: sqlite3.Connection,
    project: ProjectName,
    news: Sequence[Pipeline],
    cursor: datetime | None,
    now: datetime,
) -> list[Pipeline]:
    fresh = [built for built in news if _keep(connection, project, built, now)]
    if cursor is not None:
        connection.execute(_MOVE_CURSOR, row(name=project, cursor=instant_text(cursor)))
    return fresh


def _keep(connection: sqlite3.Connection, project: ProjectName, built: Pipeline, now: datetime) -> bool:
    """Add or correct a pipeline; says whether it is the first time that it is seen ended."""
    known = connection.execute(KNOWN_STATE, (built.id,)).fetchone()
    connection.execute(_KEEP_PIPELINE, pipeline_row(project, built, seen_at=now))
    if known is not None and known["state"] != State.DONE and built.state is State.DONE:
        connection.execute(_FORGET_DECISION, (built.id,))
        return True
    return known is None


def _asked_again(connection: sqlite3.Connection, decision: Decision, seen: Observation | None) -> Decision:
    """The decision, unless guards or limits have come to another answer since the observation was made."""
    if seen is None or not isinstance(decision, Heal):
        return decision
    history = look_back(connection, Question.about(seen))
    return decide_again(replace(seen, history=history)) or decision


def _decide(
    connection: sqlite3.Connection,
    built: Pipeline,
    decision: Decision,
    *,
    now: datetime,
    wanted: NewCase | None,
) -> Case | None:
    opened = None
    if isinstance(decision, Heal) and wanted is not None:
        taken = open_case_of(connection, failure_key(wanted.repository, wanted.commit))
        if taken is None:
            opened = open_case(connection, wanted)
        else:
            decision = Skip(reason=Reason.ALREADY_OPEN, saw=f"case {taken}")
    values = {**decision_row(decision), **row(id=built.id, decided_at=instant_text(now))}
    connection.execute(_KEEP_DECISION, values)
    return opened
