"""Observe, decide, keep the decision: for one pipeline."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from selfheald.domain.case import Case, CaseState, NewCase
from selfheald.domain.changes import ranges_wanted
from selfheald.domain.conditions.ranges import CommitRange
from selfheald.domain.decide import decide, protection
from selfheald.domain.decision import Decision, Defer, Heal, Skip
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.events import CaseMoved, Decided
from selfheald.domain.lookup import branch_to_read, ranges_to_read
from selfheald.domain.observation import Observation, SourceBranch, origin_of
from selfheald.domain.pipeline import Pipeline, RefKind
from selfheald.domain.policy import Mode, Target
from selfheald.domain.proposal import PullRequest
from selfheald.domain.reasons import Reason
from selfheald.engine.changes import read_changes
from selfheald.ports import Clock, CodeHost, Journal, Listener, Repositories, Verdict

log = structlog.get_logger()


class Decider:
    """Decides upon pipelines and opens cases."""

    def __init__(
        self,
        *,
        journal: Journal,
        code_host: CodeHost,
        repositories: Repositories,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._journal = journal
        self._code_host = code_host
        self._repositories = repositories
        self._clock = clock
        self._listener = listener

    async def observe(self, target: Target, pipeline: Pipeline) -> Observation:
        """Everything that any check looks at."""
        seen = await self._look(target, pipeline)
        seen = await self._with_changes(seen, ranges_wanted(seen))
        return await self._with_source(seen, seen.origin.source_branch if pipeline.failed else None)

    async def _look(self, target: Target, pipeline: Pipeline) -> Observation:
        """Everything but the changed files and the branch's head: they cost requests, few decisions depend on them."""
        pull_request = await self._pull_request(target, pipeline)
        origin, now = origin_of(pipeline, pull_request), self._clock.now()
        history = await self._journal.history(
            target.project.name,
            pipeline,
            repository=target.repository,
            commit=origin.commit,
            source_branch=origin.source_branch,
            limits=target.project.limits,
            now=now,
        )
        return Observation(target=target, pipeline=pipeline, pull_request=pull_request, history=history, now=now)

    async def _with_changes(self, seen: Observation, ranges: Sequence[CommitRange]) -> Observation:
        return replace(seen, changes=await read_changes(self._repositories, seen.target.repository, ranges))

    async def _with_source(self, seen: Observation, branch: str | None) -> Observation:
        if branch is None:
            return seen
        try:
            source = SourceBranch(head=await self._code_host.branch_head(seen.target.repository, branch))
        except SelfhealdError as error:
            log.warning("branch_unreadable", pipeline=seen.pipeline.id, branch=branch, error=error.message)
            source = SourceBranch(head=None, readable=False)
        return replace(seen, source=source)

    async def consider(self, target: Target, pipeline: Pipeline, *, first: bool) -> Decision:
        """Decide upon a pipeline, keep the decision, open the case."""
        seen = await self._look(target, pipeline)
        seen = await self._with_changes(seen, ranges_to_read(seen))
        seen = await self._with_source(seen, branch_to_read(seen))
        decision = decide(seen)
        new_case = _new_case(seen, decision) if isinstance(decision, Heal) else None
        name, now = target.project.name, seen.now
        case = await self._journal.decide(name, pipeline, decision, now=now, new_case=new_case, seen=seen)
        if case is None and isinstance(decision, Heal):
            decision = await self._as_kept(pipeline)
        self._tell(target, pipeline, decision, case=case, first=first)
        return decision

    async def heal_by_hand(self, target: Target, pipeline: Pipeline, *, by: str) -> tuple[Case | None, str]:
        """Open a case because a human asks for it: the settings do not count, guards and limits do.

        Gives the case, or why there is none.
        """
        if target.project.mode is Mode.OFF:  # its cases rest, so nobody would work on it
            return None, f"{Reason.MODE_OFF}: {Reason.MODE_OFF.meaning}"
        seen = await self._look(target, pipeline)
        seen = await self._with_source(seen, seen.origin.source_branch)
        if check := protection(seen):
            return None, f"{check.reason}: {check.reason.meaning} ({check.saw})"
        by_hand = Heal(approval=False)
        new_case = replace(_new_case(seen, by_hand), opened_by=by)
        name = target.project.name
        case = await self._journal.decide(name, pipeline, by_hand, now=seen.now, new_case=new_case, seen=seen)
        if case is None:
            kept = await self._as_kept(pipeline)
            self._tell(target, pipeline, kept, case=None, first=False)
            return None, f"{kept.reason}: {kept.reason.meaning} ({kept.saw})"
        self._tell(target, pipeline, by_hand, case=case, first=False)
        return case, ""

    async def _as_kept(self, pipeline: Pipeline) -> Skip | Defer:
        """What the store keeps in place of a decision to heal that came too late."""
        match await self._journal.verdict(pipeline.id):
            case Verdict(decision="defer", reason=Reason() as reason, saw=saw, defer_until=datetime() as until):
                return Defer(until=until, reason=reason, saw=saw)
            case Verdict(decision="skip", reason=Reason() as reason, saw=saw):
                return Skip(reason=reason, saw=saw)
            case _:
                return Skip(reason=Reason.ALREADY_OPEN, saw="decided by another sweep at the same moment")

    async def _pull_request(self, target: Target, pipeline: Pipeline) -> PullRequest | None:
        if pipeline.ref.kind is not RefKind.PULL_REQUEST or not pipeline.failed:
            return None
        try:
            return await self._code_host.pull_request(target.repository, int(pipeline.ref.name))
        except SelfhealdError as error:
            log.warning("pull_request_unreadable", pipeline=pipeline.id, error=error.message)
            return None

    def _tell(self, target: Target, pipeline: Pipeline, decision: Decision, *, case: Case | None, first: bool) -> None:
        project, now = target.project.name, self._clock.now()
        seconds = (now - pipeline.done_at).total_seconds() if first and pipeline.done_at else None
        self._listener(Decided(project=project, pipeline=pipeline, decision=decision, detection_seconds=seconds))
        log.info(
            "pipeline_decided",
            project=project,
            pipeline=pipeline.id,
            ref=str(pipeline.ref),
            commit=pipeline.commit,
            decision=type(decision).__name__.lower(),
            reason=None if isinstance(decision, Heal) else decision.reason,
            case=case.id if case else None,
        )
        if case:
            self._listener(CaseMoved(before=None, after=case))


def _new_case(seen: Observation, decision: Heal) -> NewCase:
    return NewCase(
        project=seen.project.name,
        repository=seen.target.repository,
        pipeline=seen.pipeline,
        commit=seen.origin.commit,
        source_branch=seen.origin.source_branch,
        state=CaseState.AWAITING_APPROVAL if decision.approval else CaseState.QUEUED,
        opened_at=seen.now,
    )
