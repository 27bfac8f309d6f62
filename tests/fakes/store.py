"""The store in memory, for tests of what uses it. Held to the same contract as the real one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import TRANSITIONS, Case, CaseState, IllegalTransitionError, NewCase, failure_key, opened
from selfheald.domain.decide import decide_again
from selfheald.domain.decision import Decision, Defer, Heal, Skip
from selfheald.domain.errors import NotFoundError
from selfheald.domain.history import History
from selfheald.domain.ids import AgentName, AttemptId, CaseId, PipelineId, ProjectName, Sha, Slug
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import Pipeline, State, later_ones, previous_commit
from selfheald.domain.policy import Limits, Rate
from selfheald.domain.reasons import Reason
from selfheald.domain.room import Claim, Occupancy, budget_of, limit_in_the_way, reserved
from selfheald.ports import CaseEvent, Verdict

_A_HUMANS_NO = {CaseState.DECLINED, CaseState.REJECTED, CaseState.CANCELLED}
_ON_THE_WAY = {
    *(CaseState.HEALING, CaseState.PUSHING, CaseState.VALIDATING),
    *(CaseState.PUBLISHING, CaseState.PROPOSED),
}
_WITHOUT_A_FIX = {
    *(CaseState.NOT_FIXABLE, CaseState.BLOCKED, CaseState.EXHAUSTED, CaseState.NO_CI),
    *(CaseState.FAILED, CaseState.WITHDRAWN, CaseState.OVER_BUDGET),
}


class FakeCaseBook:
    """Cases in a dictionary."""

    def __init__(self) -> None:
        self.all: dict[CaseId, Case] = {}
        self.all_attempts: dict[AttemptId, Attempt] = {}
        self.all_events: list[CaseEvent] = []
        self.reads = 0
        """How often all cases were asked for."""
        self.answers: list[Sequence[Case]] = []
        """What is answered then before the truth is told: what was read a moment ago."""

    async def case(self, case_id: CaseId) -> Case | None:
        return self.all.get(case_id)

    async def cases(self, *, open_only: bool = False, limit: int | None = None) -> Sequence[Case]:
        self.reads += 1
        if self.answers:
            return self.answers.pop(0)
        newest_first = [case for _, case in sorted(self.all.items(), reverse=True)]
        wanted = [case for case in newest_first if not (open_only and case.state.is_end)]
        return wanted if limit is None else wanted[: max(limit, 0)]

    async def save(self, before: Case, after: Case, *, note: str = "", actor: str = "selfheald") -> bool:
        if after.id != before.id or after.version != before.version + 1:
            raise ValueError(f"case {before.id} version {before.version}: not the next version")
        if after.state is not before.state and after.state not in TRANSITIONS[before.state]:
            raise IllegalTransitionError(f"case {before.id}: {before.state} to {after.state}")
        current = self.all.get(before.id)
        if current is None or (current.version, current.state) != (before.version, before.state):
            return False
        self.all[after.id] = after
        if before.state is CaseState.HEALING is not after.state:
            self._interrupt(after.id, after.updated_at)
        if note or after.state is not before.state:
            self._happened(after, before=before.state, actor=actor, note=note)
        return True

    async def claim(self, before: Case, after: Case, *, limits: Limits, now: datetime, priced: bool = True) -> Claim:
        held = self._occupancy(before, now)
        if limit := limit_in_the_way(limits, held):
            return Claim(taken=False, limit=limit)
        budget = budget_of(limits, held, priced=priced)
        claimed = reserved(after, budget)
        if not await self.save(before, claimed):
            return Claim(taken=False)
        return Claim(taken=True, case=claimed, budget=budget)

    async def start_attempt(self, case: Case, *, agent: AgentName, folder: str, now: datetime) -> Attempt:
        self._interrupt(case.id, now)
        earlier = await self.attempts(case.id)
        attempt = Attempt(
            id=AttemptId(len(self.all_attempts) + 1),
            case_id=case.id,
            number=len(earlier) + 1,
            agent=agent,
            base=case.base,
            started_at=now,
            folder=folder,
        )
        self.all_attempts[attempt.id] = attempt
        return attempt

    async def note_cost(self, attempt: Attempt, cost_micros: int) -> None:
        running = self.all_attempts[attempt.id]
        if running.outcome is None:
            self.all_attempts[attempt.id] = replace(running, cost_micros=cost_micros)

    async def finish_attempt(self, attempt: Attempt) -> None:
        if attempt.outcome is None or attempt.finished_at is None:
            raise ValueError(f"attempt {attempt.id} has not ended")
        if attempt.id not in self.all_attempts:
            raise NotFoundError(f"finishing attempt {attempt.id}: there is none")
        self.all_attempts[attempt.id] = attempt

    async def attempts(self, case_id: CaseId) -> Sequence[Attempt]:
        return [attempt for attempt in self.all_attempts.values() if attempt.case_id == case_id]

    async def latest_attempts(self, agent: AgentName, *, limit: int) -> Sequence[Attempt]:
        return [one for one in reversed(self.all_attempts.values()) if one.agent == agent and one.outcome][:limit]

    async def events(self, case_id: CaseId) -> Sequence[CaseEvent]:
        return [event for event in self.all_events if event.case_id == case_id]

    def open(self, wanted: NewCase) -> Case | None:
        """Open a case, unless the failure has an open one."""
        if self.open_case_of(failure_key(wanted.repository, wanted.commit)) is not None:
            return None
        case = opened(wanted, CaseId(len(self.all) + 1))
        self.all[case.id] = case
        self._happened(case, before="", actor=wanted.opened_by, note="")
        return case

    def open_case_of(self, key: str) -> CaseId | None:
        """Find the open case of a failure."""
        return next((c.id for c in self.all.values() if c.failure_key == key and not c.state.is_end), None)

    def cost_today(self, project: ProjectName | None, now: datetime) -> int:
        """What the project's attempts have cost since midnight; ``None``: those of all."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        todays = (one for one in self.all_attempts.values() if one.started_at >= midnight)
        return sum(one.cost_micros for one in todays if project in (None, self.all[one.case_id].project))

    def _occupancy(self, case: Case, now: datetime) -> Occupancy:
        elsewhere = [one for one in self.all.values() if one.id != case.id]
        others = [one.state for one in elsewhere if one.project == case.project]
        return Occupancy(
            attempts_under_way=others.count(CaseState.HEALING),
            proposals_under_way=sum(state in _ON_THE_WAY for state in others),
            spent_micros=self.cost_today(case.project, now),
            reserved_micros=sum(self._held_back(one) for one in elsewhere if one.project == case.project),
            spent_micros_of_all=self.cost_today(None, now),
            reserved_micros_of_all=sum(self._held_back(one) for one in elsewhere),
        )

    def _interrupt(self, case_id: CaseId, now: datetime) -> None:
        for one in [one for one in self.all_attempts.values() if one.case_id == case_id and one.outcome is None]:
            self.all_attempts[one.id] = replace(one, outcome=AttemptOutcome.INTERRUPTED, finished_at=now)

    def _held_back(self, case: Case) -> int:
        running = (one for one in self.all_attempts.values() if one.case_id == case.id and one.outcome is None)
        return max(case.reserved_micros - sum(one.cost_micros for one in running), 0)

    def _happened(self, case: Case, *, before: str, actor: str, note: str) -> None:
        self.all_events.append(
            CaseEvent(
                case_id=case.id,
                at=case.updated_at,
                before=before,
                after=case.state,
                reason=case.reason,
                actor=actor,
                note=note,
            ),
        )


