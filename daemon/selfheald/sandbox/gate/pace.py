"""Spaces out what one attempt asks for too often: the daemon has other things to do."""

import asyncio

BURST = 200
"""That may come at once, after a pause."""

PER_SECOND = 100.0
"""On average. A package manager opens some dozens of connections in a second, an agent asks its model twice."""


class Pace:
    """One attempt's, at one door."""

    def __init__(self, *, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._interval = 1 / per_second
        self._slack = burst * self._interval
        self._free_at = 0.0
        """When all that came so far has been spaced."""

    async def turn(self) -> None:
        """Wait until it is the turn of whoever asks now."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + self._interval
        if (early := self._free_at - now - self._slack) > 0:
            await asyncio.sleep(early)
