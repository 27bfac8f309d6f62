"""How often one attempt may ask Semaphore: its requests are taken from what the daemon itself may ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one attempt."""

    calls: int = 500
    """Calls of tools, also those that are refused or answered from memory."""
    requests: int = 150
    """Questions to Semaphore."""
    burst: int = 10
    """Questions that may go out together after a pause."""
    per_second: float = 2.0
    """Questions, on average."""
    at_once: int = 3
    """Questions that wait for Semaphore at the same time."""
    remembered: int = 8_000_000
    """Characters of answers that are kept to answer the same question again."""


class UsedUpError(Exception):
    """The attempt may not ask any more; the message is for the agent."""


class Allowance:
    """Counts and spaces the questions of one attempt."""

    def __init__(self, limits: Limits, now: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._limits = limits
        self._now = now
        self._sleep = sleep
        self._calls = 0
        self._requests = 0
        self._free_at = now()
        """When all that went out so far has been spaced."""
        self._slots = asyncio.Semaphore(limits.at_once)

    def call(self) -> None:
        """Count a call. Raises :class:`UsedUpError`."""
        self._calls += 1
        if self._calls > self._limits.calls:
            raise UsedUpError(f"This attempt's {self._limits.calls} calls are used up: work with what you have read.")

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Wait for a question's turn; it lasts as long as the context. Raises :class:`UsedUpError`."""
        self._requests += 1
        if self._requests > self._limits.requests:
            raise UsedUpError("This attempt has asked Semaphore too often: work with what you have read.")
        async with self._slots:
            interval = 1 / self._limits.per_second
            self._free_at = max(self._free_at, self._now()) + interval
            early = self._free_at - self._now() - self._limits.burst * interval
            if early > 0:
                await self._sleep(early)
            yield
