"""The daemon is killed at a random moment of the loop, and started again: the outcome is always the same."""

import asyncio
import random

import pytest
from tests.sandbox.processes import marked, token
from tests.system.house import FIX, House, agent, until

from selfheald.cli.demo_daemon import Daemon
from selfheald.domain.case import CaseState
from selfheald.simulator.hooks import RequestRecord

pytestmark = [pytest.mark.system, pytest.mark.slow]

MOMENTS = [
    ("list_pipelines", 0.5),
    ("get_logs", 0.02),
    ("fetch", 0.2),
    ("agent", 0.3),
    ("push", 0.0),
    ("push", 0.1),
    ("ci", 0.5),
    ("list_pulls", 0.0),
    ("create_pull", 0.0),
    ("create_pull", 0.1),
]
"""What the daemon has just done when it is killed, and up to how many seconds later."""


def kill_after(house: House, running: Daemon, moment: str, seconds: float) -> None:
    """Kill the daemon so long after the first request of this kind; "agent" and "ci" follow from others."""
    loop, seen = asyncio.get_running_loop(), {"agent": "get_logs", "ci": "push"}.get(moment, moment)

    def hear(record: RequestRecord) -> None:
        if record.operation == seen and "info/refs" not in record.path:
            house.town.hooks.listeners.remove(hear)
            if seconds:
                loop.call_later(seconds, running.process.kill)
            else:
                running.process.kill()

    house.town.hooks.listeners.append(hear)


@pytest.mark.parametrize(("seed", "moment", "most"), [(seed, *moment) for seed, moment in enumerate(MOMENTS)])
async def test_a_killed_daemon_ends_in_one_pull_request(house: House, seed: int, moment: str, most: float) -> None:
    mark, seconds = token(), random.Random(seed).uniform(0, most)  # noqa: S311 - a moment, no secret
    house.settings["agents"] = {"fixer": agent(f": {mark}; timeout 0.3 tail -f /dev/null; {FIX}")}
    why = f"seed {seed}: killed {seconds:.3f} s after {moment}"

    async with house.daemon() as running:
        kill_after(house, running, moment, seconds)
        commit = await house.break_main()
        await asyncio.wait_for(running.process.wait(), 30)
    before = [case.state for case in await house.cases()]
    async with house.daemon():
        await house.case(CaseState.PROPOSED)
        leftovers = [*house.leftovers, *marked(mark)]

    why += f" in {before}"
    attempts, _ = await house.history()
    assert len(await house.cases()) == len(house.pull_requests) == 1, why
    assert list(await house.branches()) == [f"selfheal-{commit}"], why
    assert sum(attempt.outcome.counts for attempt in attempts if attempt.outcome) == 1, why
    assert all(attempt.outcome for attempt in attempts), why
    assert leftovers == [], why


async def test_killed_again_and_again_it_gets_there_all_the_same(house: House) -> None:
    moments = random.Random("again and again")  # noqa: S311 - moments, no secrets
    await house.break_main()

    for _ in range(5):
        async with house.daemon() as running:
            asyncio.get_running_loop().call_later(moments.uniform(0, 1.5), running.process.kill)
            await asyncio.wait_for(running.process.wait(), 30)
    async with house.daemon():
        await house.case(CaseState.PROPOSED)

    assert (len(await house.cases()), len(house.pull_requests), len(await house.branches())) == (1, 1, 1)
    await until(lambda: not house.leftovers)


async def test_an_unconfined_agent_of_a_killed_daemon_is_ended(house: House) -> None:
    mark = token()
    house.settings["sandbox"] = "none"
    house.settings["agents"] = {"fixer": agent(f": {mark}; echo began; tail -f /dev/null; echo {mark}")}
    async with house.daemon() as running:
        await house.break_main()
        await until(lambda: running.said("agent_progress"))
        running.process.kill()
        await running.process.wait()
    assert marked(mark)

    house.settings["agents"] = {"fixer": agent(FIX)}
    async with house.daemon():
        await house.case(CaseState.PROPOSED)

    assert [*marked(mark), *house.leftovers] == []
