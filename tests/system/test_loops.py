"""Bots in circles, in the simulated town: attempts and pull requests stay within their limits, and every no is told."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import generate_latest
from tests.system.house import BROKEN, SLUG, House, agent, page, until

from selfheald.app.daemon import once
from selfheald.app.outside import open_outside
from selfheald.app.wiring import wire
from selfheald.cli.demo_daemon import Daemon
from selfheald.domain.case import CaseState
from selfheald.domain.ids import PipelineId
from selfheald.domain.reasons import Reason
from selfheald.engine.clock import SystemClock
from selfheald.ports import Verdict
from selfheald.settings.loading import load
from selfheald.simulator.bare import branches
from selfheald.simulator.runner import Outcome, Plan
from selfheald.simulator.state import JobResult, Pipeline, PullRequestHead
from selfheald.store.open import FILE_NAME, open_store

pytestmark = [pytest.mark.system, pytest.mark.slow]

PUT_OFF = re.compile(r'selfheald_decisions_total\{decision="defer",project="[^"]+",reason="([^"]+)"\} ([0-9.]+)')
COUNTED = re.compile(r'selfheald_decisions_total\{decision="skip",project="([^"]+)",reason="([^"]+)"\} ([0-9.]+)')


async def test_a_heal_branch_that_fails_for_ever_uses_up_its_attempts(house: House) -> None:
    house.settings["agents"] = {"fixer": agent("echo wrong again $SELFHEAL_ATTEMPT > answer.txt")}
    async with house.daemon() as running:
        await house.break_main()
        case = await house.case(CaseState.EXHAUSTED)
        ours = [one for one in house.project.pipelines if one.workflow.ref == case.branch]

        assert await told(house, running, ours) == {Reason.OWN_BRANCH: 3}

    attempts, _ = await house.history(case)
    assert len(attempts) == len(ours) == 3
    assert case.reason is Reason.ATTEMPTS_USED_UP
    assert not house.pull_requests


async def test_a_failing_pipeline_of_our_own_pull_request_starts_nothing(house: House) -> None:
    async with house.daemon() as running:
        await house.break_main()
        case = await house.case(CaseState.PROPOSED)
        head = PullRequestHead(number=1, sha=case.pushed or "", branch=case.branch, slug=SLUG)
        ours = [house.town.world.push(house.project, pull_request=head).pipeline for _ in range(3)]
        for pipeline in ours:
            pipeline.finish("failed", jobs=[JobResult(name="Unit tests", result="failed")])

        assert await told(house, running, ours) == {Reason.OWN_PULL_REQUEST: 3}

    assert len(await house.cases()) == len(house.pull_requests) == 1


async def test_two_projects_of_a_repository_do_not_heal_each_other_s_heals(house: House) -> None:
    """Everything fails in the second project: what we push, our pull request, and what is merged."""
    nightly = house.town.project("nightly", repository=SLUG)
    nightly.pipeline_file = ".semaphore/none.yml"  # the first push is to build nothing there
    house.settings["projects"] += [
        {"name": "nightly", "organization": "acme", "pipeline_files": [".semaphore/nightly.yml"]}
    ]
    always = "name: Nightly\nblocks: [{name: All, task: {jobs: [{name: Soak, commands: [exit 1]}]}}]\n"
    async with house.daemon() as running:
        files = {**BROKEN, ".semaphore/nightly.yml": always}
        commit = await house.town.push_files(SLUG, "main", files, "Break main")
        nightly.pipeline_file = ".semaphore/nightly.yml"
        case = await house.case(CaseState.PROPOSED)
        head = PullRequestHead(number=1, sha=case.pushed or "", branch=case.branch, slug=SLUG)
        for how in ({"commit_sha": commit}, {"pull_request": head}):
            pipeline = house.town.world.push(nightly, **how).pipeline
            pipeline.finish("failed")
            await decided(house, pipeline.id)  # while our pull request is open
        await house.town.github.merge(SLUG, 1)
        await house.case(CaseState.HEALED)
        await house.town.finished((await branches(house.town.github.path(SLUG)))["main"])

        reasons = await told(house, running, [one for one in nightly.pipelines if one.result == "failed"])

    assert reasons == {
        Reason.ALREADY_OPEN: 1,
        Reason.OWN_BRANCH: 1,
        Reason.OWN_PULL_REQUEST: 1,
        Reason.OWN_COMMIT: 1,
    }
    assert len(await house.cases()) == len(await house.branches()) == len(house.pull_requests) == 1


async def test_a_fix_that_is_reverted_again_and_again_is_proposed_within_the_limit(house: House) -> None:
    house.settings["defaults"]["limits"]["cases_per_branch"] = "2 per 24h"
    async with house.daemon() as running:
        await house.break_main()
        for number in (1, 2):
            await house.case(CaseState.PROPOSED, number)
            await house.town.github.merge(SLUG, number)
            await house.case(CaseState.HEALED, number)
            reverted = await house.town.push_files(SLUG, "main", BROKEN, 'Revert "selfheal CI: put it back"')
            (pipeline,) = await house.town.finished(reverted)

        assert (await decided(house, pipeline.id)).reason is Reason.CASES_PER_BRANCH
        explained = await house.selfheald("explain", pipeline.id, "--json")
        _, metrics = await page(running, "/metrics")

    assert explained.json["reason"] == "cases_per_branch"
    assert put_off(metrics)[Reason.CASES_PER_BRANCH] >= 1
    assert len(house.pull_requests) == 2


async def test_fifty_branches_that_fail_at_once_are_healed_one_by_one_within_the_limits(house: House) -> None:
    house.settings["workers"] = 1
    house.settings["defaults"]["limits"] |= {"cases_per_project": "7 per 24h", "open_pull_requests": 3}
    house.town.runner.plans.append(Plan(branches="feature/*", outcome=Outcome.FAIL))
    commits = [await house.break_main(f"feature/{number}") for number in range(50)]
    async with house.daemon() as running:
        for number in (1, 2, 3):
            await house.case(CaseState.PROPOSED, number)
        verdicts = [await decided(house, (await house.town.finished(commit))[0].id) for commit in commits]
        attempts = [line for line in running.lines if line.get("event") == "attempt_finished"]
        waiting = next(one for one in verdicts if one.decision == "defer").pipeline
        explained = await house.selfheald("explain", waiting.id, "--json")
        _, metrics = await page(running, "/metrics")

    assert Counter((one.decision, one.reason) for one in verdicts) == {
        ("heal", Reason.ALLOWED): 7,
        ("defer", Reason.CASES_PER_PROJECT): 43,
    }
    assert put_off(metrics)[Reason.CASES_PER_PROJECT] >= 43
    assert explained.json["reason"] == "cases_per_project"
    assert len(attempts) == len(house.pull_requests) == len(await house.branches()) == 3
    states = Counter(case.state for case in await house.cases())
    assert states == {CaseState.PROPOSED: 3, CaseState.QUEUED: 4}, "open pull requests hold the others back"


async def test_a_clock_that_jumps_breaks_no_limit(house: House) -> None:
    house.settings["defaults"]["limits"] |= {"cases_per_project": "2 per 24h", "open_pull_requests": 9}
    house.town.runner.plans.append(Plan(branches="feature/*", outcome=Outcome.FAIL))
    clock, rounds = ShiftedClock(), (timedelta(0), -timedelta(hours=1), timedelta(0), timedelta(days=1, minutes=1))
    counts = []
    async with open_outside(load(house.write(), house.environment)) as outside:
        engine = wire(replace(outside, clock=clock), "test")
        for number, shift in enumerate(rounds):
            for branch in (f"feature/{number}a", f"feature/{number}b"):
                await house.town.finished(await house.break_main(branch))
            clock.shift = shift
            await once(outside, engine)
            counts.append(len(await house.cases()))
        metrics = generate_latest(outside.metrics.registry).decode()

    assert counts == [2, 2, 2, 4], "two a day, whatever the clock says within it"
    assert len(await house.branches()) == 4
    failed = [one for one in house.project.pipelines if one.workflow.ref.startswith("feature/")]
    verdicts = [await decided(house, one.id) for one in failed]
    assert Counter(one.reason for one in verdicts) == {Reason.ALLOWED: 4, Reason.CASES_PER_PROJECT: 4}
    assert put_off(metrics)[Reason.CASES_PER_PROJECT] >= 4
    held_back = next(one.pipeline for one in verdicts if one.reason is Reason.CASES_PER_PROJECT)
    explained = await house.selfheald("explain", held_back.id, "--stored", "--json")
    assert explained.json["stored"]["reason"] == "cases_per_project"


@dataclass
class ShiftedClock(SystemClock):
    """A wall clock that somebody has set; the monotonic one does not notice."""

    shift: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


def put_off(metrics: str) -> Counter[str]:
    """How often the daemon has put a decision off, by reason: each asking counts."""
    return Counter({reason: int(float(number)) for reason, number in PUT_OFF.findall(metrics)})


async def decided(house: House, pipeline_id: str) -> Verdict:
    """What was decided about a pipeline, as soon as it is."""

    async def looked_up() -> Verdict | None:
        async with await open_store(house.state / FILE_NAME, read_only=True) as store:
            verdict = await store.journal.verdict(PipelineId(pipeline_id))
        return verdict if verdict and verdict.decision else None

    return await until(looked_up, what=house.told)


async def told(house: House, running: Daemon, failed: Sequence[Pipeline]) -> Counter[Reason | None]:
    """Why these were skipped: store, metrics and ``explain`` say the same."""
    reasons = {one.id: (await decided(house, one.id)).reason for one in failed}
    _, metrics = await page(running, "/metrics")
    counted = Counter({(project, reason): int(float(n)) for project, reason, n in COUNTED.findall(metrics) if float(n)})
    assert counted == Counter((one.project.name, str(reasons[one.id])) for one in failed)
    for reason, pipeline_id in {reason: pipeline_id for pipeline_id, reason in reasons.items()}.items():
        explained = await house.selfheald("explain", pipeline_id, "--stored", "--json")
        assert explained.json["stored"]["reason"] == reason
        assert reason in {check["reason"] for check in explained.json["checks"] if not check["allows"]} | {
            Reason.ALREADY_OPEN  # was true then
        }
    return Counter(reasons.values())
