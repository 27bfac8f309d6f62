"""Time that stands still until it is told to move."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.builders import NOW


@dataclass
class ManualClock:
    """Implements the port ``Clock``."""

    present: datetime = NOW
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.present

    def monotonic(self) -> float:
        return self.seconds

    def move(self, **parts: float) -> None:
        """Let time pass, as ``move(minutes=5)``."""
        step = timedelta(**parts)
        self.present += step
        self.seconds += step.total_seconds()

    def jump(self, **parts: float) -> None:
        """Let somebody set the wall clock, as ``jump(hours=-1)``; the monotonic one does not notice."""
        self.present += timedelta(**parts)
