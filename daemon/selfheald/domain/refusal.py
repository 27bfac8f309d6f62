"""What the gate refused to an attempt."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalKind(StrEnum):
    """What refused."""

    EGRESS = "egress"
    """A host or port that is not in ``egress``."""
    MODEL = "model"
    """A path or method that is not the model's, a wrong word in place of the key, or no budget left."""
    TOOL = "tool"
    """A tool that does not only read, or an id that is not the failing workflow's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something outside that an attempt asked for and did not get."""

    kind: RefusalKind
    what: str
    """One plain, bounded line without secrets: ``example.com:443``, say. Untrusted."""
    count: int = 1
