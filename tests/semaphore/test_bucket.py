import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.semaphore.bucket import TokenBucket


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_rested_bucket_lets_a_burst_through_and_then_keeps_the_rate() -> None:
    bucket = TokenBucket(2, 3)

    assert [bucket.reserve(100) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert [bucket.reserve(200) for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_reservation_that_is_given_back_serves_the_next() -> None:
    bucket = TokenBucket(1, 1)
    bucket.reserve(100)
    assert bucket.reserve(100) == 1

    bucket.give_back()

    assert bucket.reserve(100) == 1


@given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.floats(0, 2), max_size=60))
def test_never_more_than_the_rate_and_the_burst(rate: float, burst: int, pauses: list[float]) -> None:
    bucket = TokenBucket(rate, burst)
    now, passed = 0.0, []
    for pause in pauses:
        now += pause
        passed.append(now + bucket.reserve(now))

    assert passed == sorted(passed)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + rate * (passed[last] - start) + 1e-6


async def test_who_comes_first_is_served_first() -> None:
    time = Time()
    bucket = TokenBucket(10, 1, monotonic=time.monotonic, sleep=time.sleep)
    order = []

    async def caller(number: int) -> None:
        await bucket.take()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(caller(number))

    assert order == [0, 1, 2, 3, 4]
    assert time.slept == pytest.approx([0.1] * 4)


async def test_a_cancelled_caller_gives_its_turn_back() -> None:
    async def forever(_: float) -> None:
        await asyncio.Event().wait()

    bucket = TokenBucket(1, 1, monotonic=lambda: 100.0, sleep=forever)
    await bucket.take()
    waiting = asyncio.ensure_future(bucket.take())
    await asyncio.wait({waiting}, timeout=0)

    waiting.cancel()
    await asyncio.wait({waiting})

    assert bucket.reserve(100) == 1


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (float("inf"), 1), (1, 0)])
def test_a_bucket_that_lets_nothing_through_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        TokenBucket(rate, burst)
