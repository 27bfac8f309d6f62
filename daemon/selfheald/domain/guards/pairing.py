"""Finds each test of before among those of after: by its name, wherever it moved to, or by what it says."""

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from selfheald.domain.guards.cases import WORD, Case, Reading

_ALIKE = 0.6
"""The part of two tests' words that they share, from which on one is the other under a new name."""
_TAKEN_IN = 0.7
"""The part of a test's words that another one has, from which on it was taken in by that one."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """How the tests of both sides belong together."""

    same: tuple[tuple[Case, Case], ...]
    gone: tuple[Case, ...]
    new: tuple[Case, ...]


def pair(before: Reading, after: Reading) -> Pairs:
    """Pair by file and name, then by name, then by the last part of the name, then by likeness."""
    same: list[tuple[Case, Case]] = []
    gone, new = list(before.cases), list(after.cases)
    keys: tuple[Callable[[Case], Hashable], ...] = (
        lambda case: (case.leaf, case.source),
        lambda case: (case.path, case.name),
        lambda case: case.name,
        lambda case: (case.path, case.leaf),
        lambda case: case.leaf,
    )
    for key in keys:
        same += _paired(gone, new, key)
    same += _alike(gone, new)
    return Pairs(tuple(same), tuple(gone), tuple(new))


def _paired(gone: list[Case], new: list[Case], key: Callable[[Case], Hashable]) -> list[tuple[Case, Case]]:
    """Take out of both lists what has the same key."""
    there: dict[Hashable, list[Case]] = {}
    for case in new:
        there.setdefault(key(case), []).append(case)
    found = []
    for case in tuple(gone):
        if there.get(key(case)):
            other = there[key(case)].pop(0)
            found.append((case, other))
            gone.remove(case)
            new.remove(other)
    return found


def _alike(gone: list[Case], new: list[Case]) -> list[tuple[Case, Case]]:
    """Take out of both lists what is alike, the most alike first."""
    parts = {case.name: _parts(case.words) for case in (*gone[:_MOST], *new[:_MOST])}
    scores = [
        (likeness(parts[old.name], parts[one.name]), number, place)
        for number, old in enumerate(gone[:_MOST])
        for place, one in enumerate(new[:_MOST])
    ]
    found: list[tuple[int, int]] = []
    for score, number, place in sorted(scores, reverse=True):
        free = all(number != taken and place != other for taken, other in found)
        if free and score >= _ALIKE:
            found.append((number, place))
    pairs = [(gone[number], new[place]) for number, place in found]
    for old, one in pairs:
        gone.remove(old)
        new.remove(one)
    return pairs


_MOST = 200
"""Tests of each side that are compared by likeness, one by one."""


_PART = re.compile(r"[A-Z]?[a-z]+|\d+|[A-Z]+")


def _parts(words: Iterable[str]) -> frozenset[str]:
    """The words that names are put together of."""
    return frozenset(part.lower() for word in words for part in _PART.findall(word))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The part of the words of both that they share."""
    return len(one & other) / max(len(one | other), 1)


def taken_in(case: Case, others: Iterable[Case]) -> bool:
    """Whether one of the others says what this test said, and more: merged tests, rows of a table."""
    wanted = case.words - frozenset(WORD.findall(case.leaf))
    return any(len(wanted & other.words) / max(len(wanted), 1) >= _TAKEN_IN for other in others)
