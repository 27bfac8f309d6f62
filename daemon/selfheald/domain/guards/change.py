"""What the guards look at: the files that a proposal changes, with their texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfheald.domain.finding import GuardAction
from selfheald.domain.guards.rules import Rule
from selfheald.domain.proposal import ChangeKind
from selfheald.domain.redaction import SecretSpan

LINK = "120000"
SUBMODULE = "160000"

Secrets = Callable[[str], Sequence[SecretSpan]]
"""Finds what looks like a secret in a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs between two commits, with what it held and holds."""

    path: str
    kind: ChangeKind
    old_mode: str = "100644"
    """git's mode before; empty for an added path."""
    mode: str = "100644"
    """git's mode after; empty for a deleted path."""
    before: str | None = None
    """The text before; ``None`` when there was none, or it was not read. A link's text is its target."""
    after: str | None = None
    """The text after, as ``before``."""
    size: int = 0
    """Bytes after; those before for a deleted path."""
    binary: bool = False
    """Whether one of the two sides is not text; neither is read then."""
    cut: bool = False
    """Whether one of the two sides was too large to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """What the rules do in a project. Rules that are not in ``actions`` do what their defaults say."""

    actions: Mapping[Rule, GuardAction | None] = field(default_factory=dict)
    """``None``: the rule is off."""
    max_files: int = 100
    max_lines: int = 5_000
    """Added and removed ones together."""
    max_file_kb: int = 1_000
    tries: int = 1
    """Blocked attempts that do not count on their commit: the next one is told what was found."""

    def action(self, rule: Rule) -> GuardAction | None:
        """What a finding of this rule does; ``None``: nothing, the rule is off. A protected path always blocks."""
        return rule.default if rule is Rule.PROTECTED_PATH else self.actions.get(rule, rule.default)


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found, before it is known what is done about it."""

    rule: Rule
    path: str
    line: int
    text: str
