"""How one attempt ended, before it is written down."""

from dataclasses import dataclass

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.finding import Finding
from selfheald.domain.ids import Sha


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended; everything else is the store's."""

    outcome: AttemptOutcome
    summary: str = ""
    message: str = ""
    note: str = ""
    usage: Usage = Usage()
    commit: Sha | None = None
    findings: tuple[Finding, ...] = ()
