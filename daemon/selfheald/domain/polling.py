"""When to look at a project again: a busy one often, a quiet one rarely. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from selfheald.domain.retry import spread

QUIET_SHARE = 10
"""A project that was quiet for a time is looked at again after a tenth of that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The bounds between which the interval adapts."""

    interval: timedelta
    idle_interval: timedelta


def next_look(pace: Pace, *, quiet: timedelta, errors: int, jitter: float) -> timedelta:
    """How long to wait before the next look at a project.

    ``quiet`` is the time since it last finished a pipeline, ``errors`` counts failed looks in a row, ``jitter`` is
    a random number from 0 to 1.
    """
    longest = max(pace.idle_interval, pace.interval)
    wait = pace.interval * 2 ** min(errors, 10) if errors else quiet / QUIET_SHARE
    return spread(min(max(wait, pace.interval), longest), jitter)


def new_cursor(cursor: datetime | None, finished: list[datetime]) -> datetime | None:
    """Up to where a project was swept: the latest end that was seen. It never moves back."""
    return max([*finished, *([cursor] if cursor else [])], default=None)
