"""The clock that wakes the loops, and the state folder's lock."""

import asyncio
import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest

from selfheald.domain.errors import ConfigError
from selfheald.domain.events import Event, Trouble
from selfheald.engine.clock import SystemClock
from selfheald.engine.instance import only_instance
from selfheald.engine.schedule import Schedule, rung


async def test_a_bell_rings_at_once_and_again() -> None:
    async with Schedule(lambda _: None) as schedule, asyncio.timeout(5):
        bell = schedule.ring(asyncio.Event(), "test", timedelta(milliseconds=10))

        await rung(bell)
        await rung(bell)
        await rung(bell)


class _BreaksLater(asyncio.Event):
    """A bell that rings once, and breaks when it is to ring again."""

    rings = 0

    def set(self) -> None:
        self.rings += 1
        if self.rings > 1:
            raise ZeroDivisionError
        super().set()


async def test_trouble_in_the_clock_is_told() -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()

    async with Schedule(heard.put_nowait) as schedule, asyncio.timeout(5):
        schedule.ring(_BreaksLater(), "breaks", timedelta(milliseconds=10))

        assert await heard.get() == Trouble(component="schedule")


def test_the_system_s_time_is_aware() -> None:
    clock = SystemClock()

    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def _hold(folder: Path, answer: "multiprocessing.queues.Queue[str]") -> None:
    try:
        with only_instance(folder):
            answer.put("held")
    except ConfigError as error:
        answer.put(error.message)


def test_a_state_folder_has_one_daemon(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.queues.Queue[str] = context.Queue()
    with only_instance(tmp_path / "state") as name:
        other = context.Process(target=_hold, args=(tmp_path / "state", answer))
        other.start()
        refused = answer.get(timeout=30)
        other.join(30)

    assert "in use by another selfheald" in refused
    with only_instance(tmp_path / "state") as again:
        assert again != name
    answer.close()
    answer.join_thread()
    other.close()


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(ConfigError, match=r"cannot be written: .*; name a folder that"),
        only_instance(tmp_path / "file"),
    ):
        pass
