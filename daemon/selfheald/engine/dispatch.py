"""Hands queued cases to workers: claims, leases, attempts."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.breaker import Standing, after_nobody
from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.events import AttemptEnded, CaseMoved, Event, Load, Trouble
from selfheald.domain.finding import GuardAction
from selfheald.domain.ids import AgentName
from selfheald.domain.policy import Project, Target
from selfheald.domain.room import Claim, after_no_room
from selfheald.domain.steps import after_attempt, used
from selfheald.domain.superseding import after_left_behind
from selfheald.domain.zone import Budget
from selfheald.engine.heal import Healer
from selfheald.engine.roster import Roster
from selfheald.engine.schedule import rung
from selfheald.engine.supersede import Superseder
from selfheald.engine.targets import Targets
from selfheald.ports import CaseBook, Clock, Listener

log = structlog.get_logger()

LEASE = timedelta(seconds=60)
"""How long a claim holds without a sign of life."""

NOBODY = "waits: every agent that may take it is paused"

BEAT = timedelta(seconds=5)
"""Between two signs of life; a case that somebody cancelled is noticed then."""


class Dispatcher:
    """A pool of workers. Only ``healing`` holds one."""

    def __init__(
        self,
        *,
        healer: Healer,
        superseder: Superseder,
        targets: Targets,
        cases: CaseBook,
        clock: Clock,
        listener: Listener,
        roster: Roster,
        workers: int,
        owner: str,
        beat: timedelta = BEAT,
    ) -> None:
        self._healer = healer
        self._superseder = superseder
        self._targets = targets
        self._cases = cases
        self._clock = clock
        self._listener = listener
        self._roster = roster
        self._workers = workers
        self._owner = owner
        self._beat = beat
        self._running: dict[asyncio.Task[None], Case] = {}
        self._busy: dict[asyncio.Task[None], AgentName] = {}
        self._draining = False
        self.bell = asyncio.Event()
        """Rung by the clock, and when a case is queued or a worker is free."""

    async def run(self) -> None:
        """Claim and heal for ever; returns after :meth:`drain`."""
        async with asyncio.TaskGroup() as group:
            while not self._draining:
                await rung(self.bell)
                await self.start_due(group)

    async def start_due(self, group: asyncio.TaskGroup) -> int:
        """Start attempts on queued cases while workers are free; gives back how many were started."""
        started = 0
        try:
            queued, standings = await self._queued(), await self._roster.look()
            for case in queued:
                if self._draining or len(self._running) >= self._workers:
                    break
                started += await self._start(case, standings, group)
        except SelfhealdError as error:
            self._trouble("dispatch", error)
            return started
        self._listener(Load(workers_busy=len(self._running), queue_depth=len(queued) - started))
        return started

    def hear(self, event: Event) -> None:
        """Wake up when a case was queued, wherever that happened."""
        if isinstance(event, CaseMoved) and event.after.state is CaseState.QUEUED:
            self.bell.set()

    async def drain(self, limit: timedelta) -> None:
        """Stop claiming; let running attempts finish up to the limit, then stop them (they do not count)."""
        self._draining = True
        self.bell.set()
        if self._running:
            log.info("draining", attempts=len(self._running), limit_seconds=limit.total_seconds())
            await asyncio.wait(self._running, timeout=limit.total_seconds())
        for task in list(self._running):
            task.cancel()

    async def recover(self) -> None:
        """Give back cases whose holder is gone: at the start, and whenever a lease is over."""
        now, running = self._clock.now(), {case.id for case in self._running.values()}
        for case in await self._cases.cases(open_only=True):
            if case.state is not CaseState.HEALING or case.id in running:
                continue
            if case.lease_owner == self._owner and case.lease_until and case.lease_until > now:
                continue
            await self._give_back(case)

    async def _queued(self) -> list[Case]:
        now = self._clock.now()
        waiting = [
            case
            for case in await self._cases.cases(open_only=True)
            if case.state is CaseState.QUEUED and case.due_at <= now
        ]
        return sorted(waiting, key=lambda case: case.due_at)

    async def _start(self, case: Case, standings: Mapping[AgentName, Standing], group: asyncio.TaskGroup) -> bool:
        target = self._targets.get(case.project)
        if target is None or not self._may_start(target.project):
            return False
        picked = self._roster.pick(target.project.agent, standings, list(self._busy.values()))
        if picked.agent is None:
            await self._put_off(case, partial(after_nobody, nobody=picked), NOBODY)
            return False
        target = replace(target, project=replace(target.project, agent=picked.agent))
        claim = await self._claim(case, target.project)
        if claim is None or claim.case is None:
            return False
        task = group.create_task(self._work(claim.case, target, claim.budget), name=f"case {case.id}")
        self._running[task] = claim.case
        self._busy[task] = picked.agent
        task.add_done_callback(self._freed)
        return True

    def _freed(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._busy.pop(task, None)
        self.bell.set()

    def _may_start(self, project: Project) -> bool:
        """Whether another attempt of the project may run, as far as this process knows; the claim makes sure."""
        running = sum(case.project == project.name for case in self._running.values())
        return running < project.limits.concurrent_attempts

    async def _claim(self, case: Case, project: Project) -> Claim | None:
        """Take the case, unless it was overtaken or a limit stands against it."""
        if overtaken := await self._superseder.overtaken(case):
            await self._move(case, *overtaken)
            return None
        now = self._clock.now()
        claimed = advance(
            case, CaseState.HEALING, now=now, tries=case.tries, lease_owner=self._owner, lease_until=now + LEASE
        )
        priced = self._roster.has_prices(project.agent)
        claim = await self._cases.claim(case, claimed, limits=project.limits, now=now, priced=priced)
        if claim.case:
            self._listener(CaseMoved(before=case, after=claim.case))
            return claim
        if claim.limit:
            note = f"waits: {claim.limit.meaning}"
            await self._put_off(case, partial(after_no_room, reason=claim.limit), note)
        return None

    async def _put_off(self, case: Case, after: Callable[..., Case], note: str) -> None:
        """Put off a case that cannot be taken now; what it waits for is noted once."""
        events = await self._cases.events(case.id)
        queued = (event.at for event in events if event.after == CaseState.QUEUED != event.before)
        put_off = after(case, queued_at=max(queued, default=case.opened_at), now=self._clock.now())
        known = bool(events) and events[-1].note == note
        await self._move(case, put_off, note="" if known else note)
        log.info("case_waits", case=case.id, project=case.project, why=note, state=put_off.state)

    async def _work(self, case: Case, target: Target, budget: Budget) -> None:
        """One attempt, if its branch is still at the failed commit."""
        with bound_contextvars(case=case.id, project=case.project):
            try:
                if behind := await self._superseder.left_behind(case, target.project.superseded_by):
                    reason, note = behind
                    await self._move(case, after_left_behind(case, reason, now=self._clock.now()), note)
                    return
                await self._attempt(case, target, budget)
            except SelfhealdError as error:
                self._trouble("heal", error)
            except Exception:
                # A bug of ours met by one case must not end the attempts on all others; its lease runs out.
                self._listener(Trouble(component="heal"))
                log.exception("work_crashed")

    async def _attempt(self, case: Case, target: Target, budget: Budget) -> None:
        """An attempt, with signs of life beside it; a lost lease (somebody steered) or a newer commit ends it."""
        work = asyncio.create_task(self._healer.attempt(case, target, budget), name=f"attempt {case.id}")
        by = target.project.superseded_by
        watch = asyncio.create_task(self._superseder.until_left_behind(case, by), name=f"branch of case {case.id}")
        held = case
        try:
            while not (await self._pause(work, watch)):
                renewed = await self._renew(held)
                if renewed is None:
                    log.info("lease_lost")
                    return
                held = renewed
            if work.done():
                await self._settle(held, target, work.result())
            else:
                reason, note = watch.result()
                await self._move(held, after_left_behind(held, reason, now=self._clock.now()), note)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop(work, held))
            raise
        finally:
            await self._end(work, watch)

    async def _pause(self, *tasks: asyncio.Task[Any]) -> bool:
        """Wait for a beat, or for one of the tasks; whether one has ended."""
        seconds = self._beat.total_seconds()
        return bool((await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED))[0])

    async def _renew(self, held: Case) -> Case | None:
        """Keep the lease; the held case, renewed or not, or ``None`` when somebody else changed it."""
        now = self._clock.now()
        renewed = stay(held, now=now, lease_until=now + LEASE)
        try:
            return renewed if await self._cases.save(held, renewed) else None
        except SelfhealdError as error:
            self._trouble("lease", error)
            return held

    async def _stop(self, work: asyncio.Task[Attempt], held: Case) -> None:
        """The daemon stops: end the attempt, give the case back."""
        await self._end(work)
        await self._give_back(held)

    async def _end(self, *tasks: asyncio.Task[Any]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _give_back(self, case: Case) -> None:
        after = advance(case, CaseState.QUEUED, now=self._clock.now(), tries=case.tries)
        await self._move(case, after, note="interrupted: the attempt does not count")

    async def _settle(self, held: Case, target: Target, attempt: Attempt) -> None:
        """What the attempt means for the case."""
        self._listener(AttemptEnded(project=held.project, attempt=attempt))
        attempts = await self._cases.attempts(held.id)
        limits, now = target.project.limits, self._clock.now()
        after = after_attempt(
            held,
            attempt,
            used(attempts, held.base, feedback=target.project.guards.tries),
            limits,
            now=now,
            jitter=random.random(),  # noqa: S311 - jitter
        )
        await self._move(held, after, note=_note(attempt))
        log.info(
            "attempt_finished",
            attempt=attempt.number,
            agent=attempt.agent,
            outcome=attempt.outcome,
            seconds=round((now - attempt.started_at).total_seconds(), 3),
            input_tokens=attempt.usage.input_tokens,
            output_tokens=attempt.usage.output_tokens,
            cost_usd=attempt.cost_micros / 1e6,
            state=after.state,
            note=attempt.note[:200],
        )

    async def _move(self, before: Case, after: Case, note: str = "") -> bool:
        if not await self._cases.save(before, after, note=note):
            return False
        if before.state is not after.state:
            self._listener(CaseMoved(before=before, after=after))
        return True

    def _trouble(self, component: str, error: SelfhealdError) -> None:
        self._listener(Trouble(component=component))
        log.error("trouble", component=component, error=error.message)


def _note(attempt: Attempt) -> str:
    outcome = attempt.outcome or AttemptOutcome.INTERRUPTED
    text = f"attempt {attempt.number}: {outcome}" + (f": {attempt.note[:500]}" if attempt.note else "")
    asking = {finding.rule for finding in attempt.findings if finding.action is GuardAction.APPROVE}
    asked = asking if outcome is AttemptOutcome.FIXED else ()
    return f"{text}; approval is asked for by {', '.join(sorted(asked))}" if asked else text
