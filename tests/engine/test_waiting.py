"""Cases and pipelines for which a limit leaves no room, on fakes."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import Rig
from tests.fakes.agent import ends

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.case import Case, CaseState, stay
from selfheald.domain.decision import Defer, Skip
from selfheald.domain.events import Decided
from selfheald.domain.ids import CaseId
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Choice, Limits, Rate
from selfheald.domain.reasons import Reason
from selfheald.domain.zone import Metered


def rig_with(tmp_path: Path, limits: Limits, *, workers: int = 1) -> Rig:
    return Rig(tmp_path, project=make.project(limits=limits), workers=workers)


def costs(dollars: int) -> Metered:
    """What the gate counted."""
    return Metered(usages=[Usage(model="m", input_tokens=1)], cost_micros=dollars * 1_000_000)


async def two_failures(rig: Rig) -> None:
    other = rig.repositories.add(make.REPOSITORY, {"cents.py": "other\n"})
    rig.failing()
    rig.failing(id="ppl-2", commit=other, ref=make.branch("feature"))
    await rig.sweep()


async def waiting(rig: Rig) -> Case:
    (case,) = [case for case in await rig.store.cases.cases() if case.state is CaseState.QUEUED]
    return case


async def test_a_case_waits_when_the_day_s_cost_is_used_up_and_goes_on_the_next_day(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits(cost_usd_per_day=Decimal(3)))
    rig.agent.work = ends(AttemptOutcome.NO_CHANGE)
    rig.gate.met = [costs(3)]
    await two_failures(rig)
    await rig.heal()

    for _ in range(3):
        assert await rig.heal() == 0
        rig.clock.move(minutes=2)
    case = await waiting(rig)
    rig.clock.move(hours=12)

    assert await rig.heal() == 1
    notes = [event.note for event in await rig.store.cases.events(case.id)]
    assert notes.count("waits: `limits.cost_usd_per_day` is reached.") == 1


async def test_a_case_that_waited_for_a_day_is_given_up_with_the_limit_as_its_reason(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits(cost_usd_per_day=Decimal(0)))
    await two_failures(rig)
    assert not await rig.store.cases.cases(), "no case is opened when nothing may be spent"
    rig = rig_with(tmp_path, make.limits(open_pull_requests=1))
    await two_failures(rig)
    await rig.heal()

    await rig.heal()
    case = await waiting(rig)
    rig.clock.move(hours=24)
    await rig.heal()

    after = await rig.case(case.id)
    assert (after.state, after.reason) == (CaseState.OVER_BUDGET, Reason.OPEN_PULL_REQUESTS)


@pytest.mark.parametrize("at_once", [1, 2])
async def test_a_project_has_so_many_attempts_at_once_whatever_the_workers(tmp_path: Path, at_once: int) -> None:
    rig = rig_with(tmp_path, make.limits(concurrent_attempts=at_once), workers=4)
    await two_failures(rig)

    assert await rig.heal() == at_once


async def test_an_attempt_of_another_process_counts(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits())
    await two_failures(rig)
    first = await rig.case(1)
    held = make.advance_to_healing(first, owner="somebody else", until=make.later(minutes=1))
    assert await rig.store.cases.save(first, held)

    assert await rig.heal() == 0

    case = await waiting(rig)
    assert case.due_at > rig.clock.now()
    assert (await rig.store.cases.events(case.id))[-1].note == "waits: `limits.concurrent_attempts` is reached."


async def test_a_case_that_somebody_else_changed_is_not_claimed(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits())
    rig.failing()
    await rig.sweep()
    read = await rig.store.cases.cases()
    case = await rig.case()
    assert await rig.store.cases.save(case, stay(case, now=rig.clock.now(), tries=1))
    rig.store.cases.answers = [read]

    assert await rig.heal() == 0
    assert (await rig.case()).tries == 1


async def test_a_tag_has_no_branch_that_could_be_gone(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(tags=Choice.HEAL))
    rig.failing(ref=make.tag())
    await rig.sweep()

    await rig.heal()

    assert (await rig.case()).state is CaseState.PUSHING
    assert "branch_head" not in rig.code_host.calls


async def test_an_overtaken_case_that_a_worker_keeps_renewing_ends_all_the_same(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits())
    rig.failing()
    await rig.sweep()
    stale = await rig.store.cases.cases()
    case = await rig.case()
    assert await rig.store.cases.save(case, stay(case, now=rig.clock.now(), tries=1))
    now = rig.clock.now()
    rig.ci.put(make.passed_pipeline(id="newer", created_at=now, done_at=now))
    rig.store.cases.answers = [stale]

    await rig.sweep()

    assert (await rig.case()).state is CaseState.SUPERSEDED


async def test_a_decision_that_came_too_late_is_told_as_it_is_kept(tmp_path: Path) -> None:
    """Two sweeps look at two failures at the same moment, and one case is left for the hour."""
    rig = rig_with(tmp_path, make.limits(cases_per_project=Rate(count=1, window=timedelta(hours=1))))
    first, second = await both_failed(rig)
    target = rig.targets.get(make.PROJECT)
    assert target

    await asyncio.gather(*(rig.decider.consider(target, one, first=True) for one in (first, second)))

    decisions = [event.decision for event in rig.heard(Decided)]
    (put_off,) = [one for one in decisions if isinstance(one, Defer)]
    assert put_off.reason is Reason.CASES_PER_PROJECT
    assert put_off.until == rig.clock.now() + timedelta(hours=1)
    assert len(await rig.store.cases.cases()) == 1


async def both_failed(rig: Rig) -> tuple[Pipeline, Pipeline]:
    await rig.targets.refresh(rig.project.organization)
    return rig.failing(), rig.failing(id="ppl-2", commit=make.sha(2), ref=make.branch("feature"))


async def test_a_pipeline_that_two_sweeps_decide_upon_is_healed_once(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits())
    failed, _ = await both_failed(rig)
    target = rig.targets.get(make.PROJECT)
    assert target

    decisions = await asyncio.gather(*(rig.decider.consider(target, failed, first=True) for _ in range(2)))

    late = [one for one in decisions if isinstance(one, Skip)]
    assert [one.reason for one in late] == [Reason.ALREADY_OPEN]
    assert [case.id for case in await rig.store.cases.cases()] == [CaseId(1)]


async def test_a_case_by_hand_that_came_too_late_is_refused_with_the_limit(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, make.limits(cases_per_project=Rate(count=1, window=timedelta(hours=1))))
    pipelines = await both_failed(rig)
    target = rig.targets.get(make.PROJECT)
    assert target

    answers = await asyncio.gather(*(rig.decider.heal_by_hand(target, one, by="ada") for one in pipelines))

    assert [case is None for case, _ in answers].count(True) == 1
    (refusal,) = [why for case, why in answers if case is None]
    assert refusal.startswith("cases_per_project")
