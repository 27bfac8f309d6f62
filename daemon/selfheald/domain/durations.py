"""Durations and rates as people write them: ``30s``, ``5m``, ``2h``, ``7d``, ``3 per 24h``. Pure."""

import re
from datetime import timedelta

from selfheald.domain.policy import Rate, duration_text

__all__ = ["LONGEST", "DurationError", "duration_text", "parse_duration", "parse_rate"]

LONGEST = timedelta(days=3650)
"""Ten years: more is a slip of the finger, and far from where datetimes overflow."""

_MOST = 1_000_000  # A count above a million is a slip of the finger too.
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_RATE = re.compile(r"([0-9]{1,9}) +per +([0-9a-z]+)")


class DurationError(ValueError):
    """The text is no duration or rate; the message says what is allowed."""


def parse_duration(text: str) -> timedelta:
    """Read a whole number with its unit: ``s``, ``m``, ``h`` or ``d``. Raises :class:`DurationError`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise DurationError(f"{_shown(text)} is no duration; allowed are 30s, 5m, 2h, 7d")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if duration > LONGEST:
        raise DurationError(f"{_shown(text)} is too long; allowed is up to {duration_text(LONGEST)}")
    return duration


def parse_rate(text: str) -> Rate:
    """Read ``3 per 24h``. The window is longer than nothing. Raises :class:`DurationError`."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise DurationError(f"{_shown(text)} is no rate; write it as `3 per 24h`")
    count, window = int(match[1]), parse_duration(match[2])
    if not window:
        raise DurationError(f"{_shown(text)} has an empty window; write it as `3 per 24h`")
    if count > _MOST:
        raise DurationError(f"{_shown(text)} is too many; allowed is up to {_MOST}")
    return Rate(count=count, window=window)


def _shown(text: str) -> str:
    """Quote a text for a message, bounded."""
    return f"`{text[:40]}`"
