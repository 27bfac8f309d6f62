"""Time, and those who watch."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from selfheald.domain.events import Event


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump."""


Listener = Callable[[Event], None]
"""Gets every event; must not block nor raise."""
