"""Agents that fail for reasons of their own, and those that stand in for them, on fakes."""

import asyncio
from pathlib import Path

from tests import builders as make
from tests.engine.rig import Rig
from tests.fakes.agent import FakeAgent, ends

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.breaker import PAUSES
from selfheald.domain.case import CaseState
from selfheald.domain.events import AgentStands
from selfheald.domain.ids import AgentName
from selfheald.domain.reasons import Reason

OTHER = AgentName("other")
NOBODY = "waits: every agent that may take it is paused"


async def failing(tmp_path: Path, *, stand_in: FakeAgent | None = None, workers: int = 1) -> Rig:
    """Two failures, and an agent whose model is down."""
    limits = make.limits(concurrent_attempts=workers)
    stand_ins = {OTHER: stand_in} if stand_in else {}
    rig = Rig(tmp_path, project=make.project(limits=limits), workers=workers, stand_ins=stand_ins)
    rig.agent.work = ends(AttemptOutcome.MODEL_DOWN, "no answer")
    rig.failing()
    other = rig.repositories.add(make.REPOSITORY, {"cents.py": "other\n"})
    rig.failing(id="ppl-2", commit=other, ref=make.branch("feature"))
    await rig.sweep()
    return rig


def told(rig: Rig) -> list[bool]:
    return [event.paused for event in rig.heard(AgentStands) if event.agent == make.AGENT]


async def test_after_a_failure_of_its_own_an_agent_is_left_alone_and_no_attempt_is_used_up(tmp_path: Path) -> None:
    rig = await failing(tmp_path)
    await rig.heal()
    for _ in range(3):
        assert await rig.heal() == 0
        rig.clock.move(seconds=5)

    cases = await rig.store.cases.cases()
    assert len(rig.agent.tasks) == 1
    assert {case.state for case in cases} == {CaseState.QUEUED}
    assert sorted([len(await rig.attempts(case.id)) for case in cases]) == [0, 1]
    for case in cases:
        assert [event.note for event in await rig.store.cases.events(case.id)].count(NOBODY) == 1
    assert told(rig) == [False, True]


async def test_it_is_tried_again_when_its_pause_is_over_and_goes_on_when_it_works(tmp_path: Path) -> None:
    rig = await failing(tmp_path)
    await rig.heal()
    await rig.heal()
    rig.clock.move(seconds=PAUSES[0].total_seconds() + 20)
    rig.agent.work = FakeAgent().work

    assert await rig.heal() == 1
    rig.clock.move(seconds=20)
    assert await rig.heal() == 1
    assert told(rig) == [False, True, False]


async def test_another_one_stands_in_while_it_is_paused(tmp_path: Path) -> None:
    stand_in = FakeAgent(name=OTHER)
    rig = await failing(tmp_path, stand_in=stand_in)
    await rig.heal()
    rig.clock.move(seconds=10)
    await rig.heal()
    await rig.heal()

    attempts = [one for number in (1, 2) for one in await rig.attempts(number)]
    assert sorted((one.agent, one.outcome) for one in attempts) == sorted(
        [
            (make.AGENT, AttemptOutcome.MODEL_DOWN),
            (OTHER, AttemptOutcome.FIXED),
            (OTHER, AttemptOutcome.FIXED),
        ]
    )
    assert len(stand_in.tasks) == 2


async def test_of_many_waiting_cases_one_tries_it_out(tmp_path: Path) -> None:
    rig = await failing(tmp_path, workers=2)
    rig.agent.hold = asyncio.Event()
    rig.agent.hold.set()
    await rig.heal()
    rig.clock.move(minutes=40)
    rig.agent.hold.clear()
    before = len(rig.agent.tasks)
    async with asyncio.TaskGroup() as group:
        assert await rig.dispatcher.start_due(group) == 1
        rig.agent.hold.set()

    assert len(rig.agent.tasks) == before + 1


async def test_the_pause_outlasts_a_restart(tmp_path: Path) -> None:
    rig = await failing(tmp_path)
    await rig.heal()
    rig._wire(workers=1)
    await rig.sweep()

    assert await rig.heal() == 0
    assert told(rig)[-1] is True


async def test_a_case_that_no_agent_takes_for_a_day_fails_with_the_reason(tmp_path: Path) -> None:
    rig = await failing(tmp_path)
    await rig.heal()
    for _ in range(2):
        rig.clock.move(hours=13)
        (latest,) = await rig.store.cases.latest_attempts(make.AGENT, limit=1)
        rig.store.cases.all_attempts[latest.id] = make.attempt(
            id=latest.id, case_id=latest.case_id, outcome=AttemptOutcome.MODEL_DOWN, finished_at=rig.clock.now()
        )
        assert await rig.heal() == 0

    assert {(case.state, case.reason) for case in await rig.store.cases.cases()} == {
        (CaseState.FAILED, Reason.MODEL_DOWN)
    }
