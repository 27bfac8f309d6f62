"""Takes open cases a step further: push, ask CI, open the pull request, follow it. No step holds a worker."""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta

import structlog
from structlog.contextvars import bound_contextvars

from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.errors import NotFoundError, SelfhealdError
from selfheald.domain.events import CaseMoved, Event, Trouble
from selfheald.domain.ids import CaseId, OrganizationName
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Target
from selfheald.domain.proposal import PullRequest, PullRequestState
from selfheald.domain.reasons import Reason
from selfheald.domain.steps import after_error, after_look_at_ci, after_look_at_pull_request, used
from selfheald.domain.superseding import after_left_behind, no_longer_needed, touched_by_others
from selfheald.domain.wording import marker
from selfheald.engine.propose import Proposer
from selfheald.engine.schedule import rung
from selfheald.engine.supersede import GONE, Superseder
from selfheald.engine.targets import Targets
from selfheald.ports import CI, CaseBook, Clock, CodeHost, Listener, PushOutcome, Repositories

log = structlog.get_logger()

STEPS_AT_ONCE = 8
"""Cases that are worked on side by side; each waits for the network most of the time."""

TOUCHED = "others have pushed to our branch: it is theirs now"

UNPUBLISHED = frozenset({CaseState.AWAITING_APPROVAL, CaseState.PUSHING, CaseState.VALIDATING})
"""Later on the branch may have moved by the merge of our own pull request."""

WAITING = UNPUBLISHED | {CaseState.PUBLISHING, CaseState.PROPOSED}


