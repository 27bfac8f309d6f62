"""What would have been healed: the past decided again, with today's rules. Pure.

The same function decides as in the daemon. What it is told of the past is simulated: each pipeline is looked at when it
ended, knowing only the pipelines that had ended by then, and each case is one attempt that ends at once and comes to
nothing: no pull request stays open, nothing is spent, no branch has to rest, nobody says no.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.decide import decide
from selfheald.domain.decision import Decision, Defer, Heal
from selfheald.domain.history import History
from selfheald.domain.ids import PipelineId, ProjectName, Sha
from selfheald.domain.observation import Observation, Origin, origin_of
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Rate, Target
from selfheald.domain.proposal import PullRequest
from selfheald.domain.reasons import Reason

ASSUMPTIONS = (
    "A failed pipeline is looked at when it ends, and again when it was put off.",
    "A case is one attempt that ends at once, without an outcome.",
    "So it counts for attempts_per_commit, cases_per_branch and cases_per_project, and for no other limit.",
    "Nobody says no, and no commit of selfheald's own is known but by its message.",
    "Pull requests and changed files are taken as they are now.",
    "The mode observe counts as heal.",
)
"""What the replay takes for granted, for people."""

_NEVER_CHANGES = frozenset({Reason.DETAILS_PENDING, Reason.UNAVAILABLE})
"""Asking again would give the same answer: nothing more is read during a replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A pipeline that has ended, with what its decision needs besides."""

    target: Target
    pipeline: Pipeline
    pull_request: PullRequest | None = None
    previous_commit: Sha | None = None
    """What was built before on the same branch."""
    changes: Mapping[CommitRange, RangeChanges] | None = field(default_factory=dict)

    @property
    def ended_at(self) -> datetime:
        """When it could be decided upon."""
        return self.pipeline.done_at or self.pipeline.created_at

    @property
    def origin(self) -> Origin:
        """Where a fix would start."""
        return origin_of(self.pipeline, self.pull_request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What would have been decided about a failed pipeline in the end."""

    project: ProjectName
    pipeline: Pipeline
    decision: Decision
    decided_at: datetime

    @property
    def reason(self) -> Reason:
        """Why it was not healed; ``allowed`` if it was."""
        return Reason.ALLOWED if isinstance(self.decision, Heal) else self.decision.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBacktest:
    """What would have come of one project's pipelines."""

    project: ProjectName
    pipelines: int
    """All that ended, passed ones too."""
    failed: int
    cases: int
    healed: tuple[Replayed, ...]
    """In the order of their cases."""
    skipped: Mapping[Reason, int]
    """How often each reason decided, the most frequent first."""
    waiting: Mapping[Reason, int]
    """What would still be put off at the end."""


def backtest(past: Sequence[Past], *, until: datetime) -> tuple[ProjectBacktest, ...]:
    """Decide upon everything that failed, oldest end first, as known at that moment; by project, in order of name.

    All projects are replayed together: attempts are counted by commit, and two projects may build the same repository.
    """
    replayed = tuple(_Replay(past, until).run())
    return tuple(_of_project(name, past, replayed) for name in sorted({one.target.project.name for one in past}))


def _of_project(name: ProjectName, past: Sequence[Past], replayed: Sequence[Replayed]) -> ProjectBacktest:
    ours = [one for one in replayed if one.project == name]
    healed = tuple(one for one in ours if isinstance(one.decision, Heal))
    waiting = Counter(one.reason for one in ours if isinstance(one.decision, Defer))
    skipped = Counter(one.reason for one in ours if not isinstance(one.decision, Heal | Defer))
    return ProjectBacktest(
        project=name,
        pipelines=sum(one.target.project.name == name for one in past),
        failed=len(ours),
        cases=len(healed),
        healed=healed,
        skipped=dict(skipped.most_common()),
        waiting=dict(waiting.most_common()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SimulatedCase:
    past: Past
    opened_at: datetime


class _Replay:
    """The simulated world, moving forward in time."""

    def __init__(self, past: Sequence[Past], until: datetime) -> None:
        self._ends = sorted(past, key=lambda one: one.ended_at)
        self._until = until
        self._ended = 0
        self._newest: dict[tuple[str, str, str], Pipeline] = {}
        """By project, what was built and file: the one created last among those that have ended."""
        self._cases: list[_SimulatedCase] = []

    def run(self) -> Iterator[Replayed]:
        """Decide until nothing is left to be asked again; of those due at once, the one created last comes first."""
        waiting = [
            (one.ended_at, -one.pipeline.created_at.timestamp(), number)
            for number, one in enumerate(self._ends)
            if one.pipeline.failed
        ]
        heapq.heapify(waiting)
        while waiting:
            now, order, number = heapq.heappop(waiting)
            past = self._ends[number]
            decision = self._decide(past, now)
            if isinstance(decision, Defer) and decision.reason not in _NEVER_CHANGES and decision.until <= self._until:
                heapq.heappush(waiting, (decision.until, order, number))
                continue
            yield Replayed(project=past.target.project.name, pipeline=past.pipeline, decision=decision, decided_at=now)

    def _decide(self, past: Past, now: datetime) -> Decision:
        while self._ended < len(self._ends) and self._ends[self._ended].ended_at <= now:
            self._end(self._ends[self._ended])
            self._ended += 1
        seen = Observation(
            target=past.target,
            pipeline=past.pipeline,
            pull_request=past.pull_request,
            history=self._history(past, now),
            now=now,
            changes=past.changes,
        )
        decision = decide(seen)
        if isinstance(decision, Heal):
            self._cases.append(_SimulatedCase(past=past, opened_at=now))
        return decision

    def _end(self, past: Past) -> None:
        newest = self._newest.get(_line(past))
        if newest is None or newest.created_at < past.pipeline.created_at:
            self._newest[_line(past)] = past.pipeline

    def _history(self, past: Past, now: datetime) -> History:
        limits, branch = past.target.project.limits, past.origin.source_branch
        in_project = [case for case in self._cases if case.past.target.project.name == past.target.project.name]
        on_branch = [case for case in in_project if branch and case.past.origin.source_branch == branch]
        by_branch = _Window.of(on_branch, limits.cases_per_branch, now)
        by_project = _Window.of(in_project, limits.cases_per_project, now)
        return History(
            attempts_on_commit=sum(_same_failure(case.past, past) for case in self._cases),
            newer_pipeline=self._newer(past),
            previous_commit=past.previous_commit,
            cases_on_branch=by_branch.cases,
            cases_in_project=by_project.cases,
            window_frees_at=min((w.frees_at for w in (by_branch, by_project) if w.frees_at), default=None),
        )

    def _newer(self, past: Past) -> PipelineId | None:
        newest = self._newest[_line(past)]
        return newest.id if newest.created_at > past.pipeline.created_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    cases: int
    frees_at: datetime | None
    """When there is one case less, if the limit is reached."""

    @classmethod
    def of(cls, cases: Sequence[_SimulatedCase], rate: Rate, now: datetime) -> "_Window":
        opened = [case.opened_at for case in cases if case.opened_at > now - rate.window]
        reached = opened and len(opened) >= rate.count
        return cls(cases=len(opened), frees_at=min(opened) + rate.window if reached else None)


def _line(past: Past) -> tuple[str, str, str]:
    return past.target.project.name, str(past.pipeline.ref), past.pipeline.file


def _same_failure(one: Past, other: Past) -> bool:
    return one.target.repository == other.target.repository and one.origin.commit == other.origin.commit
