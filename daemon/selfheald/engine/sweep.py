"""Which pipelines failed? Each project is looked at in its own rhythm, under its organization's rate."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from selfheald.domain.checks import ASK_AGAIN
from selfheald.domain.decision import Defer
from selfheald.domain.errors import NotFoundError, SelfhealdError, TransientError, UnauthorizedError
from selfheald.domain.events import PipelineSeen, Swept, Trouble
from selfheald.domain.ids import OrganizationName, ProjectName
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Target
from selfheald.domain.polling import Pace, new_cursor, next_look
from selfheald.engine.decide import Decider
from selfheald.engine.schedule import rung
from selfheald.engine.supersede import Superseder
from selfheald.engine.targets import Targets
from selfheald.ports import CI, Clock, Journal, Listener

log = structlog.get_logger()

LOOKS_AT_ONCE = 8
"""Requests under way at once for one organization; its token bucket sets the rate."""


@dataclass(slots=True)
class _Rhythm:
    """What is remembered of a project between two looks; all of it can be lost."""

    due: float = 0.0
    """Monotonic seconds."""
    errors: int = 0
    cursor: datetime | None = None
    read: bool = False
    """Whether the cursor was read from the store."""
    ask_store_at: datetime | None = None
    """When a pipeline in the store may have to be decided again; ``None``: none has to."""
    under_way: bool = False


class Sweeper:
    """Looks at projects and hands what failed to the decider."""

    def __init__(
        self,
        *,
        targets: Targets,
        cis: Mapping[OrganizationName, CI],
        journal: Journal,
        decider: Decider,
        superseder: Superseder,
        clock: Clock,
        listener: Listener,
        pace: Pace,
        lookback: timedelta,
    ) -> None:
        self._targets = targets
        self._cis = cis
        self._journal = journal
        self._decider = decider
        self._superseder = superseder
        self._clock = clock
        self._listener = listener
        self._pace = pace
        self._lookback = lookback
        self._rhythms: dict[ProjectName, _Rhythm] = {}

    async def run(self, organization: OrganizationName, bell: asyncio.Event) -> None:
        """Look at the organization's projects for ever, each when it is due."""
        queue: asyncio.Queue[Target] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for number in range(LOOKS_AT_ONCE):
                group.create_task(self._look_for_ever(queue), name=f"sweep {organization} {number}")
            while True:
                await rung(bell)
                for target in self._take_due(organization):
                    queue.put_nowait(target)

    async def once(self) -> None:
        """Look at every project once."""
        at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(target: Target) -> None:
            async with at_once:
                await self.look(target)

        async with asyncio.TaskGroup() as group:
            for organization in self._cis:
                for target in self._targets.of(organization):
                    group.create_task(look(target), name=f"sweep {target.project.name}")

    async def look(self, target: Target) -> None:
        """Look at one project now, and decide upon what failed. Errors are counted, never raised."""
        rhythm = self._rhythms.setdefault(target.project.name, _Rhythm())
        started, outcome, fresh = self._clock.monotonic(), "ok", 0
        try:
            fresh = await self._look(target, rhythm)
            rhythm.errors = 0
        except SelfhealdError as error:
            rhythm.errors += 1
            outcome = _outcome(error)
            self._listener(Trouble(component="sweep"))
            log.warning("project_not_swept", project=target.project.name, outcome=outcome, error=error.message)
        except Exception:
            # A bug of ours met by one project must not stop the sweeps of all others.
            rhythm.errors += 1
            outcome = "bug"
            self._listener(Trouble(component="sweep"))
            log.exception("sweep_crashed", project=target.project.name)
        finally:
            self._put_off(rhythm)
        self._listener(
            Swept(
                organization=target.project.organization,
                project=target.project.name,
                outcome=outcome,
                seconds=self._clock.monotonic() - started,
                new_pipelines=fresh,
            ),
        )

    async def _look_for_ever(self, queue: asyncio.Queue[Target]) -> None:
        while True:
            target = await queue.get()
            try:
                await self.look(target)
            finally:
                self._rhythms[target.project.name].under_way = False

    def _take_due(self, organization: OrganizationName) -> Sequence[Target]:
        """The projects that are due, the longest waiting first; each counts as under way from now on."""
        now, due = self._clock.monotonic(), []
        for target in self._targets.of(organization):
            rhythm = self._rhythms.setdefault(target.project.name, _Rhythm())
            if rhythm.due <= now and not rhythm.under_way:
                rhythm.under_way = True
                due.append((rhythm.due, target))
        return [target for _, target in sorted(due, key=lambda entry: entry[0])]

    async def _look(self, target: Target, rhythm: _Rhythm) -> int:
        """Look, keep, decide; gives back how many pipelines are new."""
        name, now = target.project.name, self._clock.now()
        if not rhythm.read:
            rhythm.cursor = await self._journal.cursor(name)
            rhythm.read, rhythm.ask_store_at = True, now
        since = rhythm.cursor or now - self._lookback
        pipelines = await self._cis[target.project.organization].finished_since(target.project_id, since)
        cursor = new_cursor(rhythm.cursor, [pipeline.done_at for pipeline in pipelines if pipeline.done_at])
        fresh = await self._journal.record(name, pipelines, cursor=cursor, now=now) if pipelines else ()
        rhythm.cursor = cursor
        for pipeline in fresh:
            self._listener(PipelineSeen(project=name, pipeline=pipeline))
        if fresh:
            await self._superseder.sweep(name)
        if any(pipeline.failed for pipeline in fresh) or (rhythm.ask_store_at and rhythm.ask_store_at <= now):
            rhythm.ask_store_at = now
            rhythm.ask_store_at = await self._decide(target, {pipeline.id for pipeline in fresh})
        return len(fresh)

    async def _decide(self, target: Target, fresh: set[str]) -> datetime | None:
        """Decide upon all that waits for a decision; gives back when the next one is due.

        What cannot be decided is asked about again later, and keeps nothing else waiting.
        """
        again: list[datetime] = []
        for waiting in await self._journal.undecided(target.project.name, self._clock.now()):
            pipeline = await self._as_it_is_now(target, waiting)
            try:
                decision = await self._decider.consider(target, pipeline, first=waiting.id in fresh)
            except SelfhealdError as error:
                self._in_trouble("pipeline_not_decided", pipeline, error)
                again.append(self._clock.now() + ASK_AGAIN)
                continue
            if isinstance(decision, Defer):
                again.append(decision.until)
        return min(again, default=None)

    async def _as_it_is_now(self, target: Target, pipeline: Pipeline) -> Pipeline:
        """The pipeline, asked for again when Semaphore had not filled it in yet.

        When Semaphore does not tell, it is the one that is known: that is put off, and after a day skipped.
        """
        if pipeline.commit:
            return pipeline
        try:
            return await self._cis[target.project.organization].pipeline(pipeline.id)
        except SelfhealdError as error:
            self._in_trouble("pipeline_not_described", pipeline, error)
            return pipeline

    def _in_trouble(self, event: str, pipeline: Pipeline, error: SelfhealdError) -> None:
        self._listener(Trouble(component="sweep"))
        log.warning(event, pipeline=pipeline.id, outcome=_outcome(error), error=error.message)

    def _put_off(self, rhythm: _Rhythm) -> None:
        quiet = self._clock.now() - rhythm.cursor if rhythm.cursor else self._pace.idle_interval
        wait = next_look(self._pace, quiet=quiet, errors=rhythm.errors, jitter=random.random())  # noqa: S311 - jitter
        rhythm.due = self._clock.monotonic() + wait.total_seconds()


def _outcome(error: SelfhealdError) -> str:
    match error:
        case UnauthorizedError():
            return "unauthorized"
        case TransientError():
            return "transient"
        case NotFoundError():
            return "not_found"
        case _:
            return "refused"