class Casework:
    """One idempotent step for each state; doing it twice is harmless."""

    def __init__(
        self,
        *,
        targets: Targets,
        cis: Mapping[OrganizationName, CI],
        code_host: CodeHost,
        repositories: Repositories,
        proposer: Proposer,
        superseder: Superseder,
        cases: CaseBook,
        clock: Clock,
        listener: Listener,
        look_again: timedelta,
    ) -> None:
        self._targets = targets
        self._cis = cis
        self._code_host = code_host
        self._repositories = repositories
        self._proposer = proposer
        self._superseder = superseder
        self._cases = cases
        self._clock = clock
        self._listener = listener
        self._look_again = look_again
        self._under_way: set[CaseId] = set()
        self.bell = asyncio.Event()
        """Rung by the clock, and when a case moved."""

    def hear(self, event: Event) -> None:
        """Wake up when a case came to a state that is worked on here."""
        if isinstance(event, CaseMoved) and event.after.state in WAITING:
            self.bell.set()

    async def run(self) -> None:
        """Work on due cases for ever, each in a task of its own: a slow one holds up nobody."""
        async with asyncio.TaskGroup() as group:
            while True:
                await rung(self.bell)
                for case, target in await self._due():
                    if len(self._under_way) < STEPS_AT_ONCE and case.id not in self._under_way:
                        self._under_way.add(case.id)
                        group.create_task(self._take_on(case, target), name=f"step of case {case.id}")

    async def work_off(self) -> int:
        """Do all steps that are due, until none is; gives back how many were done."""
        done, turns = 0, asyncio.Semaphore(STEPS_AT_ONCE)

        async def in_turn(case: Case, target: Target) -> bool:
            async with turns:
                return await self._guarded(case, target)

        while due := await self._due():
            results = await asyncio.gather(*(in_turn(case, target) for case, target in due))
            done += len(due)
            if not any(results):
                break
        return done

    async def step(self, case: Case, target: Target) -> Case:
        """One step; gives back the case as it is then. Errors of the outside are counted on the case."""
        with bound_contextvars(case=case.id, project=case.project):
            try:
                after, note = await self._next(case, target)
            except SelfhealdError as error:
                self._listener(Trouble(component="case"))
                log.warning("step_failed", state=case.state, tries=case.tries + 1, error=error.message)
                after = after_error(case, error, now=self._clock.now(), jitter=random.random())  # noqa: S311 - jitter
                note = error.message
            except Exception as error:
                # A bug of ours met by one case must not stop the others.
                self._listener(Trouble(component="case"))
                log.exception("step_crashed", state=case.state)
                bug = SelfhealdError(f"a bug in selfheald: {type(error).__name__}")
                after = after_error(case, bug, now=self._clock.now(), jitter=random.random())  # noqa: S311 - jitter
                note = bug.message
            if after is case or not await self._cases.save(case, after, note=note):
                return case
            self._tell(case, after)
            return after

    async def _due(self) -> list[tuple[Case, Target]]:
        now = self._clock.now()
        try:
            cases = await self._cases.cases(open_only=True)
        except SelfhealdError as error:
            self._listener(Trouble(component="case"))
            log.error("cases_unreadable", error=error.message)
            return []
        return [
            (case, target)
            for case in sorted(cases, key=lambda case: case.due_at)
            if case.state in WAITING and case.due_at <= now and (target := self._targets.get(case.project))
        ]

    async def _take_on(self, case: Case, target: Target) -> None:
        full = len(self._under_way) >= STEPS_AT_ONCE
        try:
            changed = await self._guarded(case, target)
        finally:
            self._under_way.discard(case.id)
        if changed or full:  # not else: what could not be saved is due again with the next tick, not at once
            self.bell.set()

    async def _guarded(self, case: Case, target: Target) -> bool:
        """A step; whether the case changed."""
        try:
            return await self.step(case, target) is not case
        except SelfhealdError as error:
            self._listener(Trouble(component="case"))
            log.error("step_not_saved", case=case.id, error=error.message)
            return False

    async def _next(self, case: Case, target: Target) -> tuple[Case, str]:
        if overtaken := await self._superseder.overtaken(case):
            return overtaken
        if case.state in UNPUBLISHED:
            behind = await self._superseder.left_behind(case, target.project.superseded_by)
            if behind:
                reason, note = behind
                return after_left_behind(case, reason, now=self._clock.now()), note
        match case.state:
            case CaseState.AWAITING_APPROVAL:
                now = self._clock.now()
                return stay(case, now=now, due_at=now + self._look_again), ""
            case CaseState.PUSHING:
                return await self._push(case)
            case CaseState.VALIDATING:
                return await self._validate(case, target)
            case CaseState.PUBLISHING:
                return await self._publish(case, target)
            case _:
                return await self._follow(case, target)

    async def _push(self, case: Case) -> tuple[Case, str]:
        if case.proposal is None:
            message = f"case {case.id} is to be pushed, but has no commit"
            raise NotFoundError(message)
        outcome = await self._repositories.push(case.repository, case.proposal, case.branch, expected=case.pushed)
        now = self._clock.now()
        if outcome is PushOutcome.TAKEN:
            return advance(case, CaseState.WITHDRAWN, now=now, reason=Reason.BRANCH_TAKEN), ""
        after = advance(case, CaseState.VALIDATING, now=now, pushed=case.proposal, pushed_at=now)
        return after, f"{case.branch} is at {case.proposal}"

    async def _validate(self, case: Case, target: Target) -> tuple[Case, str]:
        ci, project = self._cis[target.project.organization], target.project
        pipelines = await ci.on_branch(target.project_id, case.branch)
        attempts = await self._cases.attempts(case.id)
        so_far = used(attempts, case.pushed or case.base)
        after = after_look_at_ci(
            case,
            pipelines,
            project.validation,
            so_far,
            project.limits,
            now=self._clock.now(),
            look_again=self._look_again,
        )
        return after, f"pipeline {after.proof} passed" if after.proof else ""

    async def _publish(self, case: Case, target: Target) -> tuple[Case, str]:
        head = await self._code_host.branch_head(case.repository, case.branch)
        if head is not None and head.commit != case.pushed:
            return advance(case, CaseState.WITHDRAWN, now=self._clock.now(), reason=Reason.BRANCH_TAKEN), TOUCHED
        pull_request = await self._proposer.propose(case, target)
        now = self._clock.now()
        if pull_request is None:
            return after_left_behind(case, Reason.BRANCH_GONE, now=now), GONE
        after = after_look_at_pull_request(case, pull_request, now=now, look_again=self._look_again)
        return after, pull_request.url

    async def _follow(self, case: Case, target: Target) -> tuple[Case, str]:
        if case.pull_request is None:
            message = f"case {case.id} is proposed, but has no pull request"
            raise NotFoundError(message)
        pull_request = await self._code_host.pull_request(case.repository, case.pull_request)
        after = after_look_at_pull_request(case, pull_request, now=self._clock.now(), look_again=self._look_again)
        if after.state.is_end:
            return after, ""
        newer = await self._superseder.newer(case)
        ours = marker(case.id) in pull_request.body
        if newer and ours and no_longer_needed(case, pull_request, newer):
            return await self._withdraw(case, pull_request.number, newer, target)
        return after, await self._first_note_on_others(case, pull_request)

    async def _withdraw(self, case: Case, number: int, newer: Pipeline, target: Target) -> tuple[Case, str]:
        closed = await self._proposer.withdraw(case, number, newer, target)
        now = self._clock.now()
        if closed.state is PullRequestState.MERGED:
            return advance(case, CaseState.HEALED, now=now, reason=Reason.MERGED), ""
        note = f"newer pipeline {newer.id} passed at {newer.commit}"
        return advance(case, CaseState.WITHDRAWN, now=now, reason=Reason.BRANCH_GREEN), note

    async def _first_note_on_others(self, case: Case, pull_request: PullRequest) -> str:
        """Say once that others have pushed to our branch: from then on we only follow."""
        if not touched_by_others(case, pull_request):
            return ""
        events = await self._cases.events(case.id)
        return "" if any(event.note == TOUCHED for event in events) else TOUCHED

    def _tell(self, before: Case, after: Case) -> None:
        if before.state is after.state:
            return
        self._listener(CaseMoved(before=before, after=after))
        log.info("case_moved", before=before.state, after=after.state, reason=after.reason, pr=after.pull_request_url)
