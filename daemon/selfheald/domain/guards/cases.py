"""What is read out of a file of code: tests, what they assert, and what stands in their way."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum

from selfheald.domain.guards.strength import Strength

WORD = re.compile(r"[A-Za-z_]\w*|\d[\d_.]*")
_LITERAL = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|(?<![\w.])-?\d[\d_.]*|(?<![\w:\])]):[a-z_]\w*[?!]?|"
    r"\b(?:[Tt]rue|[Ff]alse|None|nil|null)\b"
)


_STYLE = re.compile(r"[\s;]|,(?=[\s)\]}])|\\(?=\")")
_YES_OR_NO = re.compile(
    r"\bnot[ .]|\bnot_|!(?=[=\w(])|(?i:true|false|truthy|falsy|falsey)|(?<=assert)(?:Not|_not)|(?<=\.)(?:isNot|is)|=="
)


def shape_of(source: str) -> str:
    """Give a source without its values."""
    return _LITERAL.sub("#", source.replace("refute", "assert").replace("to_not", "to"))


_CELLS = re.compile(r"[,|]")
"""Between the values of a table that is written as text."""
_COMMENTED = re.compile(r"^\s*(?:t\.(?:Error|Fatal|Log)f?\(|#(?!\[|\{)|//|\*|/\*|--)")


def code_literals(source: str) -> list[str]:
    """Give the values of a source, those in comments left out; yes, no and nothing are too common to count."""
    code = "\n".join(line for line in source.splitlines() if not _COMMENTED.match(line))
    found = [part.strip() for literal in literals(code) for part in _CELLS.split(literal)]
    return [literal for literal in found if literal and literal.lower() not in _COMMON]


_WAITS = re.compile(r"(?i)wait|until|eventual|poll")
"""Helpers that wait for what they are given: that is what is asserted, and not that time is left."""
_COMMON = {"true", "false", "none", "nil", "null"}


def literals(source: str) -> list[str]:
    """Give the values of a source."""
    return [literal.strip("\"'`") for literal in _LITERAL.findall(source)]


class MarkKind(StrEnum):
    """What stands in a test's way."""

    SKIP = "is skipped"
    FOCUS = "makes all others be left out"
    RETURN = "ends early"
    RETRY = "is tried again"
    SWALLOW = "catches what would fail it"


@dataclass(frozen=True, slots=True)
class Mark:
    """One such thing."""

    kind: MarkKind
    owner: str
    """The test's or suite's name; empty: the whole file."""
    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """One assertion."""

    text: str
    """Its source with spaces made equal; a message for people is left out."""
    line: int
    strength: Strength
    name: str = ""
    """The function that asserts; empty for a statement of the language."""
    guards: int = 0
    """Conditions that must hold before it is made."""
    by_helper: bool = False
    """Whether a helper makes it, with values that the test passes."""

    @property
    def words(self) -> frozenset[str]:
        """Names and values in it."""
        return frozenset(WORD.findall(self.text))

    @property
    def key(self) -> str:
        """What is compared: however it is quoted, spaced and ended, it is the same assertion."""
        return _STYLE.sub("", self.text.replace("'", '"').replace("`", '"'))

    @property
    def literals(self) -> frozenset[str]:
        """Values in it."""
        return frozenset(literal.strip("\"'`") for literal in _LITERAL.findall(self.text))

    @property
    def shape(self) -> str:
        """Its source without its values, and without telling yes from no."""
        return shape_of(_YES_OR_NO.sub("", self.text))


@dataclass(slots=True)
class Case:
    """One test."""

    path: str
    suite: str
    leaf: str
    line: int
    words: frozenset[str]
    """Names and values in its source."""
    assertions: list[Assertion] = field(default_factory=list)
    shape: str = ""
    """Its source without its values."""
    source: str = ""
    """Its source on one line."""
    values: Counter[str] = field(default_factory=Counter)
    """Values in it and its decorators."""
    calls: list[str] = field(default_factory=list)
    """Last parts of the names of the functions that it calls."""

    @property
    def literals(self) -> frozenset[str]:
        """Values in it, each once."""
        return frozenset(self.values)

    @property
    def name(self) -> str:
        """Its name within its file."""
        return f"{self.suite} > {self.leaf}" if self.suite else self.leaf


@dataclass(frozen=True, slots=True)
class Table:
    """Values that a test runs with."""

    path: str
    owner: str
    """The test's name, or that of a variable."""
    line: int
    rows: int
    literals: frozenset[str] = frozenset()
    """Values in it."""


@dataclass(slots=True)
class Reading:
    """What one side of a diff holds."""

    cases: list[Case] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    helpers: dict[str, list[Assertion]] = field(default_factory=dict)
    """Functions that are no tests, with what they assert; empty lists too."""
    nodes: int = 0
    """How much was looked at."""
    definitions: set[str] = field(default_factory=set)
    """Names of functions and classes outside tests."""

    def add(self, other: "Reading") -> None:
        """Take in what another file holds."""
        self.nodes += other.nodes
        self.cases += other.cases
        self.marks += other.marks
        self.tables += other.tables
        self.definitions |= other.definitions
        for name, assertions in other.helpers.items():
            self.helpers.setdefault(name, []).extend(assertions)

    def asserted(self, case: Case) -> list[Assertion]:
        """What a test asserts, itself and by the helpers that it calls, to a depth of three."""
        known, names = {name for name in self.helpers if not _WAITS.search(name)}, case.calls
        found = [one for one in case.assertions if one.name not in known]
        for _ in range(3):
            names = [name for name in names if name in known]
            known -= set(names)
            own = [one for name in names for one in self.helpers[name] if one.name not in self.helpers]
            found += [replace(one, by_helper=True) for one in own]
            names = [one.name for name in names for one in self.helpers[name] if one.name in self.helpers]
        return found
