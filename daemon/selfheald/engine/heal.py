"""One attempt: prepare, let the agent work, have judged what it left."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

import structlog

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.failure import Failure
from selfheald.domain.hygiene import redacted_attempt, redacted_failure
from selfheald.domain.ids import AgentName, OrganizationName
from selfheald.domain.policy import Project, Target
from selfheald.domain.prompt import MARK_LENGTH, render_prompt, variables_of
from selfheald.domain.usages import total_usage
from selfheald.domain.zone import Budget, Metered
from selfheald.engine.costs import NOTED_EVERY, cost_noted
from selfheald.engine.effort import Effort
from selfheald.engine.judge import Judge
from selfheald.engine.outcome import Ended
from selfheald.engine.progress import thinned
from selfheald.engine.stopwatch import Stopwatch
from selfheald.ports import (
    CI,
    Agent,
    AgentTask,
    CaseBook,
    Clock,
    Gate,
    Listener,
    Redact,
    Repositories,
    WorkTree,
)

log = structlog.get_logger()
KEPT = (AttemptOutcome.OVER_BUDGET, AttemptOutcome.TURNS_USED_UP)
"""Outcomes of an agent that was cut off while it worked well."""

T = TypeVar("T")
U = TypeVar("U")


class Healer:
    """Makes attempts. What it does can be interrupted at any line: the next attempt starts afresh."""

    def __init__(
        self,
        *,
        cis: Mapping[OrganizationName, CI],
        repositories: Repositories,
        agents: Mapping[AgentName, Agent],
        judge: Judge,
        gate: Gate,
        cases: CaseBook,
        clock: Clock,
        listener: Listener,
        redact: Redact,
        state_dir: Path,
    ) -> None:
        self._cis = cis
        self._repositories = repositories
        self._agents = agents
        self._judge = judge
        self._timed = Stopwatch(clock, listener)
        self._gate = gate
        self._cases = cases
        self._clock = clock
        self._listener = listener
        self._redact = redact
        self._state_dir = state_dir
        self.noted_every = NOTED_EVERY
        """How often it is written down what a running attempt has cost."""

    async def attempt(self, case: Case, target: Target, budget: Budget) -> Attempt:
        """Make one attempt within its budget, and write down how it ended; whatever goes wrong is an outcome.

        Cancelling ends it as ``interrupted``, which does not count.
        """
        earlier = await self._cases.attempts(case.id)
        folder = f"attempts/{case.id}-{len(earlier) + 1}"
        agent, now = target.project.agent, self._clock.now()
        attempt = await self._cases.start_attempt(case, agent=agent, folder=folder, now=now)
        log.info("attempt_started", case=case.id, attempt=attempt.number, agent=agent, budget=budget.bounds())
        effort = Effort(case=case, target=target, attempt=attempt, budget=budget, gate=self._gate)
        ended = Ended(outcome=AttemptOutcome.INTERRUPTED)
        try:
            async with cost_noted(effort, self._cases, self.noted_every):
                ended = await self._work(effort, [*earlier])
        except SelfhealdError as error:
            ended = Ended(outcome=AttemptOutcome.ERROR, note=error.message)
        except OSError as error:
            note = _what_the_system_said(error)
            log.warning("attempt_refused_by_the_system", case=case.id, attempt=attempt.number, note=note, exc_info=True)
            ended = Ended(outcome=AttemptOutcome.ERROR, note=note)
        except Exception as error:
            # A bug of ours must cost one attempt, not the daemon and every other case with it.
            log.exception("attempt_crashed", case=case.id, attempt=attempt.number)
            ended = Ended(outcome=AttemptOutcome.ERROR, note=f"a bug in selfheald: {type(error).__name__}")
        finally:
            attempt = self._finished(attempt, ended, effort.metered())
            await asyncio.shield(self._cases.finish_attempt(attempt))
        return attempt

    def _finished(self, attempt: Attempt, ended: Ended, metered: Metered) -> Attempt:
        """The attempt as it is written down. The gate's figures count; an agent's own tokens where it counted none."""
        finished = replace(
            attempt,
            finished_at=self._clock.now(),
            outcome=ended.outcome,
            summary=ended.summary,
            message=ended.message,
            note=ended.note,
            usage=total_usage(metered.usages) if metered.usages else ended.usage,
            usages=tuple(metered.usages),
            cost_micros=metered.cost_micros,
            refusals=tuple(metered.refusals),
            commit=ended.commit,
            findings=ended.findings,
        )
        return redacted_attempt(finished, self._redact)

    async def _work(self, effort: Effort, earlier: list[Attempt]) -> Ended:
        folder = self._state_dir / effort.attempt.folder
        await asyncio.to_thread(_make_private, folder)
        try:
            tree, failure = await self._timed(effort.attempt, "prepare", self._prepare(effort, folder / "tree"))
            task = _task(effort.project, failure, effort.attempt, earlier, tree=tree, folder=folder)
            ended = await self._let_work(effort, failure, task)
            if ended.outcome in KEPT:
                return await self._judge.keep(effort, tree, ended, failure)
            if ended.outcome is AttemptOutcome.FIXED:
                return await self._judge.judge(effort, tree, ended, failure)
            return ended
        finally:
            await asyncio.shield(self._repositories.discard(folder / "tree"))

    async def _let_work(self, effort: Effort, failure: Failure, task: AgentTask) -> Ended:
        """Let the agent work; how it ended, by its own word and the gate's."""
        agent = self._agents[effort.attempt.agent]
        async with effort.for_the_agent(failure) as passage:
            running = agent.run(replace(task, passage=passage), thinned(_progress(effort.case), self._clock.monotonic))
            report = await self._timed(effort.attempt, "agent", running)
        if report.note:  # that of a fix gives way to what was left out of it
            log.info("agent_noted", case=effort.case.id, attempt=effort.attempt.number, note=report.note)
        ended = Ended(outcome=report.outcome, message=report.message, note=report.note, usage=report.usage)
        if budget := effort.metered().over_budget:
            return replace(ended, outcome=AttemptOutcome.OVER_BUDGET, note=f"used up: the budget `{budget}`")
        return ended

    async def _prepare(self, effort: Effort, path: Path) -> tuple[WorkTree, Failure]:
        """The work tree and what failed, side by side. No secret of the logs goes further than this."""
        case, ci = effort.case, self._cis[effort.project.organization]
        tree, failure = await _both(
            self._repositories.checkout(case.repository, case.base, path),
            ci.failure(case.failed_pipeline),
        )
        return tree, await asyncio.to_thread(redacted_failure, failure, self._redact)


def _task(
    project: Project, failure: Failure, attempt: Attempt, earlier: list[Attempt], *, tree: WorkTree, folder: Path
) -> AgentTask:
    variables = variables_of(failure, project=project.name, commit=tree.commit, attempt=attempt.number)
    told = [f"Attempt {one.number}: {one.outcome}. {one.summary}\n{one.note}".strip() for one in earlier if one.outcome]
    prompt = render_prompt(project.prompt, variables, failure, told, mark=token_hex(MARK_LENGTH // 2))
    return AgentTask(prompt=prompt, variables=variables, tree=tree.path, folder=folder)


def _make_private(folder: Path) -> None:
    """Make an attempt's folder, and the one of all attempts, for nobody else to look into."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _what_the_system_said(error: OSError) -> str:
    where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
    return f"making the attempt: {error.strerror or type(error).__name__}{where}"


def _progress(case: Case) -> Callable[[str], None]:
    def tell(line: str) -> None:
        log.info("agent_progress", case=case.id, line=line[:200])

    return tell


async def _both(one: Awaitable[T], other: Awaitable[U]) -> tuple[T, U]:
    """Wait for two things at once; when one fails the other is cancelled and its end awaited."""
    first, second = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        return await first, await second
    finally:
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