class FakeJournal:
    """Pipelines and verdicts in dictionaries, over a :class:`FakeCaseBook`."""

    def __init__(self, cases: FakeCaseBook) -> None:
        self.cases = cases
        self.cursors: dict[ProjectName, datetime] = {}
        self.verdicts: dict[PipelineId, Verdict] = {}
        self.errors: list[Exception] = []
        """Raised, each once and in order, when the history is asked for."""

    async def cursor(self, project: ProjectName) -> datetime | None:
        return self.cursors.get(project)

    async def record(
        self, project: ProjectName, pipelines: Sequence[Pipeline], *, cursor: datetime | None, now: datetime
    ) -> Sequence[Pipeline]:
        ended = {built.id: built for built in pipelines if built.state is State.DONE}
        fresh = [built for built in ended.values() if self._keep(project, built)]
        if cursor is not None:
            self.cursors[project] = max(cursor, self.cursors.get(project, cursor))
        return fresh

    async def undecided(self, project: ProjectName, now: datetime) -> Sequence[Pipeline]:
        waiting = [
            verdict.pipeline
            for verdict in self.verdicts.values()
            if verdict.project == project
            and verdict.pipeline.failed
            and verdict.decision in ("", "defer")
            and (verdict.defer_until is None or verdict.defer_until <= now)
        ]
        return sorted(waiting, key=lambda built: built.created_at, reverse=True)

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
        self._keep(project, pipeline)
        if seen is not None and isinstance(decision, Heal):
            decision = decide_again(replace(seen, history=self._history_of(seen))) or decision
        opened = None
        if isinstance(decision, Heal) and new_case is not None:
            opened = self.cases.open(new_case)
            if opened is None:
                taken = self.cases.open_case_of(failure_key(new_case.repository, new_case.commit))
                decision = Skip(reason=Reason.ALREADY_OPEN, saw=f"case {taken}")
        verdict = self.verdicts[pipeline.id]
        if verdict.decision != "heal" or isinstance(decision, Heal):
            self.verdicts[pipeline.id] = _decided(verdict, decision, now)
        return opened

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
        if self.errors:
            raise self.errors.pop(0)
        seen = self._look_back(
            project,
            pipeline,
            repository=repository,
            commit=commit,
            source_branch=source_branch,
            limits=limits,
            now=now,
        )
        await asyncio.sleep(0)  # others get their turn, as with the real one
        return seen

    def _look_back(
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
        key = failure_key(repository, commit)
        in_project = [case for case in self.cases.all.values() if case.project == project]
        on_branch = [case for case in in_project if source_branch is not None and case.source_branch == source_branch]
        branch_window = _window(on_branch, limits.cases_per_branch, now)
        project_window = _window(in_project, limits.cases_per_project, now)
        frees = [at for at in (branch_window.frees_at, project_window.frees_at) if at is not None]
        return History(
            open_case=self.cases.open_case_of(key),
            own_commit=bool(self._own_commits() & {pipeline.commit, commit}),
            declined=max(
                (c.id for c in self.cases.all.values() if c.failure_key == key and c.state in _A_HUMANS_NO),
                default=None,
            ),
            attempts_on_commit=self._attempts_on(repository, commit),
            newer_pipeline=self._newer(project, pipeline),
            previous_commit=previous_commit(
                pipeline, [one.pipeline for one in self.verdicts.values() if one.project == project]
            ),
            cases_on_branch=branch_window.cases,
            cases_in_project=project_window.cases,
            window_frees_at=min(frees, default=None),
            open_pull_requests=sum(c.state in (CaseState.PUBLISHING, CaseState.PROPOSED) for c in in_project),
            cost_micros_today=self.cases.cost_today(project, now),
            cost_micros_today_of_all=self.cases.cost_today(None, now),
            last_unfixed_at=max((c.closed_at for c in on_branch if _unfixed(c) and c.closed_at), default=None),
        )

    async def newer_pipeline(self, case: Case) -> Pipeline | None:
        newer = [
            built
            for built in self._later(case.project, case.pipeline)
            if (built.passed or built.failed) and built.promotion_of is None
        ]
        return max(newer, key=lambda built: built.created_at, default=None)

    async def verdict(self, pipeline_id: PipelineId) -> Verdict | None:
        return self.verdicts.get(pipeline_id)

    def _keep(self, project: ProjectName, built: Pipeline) -> bool:
        known = self.verdicts.get(built.id)
        if known is None or (known.pipeline.state is not State.DONE and built.state is State.DONE):
            self.verdicts[built.id] = Verdict(
                project=known.project if known else project,
                pipeline=built,
                decision="",
                reason=None,
                saw="",
                decided_at=None,
                defer_until=None,
            )
            return True
        self.verdicts[built.id] = replace(known, pipeline=built)
        return False

    def _own_commits(self) -> set[Sha | None]:
        ours = chain(
            (case.proposal for case in self.cases.all.values()),
            (case.pushed for case in self.cases.all.values()),
            (attempt.commit for attempt in self.cases.all_attempts.values()),
        )
        return set(ours) - {None}

    def _attempts_on(self, repository: Slug, commit: Sha) -> int:
        return sum(
            attempt.base == commit
            and self.cases.all[attempt.case_id].repository == repository
            and (attempt.outcome is None or attempt.outcome.counts)
            for attempt in self.cases.all_attempts.values()
        )

    def _history_of(self, seen: Observation) -> History:
        return self._look_back(
            seen.project.name,
            seen.pipeline,
            repository=seen.target.repository,
            commit=seen.origin.commit,
            source_branch=seen.origin.source_branch,
            limits=seen.project.limits,
            now=seen.now,
        )

    def _newer(self, project: ProjectName, built: Pipeline) -> PipelineId | None:
        newest = max(self._later(project, built), key=lambda other: other.created_at, default=None)
        return newest.id if newest else None

    def _later(self, project: ProjectName, built: Pipeline) -> list[Pipeline]:
        line = [
            other.pipeline
            for other in self.verdicts.values()
            if other.project == project
            and (other.pipeline.ref, other.pipeline.file) == (built.ref, built.file)
            and other.pipeline.state is State.DONE
        ]
        return later_ones(built, line)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    cases: int
    frees_at: datetime | None


def _window(cases: Sequence[Case], rate: Rate, now: datetime) -> _Window:
    opened = [case.opened_at for case in cases if case.opened_at > now - rate.window]
    reached = opened and len(opened) >= rate.count
    return _Window(cases=len(opened), frees_at=min(opened) + rate.window if reached else None)


def _unfixed(case: Case) -> bool:
    return case.state in _WITHOUT_A_FIX and case.reason is not Reason.BRANCH_GREEN


def _decided(verdict: Verdict, decision: Decision, now: datetime) -> Verdict:
    undeferred = replace(verdict, decided_at=now, defer_until=None)
    match decision:
        case Heal():
            return replace(undeferred, decision="heal", reason=Reason.ALLOWED, saw="")
        case Skip(reason=reason, saw=saw):
            return replace(undeferred, decision="skip", reason=reason, saw=saw)
        case Defer(until=until, reason=reason, saw=saw):
            return replace(undeferred, decision="defer", reason=reason, saw=saw, defer_until=until)


@dataclass(frozen=True, slots=True)
class FakeStore:
    """Both sides of one memory, with the shape of :class:`selfheald.store.open.Store`."""

    cases: FakeCaseBook = field(default_factory=FakeCaseBook)
    journal: FakeJournal = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "journal", FakeJournal(self.cases))

    async def close(self) -> None:
        """Nothing to close."""
