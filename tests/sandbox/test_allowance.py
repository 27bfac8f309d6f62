"""How one attempt's questions to Semaphore are spaced and counted."""

import asyncio
from dataclasses import dataclass, field

import pytest

from selfheald.sandbox.tools.allowance import Allowance, Limits, UsedUpError


@dataclass(slots=True)
class Clock:
    """Stands still but for what is slept."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def allowance(clock: Clock, limits: Limits) -> Allowance:
    return Allowance(limits, lambda: clock.now, clock.sleep)


async def asked(made: Allowance, times: int) -> None:
    for _ in range(times):
        async with made.request():
            pass


async def test_a_burst_goes_out_at_once_and_the_rest_is_spaced() -> None:
    clock = Clock()

    await asked(allowance(clock, Limits(burst=3, per_second=2.0)), 5)

    assert clock.slept == [0.5, 0.5]


async def test_a_pause_earns_a_burst_and_no_more() -> None:
    clock = Clock()
    made = allowance(clock, Limits(burst=3, per_second=2.0))
    await asked(made, 3)
    clock.now += 3600

    await asked(made, 4)

    assert clock.slept == [0.5]


async def test_a_question_beyond_the_limit_is_refused_without_a_wait() -> None:
    clock = Clock()
    made = allowance(clock, Limits(requests=2, burst=1, per_second=1.0))
    await asked(made, 2)

    with pytest.raises(UsedUpError, match="asked Semaphore too often"):
        await asked(made, 1)

    assert clock.slept == [1.0]


async def test_a_call_beyond_the_limit_is_refused() -> None:
    made = allowance(Clock(), Limits(calls=1))
    made.call()

    with pytest.raises(UsedUpError, match="1 calls are used up"):
        made.call()


async def test_a_place_is_free_again_when_a_question_fails_or_is_cancelled() -> None:
    made = allowance(Clock(), Limits(at_once=1))

    async def failing() -> None:
        async with made.request():
            raise ValueError("failed")

    async def hanging() -> None:
        async with made.request():
            await asyncio.Event().wait()

    with pytest.raises(ValueError, match="failed"):
        await failing()
    task = asyncio.create_task(hanging())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await asyncio.wait_for(asked(made, 1), 5)
