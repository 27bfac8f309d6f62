"""How long to wait after an error. Pure: the jitter is an argument."""

from datetime import timedelta

from selfheald.domain.errors import SelfhealdError, TransientError

DELAYS = tuple(timedelta(seconds=s) for s in (5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 3600, 3600))
"""After the first, second, … error in a row: about four hours in all, longer than most outages last."""

JITTER = 0.2
"""A delay is drawn from 80 to 120 percent, so that many cases do not come back at the same moment."""


def retry_delay(tries: int, error: SelfhealdError, *, jitter: float) -> timedelta | None:
    """How long to wait after the ``tries``-th error in a row; ``None`` when it is time to give up.

    ``jitter`` is a random number from 0 to 1. A time that the other side named is a lower bound.
    """
    if tries > len(DELAYS):
        return None
    delay = spread(DELAYS[tries - 1], jitter)
    if isinstance(error, TransientError) and error.retry_after:
        return max(delay, error.retry_after)
    return delay


def spread(delay: timedelta, jitter: float) -> timedelta:
    """Stretch or shrink a delay by up to :data:`JITTER`; ``jitter`` is from 0 to 1."""
    return delay * (1 + JITTER * (2 * jitter - 1))
