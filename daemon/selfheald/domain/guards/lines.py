"""Which lines a diff adds and takes away. A line that only moves, within a file or to another one, is neither."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from selfheald.domain.guards.change import Change

LONGEST_LINE = 500
"""Characters of a line that are looked at: code is shorter, and what is generated may be endless."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, without the spaces around it."""

    path: str
    number: int
    text: str


def added(changes: Iterable[Change]) -> list[Line]:
    """Give the lines that are new in the whole diff; the last ones of those that stand there several times."""
    return _surplus([(change.path, change.after or "") for change in changes], [one.before or "" for one in changes])


def removed(changes: Iterable[Change]) -> list[Line]:
    """Give the lines that are gone from the whole diff, with their old numbers."""
    return _surplus([(change.path, change.before or "") for change in changes], [one.after or "" for one in changes])


def changed_count(changes: Iterable[Change]) -> int:
    """Count the lines that differ, moved ones included, file by file."""
    count = 0
    for change in changes:
        before, after = Counter((change.before or "").splitlines()), Counter((change.after or "").splitlines())
        count += (before - after).total() + (after - before).total()
    return count


def _surplus(texts: Sequence[tuple[str, str]], others: Iterable[str]) -> list[Line]:
    known = Counter(line.strip() for text in others for line in text.splitlines())
    found = []
    for path, text in texts:
        for number, line in enumerate(text.splitlines(), start=1):
            stripped = line.strip()
            if known[stripped] > 0:
                known[stripped] -= 1
            elif stripped:
                found.append(Line(path, number, stripped[:LONGEST_LINE]))
    return found
