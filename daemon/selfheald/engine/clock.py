"""The system's time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements :class:`selfheald.ports.Clock`."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()
