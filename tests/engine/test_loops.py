"""Bots in circles: whatever fails again and again, attempts and pull requests stay within their limits."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests import builders as make
from tests.engine.rig import Rig, commit_of

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import Case, CaseState
from selfheald.domain.decide import trace
from selfheald.domain.decision import Defer, Skip
from selfheald.domain.events import Decided
from selfheald.domain.ids import ProjectName, Sha
from selfheald.domain.pipeline import Pipeline, Result
from selfheald.domain.policy import Rate
from selfheald.domain.proposal import PullRequestState
from selfheald.domain.reasons import Reason
from selfheald.domain.wording import commit_message
from selfheald.ports import AgentReport, AgentTask, Verdict

Passes = Callable[[str, Sha], bool]
"""Whether CI passes on a branch at a commit."""


@dataclass
class Town:
    """CI that builds each push to a branch of ours, and a clock; checks the limits after each round."""

    rig: Rig
    passes: Passes
    built: set[tuple[str, Sha]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rig.agent.work = self._another_fix

    async def rounds(self, count: int, **pause: float) -> None:
        """Let everything happen that can, so many times."""
        for _ in range(count):
            already = len(self.rig.events)
            await self.rig.sweep()
            await self._assert_explained(already)
            await self.rig.heal()
            await self.rig.casework.work_off()
            self._build_pushes()
            await assert_within_limits(self.rig)
            self.rig.clock.move(**pause or {"minutes": 2})

    def fail(self, **overrides: Any) -> Pipeline:
        """A new pipeline that has just failed, at a new commit unless told otherwise."""
        number = len(self.rig.ci.pipelines)
        commit = overrides.get("commit") or self.rig.repositories.add(make.REPOSITORY, {"cents.py": f"bad {number}\n"})
        now = self.rig.clock.now()
        built = {"id": f"failed-{number}", "commit": commit, "created_at": now, "done_at": now}
        return self.rig.failing(**built | overrides)

    async def _assert_explained(self, already: int) -> None:
        """What ``explain`` would print now is what was decided just now."""
        for event in self.rig.events[already:]:
            if isinstance(event, Decided) and isinstance(event.decision, Skip):
                target = self.rig.targets.get(event.project)
                assert target
                explained = trace(await self.rig.decider.observe(target, event.pipeline))
                assert event.decision.reason is next(check.reason for check in explained if not check.allows)

    def _another_fix(self, task: AgentTask) -> AgentReport:
        (task.tree / "cents.py").write_text(f"fix {len(self.rig.agent.tasks)}\n")
        return AgentReport(outcome=AttemptOutcome.FIXED, message="")

    def _build_pushes(self) -> None:
        for (repository, branch), commit in self.rig.repositories.branches.items():
            self.rig.code_host.set_branch(repository, branch, commit)
            if (branch, commit) in self.built:
                continue
            self.built.add((branch, commit))
            for project_id in (one.project_id for one in self.rig.ci.listed):
                self._build(project_id, branch, commit)

    def _build(self, project_id: str, branch: str, commit: Sha) -> None:
        now, passed = self.rig.clock.now(), self.passes(branch, commit) and project_id == "project-1"
        self.rig.ci.put(
            make.pipeline(
                id=f"ours-{len(self.rig.ci.pipelines)}",
                project_id=project_id,
                ref=make.branch(branch),
                commit=commit,
                commit_message=self.rig.repositories.messages[commit],
                result=Result.PASSED if passed else Result.FAILED,
                created_at=now,
                done_at=now,
            )
        )


def never(_branch: str, _commit: Sha) -> bool:
    return False


def always(_branch: str, _commit: Sha) -> bool:
    return True


async def test_a_heal_branch_that_fails_for_ever_uses_up_its_attempts(tmp_path: Path) -> None:
    town = Town(Rig(tmp_path), never)
    town.fail()

    await town.rounds(20)

    (case,) = await town.rig.store.cases.cases()
    assert (case.state, case.reason) == (CaseState.EXHAUSTED, Reason.ATTEMPTS_USED_UP)
    assert len(town.rig.agent.tasks) == 3
    assert not town.rig.code_host.pull_requests
    assert await skipped(town.rig) == {Reason.OWN_BRANCH: 3}


async def test_a_failing_pipeline_of_our_own_pull_request_starts_nothing(tmp_path: Path) -> None:
    town = Town(Rig(tmp_path), always)
    town.fail()
    await town.rounds(5)
    ((_, number),) = town.rig.code_host.pull_requests

    for _ in range(5):
        town.fail(ref=make.pull_request_ref(number), commit_message="Merge 1234 into 5678")
        await town.rounds(3)

    (case,) = await town.rig.store.cases.cases()
    assert case.state is CaseState.PROPOSED
    assert len(town.rig.agent.tasks) == 1
    assert await skipped(town.rig) == {Reason.OWN_PULL_REQUEST: 5}


async def test_two_projects_of_a_repository_do_not_heal_each_other_s_heals(tmp_path: Path) -> None:
    """Everything fails in the second project: what we push, our pull request, and what is merged."""
    second = make.project(name=ProjectName("storefront"))
    town = Town(Rig(tmp_path, others=[second]), always)
    first = town.fail()
    town.fail(project_id="project-2", commit=first.commit)
    await town.rounds(5)
    (pull_request,) = town.rig.code_host.pull_requests.values()
    town.fail(project_id="project-2", ref=make.pull_request_ref(pull_request.number))
    await town.rounds(5)

    town.rig.code_host.merge(make.REPOSITORY, pull_request.number)
    town.fail(project_id="project-2", commit=pull_request.head_commit)
    await town.rounds(5)

    (case,) = await town.rig.store.cases.cases()
    assert case.state is CaseState.HEALED
    assert len(town.rig.agent.tasks) == 1
    reasons = await skipped(town.rig)
    assert reasons.keys() >= {Reason.OWN_BRANCH, Reason.OWN_PULL_REQUEST, Reason.OWN_COMMIT}
    assert reasons.total() == 4


async def test_a_fix_that_is_reverted_again_and_again_stays_within_the_branch_s_cases(tmp_path: Path) -> None:
    town = Town(Rig(tmp_path), always)
    town.fail()
    for turn in range(6):
        await town.rounds(5)
        for repository, number in [key for key, it in town.rig.code_host.pull_requests.items() if is_open(it)]:
            town.rig.code_host.merge(repository, number)
        await town.rounds(2)
        town.fail(commit_message=f'Revert "selfheal CI: fix {turn}"\n\nThis reverts commit 1234.')

    await town.rounds(5)

    cases = await town.rig.store.cases.cases()
    assert [case.state for case in cases] == [CaseState.HEALED] * 3
    assert len(town.rig.agent.tasks) == 3
    last = town.rig.heard(Decided)[-1].decision
    assert isinstance(last, Defer)
    assert last.reason is Reason.CASES_PER_BRANCH


async def test_our_fix_that_fails_on_main_after_its_merge_is_not_healed(tmp_path: Path) -> None:
    town = Town(Rig(tmp_path), always)
    town.fail()
    await town.rounds(5)
    case = await town.rig.case()
    message = commit_message(summary="round half up", case_id=case.id, attempt=1, agent=make.AGENT)
    town.rig.code_host.merge(make.REPOSITORY, case.pull_request or 0)

    town.fail(commit=commit_of(case))
    await town.rounds(2)
    town.fail(commit_message=message.replace("\n", " (#1)\n", 1))
    await town.rounds(2)
    town.fail(commit_message=f"Merge pull request #1 from acme/{case.branch}")
    await town.rounds(2)

    assert len(await town.rig.store.cases.cases()) == 1
    assert await skipped(town.rig) == {Reason.OWN_COMMIT: 3}


async def test_fifty_branches_that_fail_at_once_are_healed_one_by_one_within_the_limits(tmp_path: Path) -> None:
    town = Town(Rig(tmp_path), always)
    for number in range(50):
        town.fail(ref=make.branch(f"feature-{number}"))

    await town.rounds(30)
    in_the_first_hour = len(town.rig.agent.tasks)
    await town.rounds(75, hours=1)

    assert in_the_first_hour == len(town.rig.code_host.pull_requests) == 5, "open pull requests hold the others back"
    assert len(town.rig.agent.tasks) == 5
    states = Counter(case.state for case in await town.rig.store.cases.cases())
    assert states == {CaseState.PROPOSED: 5, CaseState.OVER_BUDGET: 5}
    verdicts = Counter(verdict.decision for verdict in await failures(town.rig))
    assert verdicts == {"heal": 10, "skip": 40}


async def test_a_clock_that_jumps_breaks_no_limit(tmp_path: Path) -> None:
    limits = make.limits(cases_per_project=Rate(count=4, window=timedelta(hours=24)), concurrent_attempts=2)
    town = Town(Rig(tmp_path, project=make.project(limits=limits), workers=2), passes_sometimes)
    for number in range(8):
        town.fail(ref=make.branch(f"feature-{number}"))
    await town.rounds(3)

    town.rig.clock.jump(hours=-1)
    for number in range(4):
        town.fail(ref=make.branch(f"feature-{number}"))
    await town.rounds(40)
    in_a_day = len(await town.rig.store.cases.cases())
    town.rig.clock.jump(days=1)
    town.fail(ref=make.branch("feature-9"))
    await town.rounds(40)

    assert in_a_day == 4
    assert len(await town.rig.store.cases.cases()) <= 8


def passes_sometimes(_branch: str, commit: Sha) -> bool:
    return int(commit, 16) % 2 == 0


def is_open(pull_request: Any) -> bool:
    return bool(pull_request.state is PullRequestState.OPEN)


async def assert_within_limits(rig: Rig) -> None:
    """No project has more of anything than it may have, now or in any window of its past."""
    cases = await rig.store.cases.cases()
    for project in rig.projects:
        limits, of_project = project.limits, [case for case in cases if case.project == project.name]
        assert sum(case.state is CaseState.HEALING for case in of_project) <= limits.concurrent_attempts
        proposed = {case.pull_request for case in of_project if case.state is CaseState.PROPOSED}
        assert len(proposed) <= limits.open_pull_requests
        assert_rate(of_project, limits.cases_per_project)
        for branch in {case.source_branch for case in of_project}:
            assert_rate([case for case in of_project if case.source_branch == branch], limits.cases_per_branch)
        for case in of_project:
            counted = [one for one in await rig.attempts(case.id) if one.outcome is None or one.outcome.counts]
            assert len(counted) <= limits.attempts_per_case
            bases = Counter(attempt.base for attempt in counted)
            assert all(count <= limits.attempts_per_commit for count in bases.values())


def assert_rate(cases: Sequence[Case], rate: Rate) -> None:
    opened = sorted(case.opened_at for case in cases)
    for first, too_many in zip(opened, opened[rate.count :], strict=False):
        assert too_many - first >= rate.window


async def failures(rig: Rig) -> list[Verdict]:
    """What was decided about every failed pipeline: there is none without a decision."""
    verdicts = [await rig.store.journal.verdict(built.id) for built in rig.ci.pipelines.values() if built.failed]
    assert all(verdict and verdict.decision for verdict in verdicts)
    return [verdict for verdict in verdicts if verdict]


async def skipped(rig: Rig) -> Counter[Reason]:
    """Why pipelines were skipped: the store and the events say the same."""
    kept = {one.pipeline.id: one.reason for one in await failures(rig) if one.decision == "skip"}
    told = {
        event.pipeline.id: event.decision.reason for event in rig.heard(Decided) if isinstance(event.decision, Skip)
    }
    assert kept == told
    return Counter(told.values())
