"""What a guard found in a proposal's diff."""

from dataclasses import dataclass
from enum import StrEnum


class GuardAction(StrEnum):
    """What a finding means for the proposal."""

    BLOCK = "block"
    """It is not proposed."""
    APPROVE = "approve"
    """A human is asked first."""
    NOTE = "note"
    """The pull request tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding."""

    rule: str
    """The guard's name, such as ``test_deleted``."""
    path: str
    line: int
    """Of the new file, or of the old one where the line is gone; 0: the file as a whole."""
    action: GuardAction
    text: str
    """What was found, for people and for the agent: one plain line."""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.rule}: {self.text}"
