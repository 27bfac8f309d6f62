"""How an agent gets on, for people who watch."""

from collections.abc import Callable

BURST = 20
"""Lines that are told at once: a lively agent says some in a second."""

PER_SECOND = 2.0
"""Lines that are told on average. The transcript has all; each one told costs the daemon's time."""


def thinned(tell: Callable[[str], None], monotonic: Callable[[], float]) -> Callable[[str], None]:
    """Pass lines on to ``tell`` while there are few of them; of a flood only some."""
    left, at = float(BURST), monotonic()

    def told(line: str) -> None:
        nonlocal left, at
        now = monotonic()
        left, at = min(left + (now - at) * PER_SECOND, BURST), now
        if left >= 1:
            left -= 1
            tell(line)

    return told
