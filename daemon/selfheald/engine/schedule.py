"""The clock that wakes the loops: APScheduler sets events, and the work runs in our own tasks.

APScheduler swallows what goes wrong in its jobs and cannot wait for them at the end; so its jobs do nothing but ring.
"""

import asyncio
from datetime import timedelta
from typing import Self

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from selfheald.domain.events import Trouble
from selfheald.ports import Listener


class Schedule:
    """Bells that ring at intervals. Use it as an asynchronous context manager, inside the running loop."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._on_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def ring(self, bell: asyncio.Event, name: str, every: timedelta) -> asyncio.Event:
        """Set the event now and at each interval; who waits for it clears it."""
        bell.set()
        self._scheduler.add_job(_set, "interval", seconds=every.total_seconds(), args=[bell], id=name)
        return bell

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._scheduler.shutdown(wait=False)

    def _on_trouble(self, _: JobExecutionEvent) -> None:
        self._listener(Trouble(component="schedule"))


async def _set(bell: asyncio.Event) -> None:
    """Set the event; a coroutine, so that APScheduler runs it in the loop and not in a thread."""
    bell.set()


async def rung(bell: asyncio.Event) -> None:
    """Wait for a bell and take its ring."""
    await bell.wait()
    bell.clear()
