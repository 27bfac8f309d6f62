"""What can be decided about a pipeline. Values only."""

from dataclasses import dataclass
from datetime import datetime

from selfheald.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Heal:
    """A case is opened."""

    approval: bool
    """Whether a human is asked first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """It is not healed, for good."""

    reason: Reason
    saw: str = ""
    """The values that led to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """It is asked again at ``until``."""

    until: datetime
    reason: Reason
    saw: str = ""


Decision = Heal | Skip | Defer
