"""How long the parts of an attempt take, told to those who watch."""

from collections.abc import Awaitable
from typing import TypeVar

from selfheald.domain.attempt import Attempt
from selfheald.domain.events import AttemptPhase
from selfheald.ports import Clock, Listener

T = TypeVar("T")


class Stopwatch:
    """Measures parts of attempts."""

    def __init__(self, clock: Clock, listener: Listener) -> None:
        self._clock = clock
        self._listener = listener

    async def __call__(self, attempt: Attempt, phase: str, work: Awaitable[T]) -> T:
        """Do the work, and tell how long it took, however it ended."""
        started = self._clock.monotonic()
        try:
            return await work
        finally:
            seconds = self._clock.monotonic() - started
            self._listener(AttemptPhase(agent=attempt.agent, phase=phase, seconds=seconds))
