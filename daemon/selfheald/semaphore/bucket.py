"""A token bucket: how fast questions may be asked of one organization."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable


class TokenBucket:
    """Lets ``rate`` questions a second through, and up to ``burst`` at once after a pause; first come, first served.

    Kept as the moment at which the next question is due: each caller takes the next moment and sleeps until then, so
    callers pass in the order in which they came. Raises :class:`ValueError` for a rate or a burst that lets nothing
    through.
    """

    def __init__(
        self,
        rate: float,
        burst: int = 1,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not (0 < rate < math.inf) or burst < 1:
            raise ValueError(f"a bucket needs a rate and a burst above zero, not {rate} and {burst}")
        self._interval = 1 / rate
        self._head_start = (burst - 1) * self._interval
        self._due = -math.inf
        self._monotonic = monotonic
        self._sleep = sleep

    def reserve(self, now: float) -> float:
        """Take the next moment; gives back the seconds until then. ``now`` is a monotonic time in seconds."""
        start = max(self._due, now - self._head_start)
        self._due = start + self._interval
        return max(0.0, start - now)

    def give_back(self) -> None:
        """Undo a reservation that was not used."""
        self._due -= self._interval

    async def take(self) -> None:
        """Wait for this caller's turn. A caller that is cancelled while it waits gives its turn back."""
        wait = self.reserve(self._monotonic())
        if not wait:
            return
        try:
            await self._sleep(wait)
        except BaseException:
            self.give_back()
            raise
