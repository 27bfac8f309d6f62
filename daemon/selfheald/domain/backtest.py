"""What would have been healed: the past decided again, with today's rules. Pure.

The same function decides as in the daemon. What it is told of the past is simulated: each pipeline is looked at when it
ended, knowing only the pipelines that had begun or ended by then, and each case comes to what is assumed of all.
"""

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from selfheald.domain.assumed import Assumed, AssumedCases
from selfheald.domain.branch import BranchHead
from selfheald.domain.decide import decide
from selfheald.domain.decision import Decision, Defer, Heal
from selfheald.domain.ids import PipelineId, ProjectName, Sha, Slug
from selfheald.domain.observation import Observation, SourceBranch
from selfheald.domain.past import Past
from selfheald.domain.pipeline import Pipeline, Ref, RefKind, later_ones
from selfheald.domain.reasons import Reason

_NEVER_CHANGES = frozenset({Reason.DETAILS_PENDING, Reason.UNAVAILABLE})
"""Asking again would give the same answer: nothing more is read during a replay."""


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


def backtest(past: Sequence[Past], *, until: datetime, assumed: Assumed | None = None) -> tuple[ProjectBacktest, ...]:
    """Decide upon everything that failed, oldest end first, as known at that moment; by project, in order of name.

    All projects are replayed together: attempts are counted by commit, and two projects may build the same repository.
    """
    replayed = tuple(_Replay(past, assumed or Assumed(), until).run())
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


class _Replay:
    """The simulated world, moving forward in time."""

    def __init__(self, past: Sequence[Past], assumed: Assumed, until: datetime) -> None:
        self._ends = sorted(past, key=lambda one: one.ended_at)
        self._until = until
        self._overtaken = _overtaken(past)
        self._built = _built(past)
        self._cases = AssumedCases(assumed)

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
        seen = Observation(
            target=past.target,
            pipeline=past.pipeline,
            pull_request=past.pull_request,
            history=replace(self._cases.history(past, now), newer_pipeline=self._newer(past, now)),
            now=now,
            source=self._source(past, now),
            changes=past.changes,
        )
        decision = decide(seen)
        if isinstance(decision, Heal):
            self._cases.open(past, now)
        return decision

    def _newer(self, past: Past, now: datetime) -> PipelineId | None:
        ended_at, newer = self._overtaken.get(past.pipeline.id, (now, None))
        return newer if ended_at <= now else None

    def _source(self, past: Past, now: datetime) -> SourceBranch | None:
        """The branch as it was: what was built of it last. Of a pull request's branch that is not known."""
        if past.pipeline.ref.kind is not RefKind.BRANCH:
            return None
        built = self._built.get((past.target.repository, past.pipeline.ref), ())
        already = bisect_right(built, now, key=lambda pipeline: pipeline.created_at)
        if not already:
            return None
        newest = built[already - 1]
        return SourceBranch(head=BranchHead(commit=newest.commit, message=newest.commit_message))


def _line(past: Past) -> tuple[str, str, str]:
    return past.target.project.name, str(past.pipeline.ref), past.pipeline.file


def _overtaken(past: Sequence[Past]) -> Mapping[PipelineId, tuple[datetime, PipelineId]]:
    """By failure: the first later one of its branch and file that ended, and when."""
    lines = dict[tuple[str, str, str], list[Past]]()
    for one in past:
        lines.setdefault(_line(one), []).append(one)
    found = dict[PipelineId, tuple[datetime, PipelineId]]()
    for one in past:
        if one.pipeline.failed:
            ended_at = {other.pipeline.id: other.ended_at for other in lines[_line(one)]}
            later = later_ones(one.pipeline, [other.pipeline for other in lines[_line(one)]])
            if ends := [(ended_at[other.id], other.id) for other in later]:
                found[one.pipeline.id] = min(ends)
    return found


def _built(past: Sequence[Past]) -> Mapping[tuple[Slug, Ref], Sequence[Pipeline]]:
    """What was built of each branch, whichever project did it, the oldest first; a rerun brings no newer commit."""
    built, known = dict[tuple[Slug, Ref], list[Pipeline]](), set[tuple[Slug, Ref, Sha]]()
    for one in sorted(past, key=lambda one: one.pipeline.created_at):
        branch, pipeline = (one.target.repository, one.pipeline.ref), one.pipeline
        again = pipeline.rerun_of or pipeline.partial_rerun_of or pipeline.promotion_of
        if pipeline.commit and not (again and (*branch, pipeline.commit) in known):
            built.setdefault(branch, []).append(pipeline)
            known.add((*branch, pipeline.commit))
    return built
