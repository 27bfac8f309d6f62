"""Search with a PCRE pattern, within bounds.

Conditions are written by people who may not mean well, and the ``regex`` module copies what must occur: nested
repetitions grow without end while it compiles. So the patterns of one evaluation share a budget of size, and searching
has a time limit whose end counts as "no match", as PCRE's own match limit does at Semaphore.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, cast

import regex

from selfheald.domain.conditions.pcre.groups import read_branches
from selfheald.domain.conditions.pcre.pieces import alternatives
from selfheald.domain.conditions.pcre.source import Source, opened
from selfheald.domain.conditions.values import crash

PLAIN = re.compile(r"(\^?)([^\\^$.|?*+()\[\]{}]*)(\$?)", re.DOTALL)
"""Patterns that are a text, perhaps anchored: most of them. They need no compiling and no budget."""
BUDGET = 2_400
"""Units for the patterns of one evaluation: about 15 ms of reading and compiling, some 90 short patterns."""
UNITS_EACH = 20
"""Units of a pattern besides one for each of its characters: about 0.1 ms."""
TRANSLATED_A_UNIT = 4
"""Characters of the translated pattern that take as long to compile as a character takes to read."""
LARGEST = 10_000
"""Elements of one pattern, repetitions written out: about 5 ms and 2 MB."""
PATIENCE_SECONDS = 0.012
"""How long the patterns of one evaluation may search, in all."""
KEPT = 256
"""Translated and compiled patterns that are kept."""


class Compiled(Protocol):
    """What is used of the ``regex`` module's compiled pattern."""

    def search(self, string: str, *, timeout: float) -> object | None:
        """Look for the pattern anywhere; raises TimeoutError."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A pattern in the ``regex`` module's words."""

    text: str
    utf: bool
    """Whether it looks at characters, not at bytes."""


@lru_cache(maxsize=KEPT)
def expression(pattern: str) -> Expression:
    """Translate a PCRE pattern (its bytes, one character each); raises ConditionError."""
    source = opened(pattern)
    whole = alternatives(read_branches(source))
    if not source.ended:
        raise source.error("unmatched parentheses")
    _check_references(source)
    if whole.size > LARGEST:
        raise source.error("regular expression is too large")
    return Expression(whole.text, source.utf)


def _check_references(source: Source) -> None:
    for group, position in source.references:
        if group not in source.names and not (isinstance(group, int) and 0 < group <= source.groups):
            source.position = position
            raise source.error("reference to non-existent subpattern")


@lru_cache(maxsize=KEPT)
def _compiled(text: str) -> Compiled:
    try:
        compiled = regex.compile(text, regex.VERSION1, cache_pattern=False)
    except (regex.error, RecursionError) as error:
        raise crash(f"Regex.CompileError: not understood: {error}") from error
    return cast("Compiled", compiled)  # the module has no types


@dataclass(slots=True)
class Matcher:
    """Searches for the patterns of one evaluation."""

    patterns: int
    """How many searches there will be at most: the time is shared out among them."""
    spent: int = 0
    known: set[str] = field(default_factory=set)

    def finds(self, pattern: str, subject: str) -> bool:
        """Tell whether the pattern occurs; both are bytes, one character each. Raises ConditionError."""
        plain = PLAIN.fullmatch(pattern)
        if plain is not None:
            start, text, end = plain.groups()
            return _finds_text(text, subject, at_start=bool(start), at_end=bool(end))
        self._spend(pattern, UNITS_EACH + len(pattern))
        wanted = expression(pattern)
        self._spend(pattern, len(wanted.text) // TRANSLATED_A_UNIT)
        self.known.add(pattern)
        return self._searched(wanted, subject)

    def _spend(self, pattern: str, units: int) -> None:
        if pattern not in self.known:
            self.spent += units
        if self.spent > BUDGET:
            raise crash("Regex.CompileError: the regular expressions of this condition are too large")

    def _searched(self, wanted: Expression, subject: str) -> bool:
        try:
            text = subject.encode("latin-1").decode("utf-8") if wanted.utf else subject
            return _compiled(wanted.text).search(text, timeout=PATIENCE_SECONDS / self.patterns) is not None
        except (TimeoutError, UnicodeDecodeError):
            return False  # as at Semaphore, where PCRE gives up and that is no match


def _finds_text(text: str, subject: str, *, at_start: bool, at_end: bool) -> bool:
    if at_start and at_end:
        return subject in (text, f"{text}\n")
    if at_start:
        return subject.startswith(text)
    if at_end:
        return subject.endswith((text, f"{text}\n"))
    return text in subject
