"""Both sides of a diff, read."""

from collections.abc import Sequence
from dataclasses import dataclass

from selfheald.domain.guards.cases import Reading, literals
from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.dialects import is_test_path
from selfheald.domain.guards.lines import Line, added, removed
from selfheald.domain.guards.pairing import Pairs, pair
from selfheald.domain.guards.reading import MOST_NODES, TooMuchError, read
from selfheald.domain.guards.rules import Rule

MOST_IN_ALL = 400_000
"""Nodes of both sides of a whole diff."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What a diff makes of what."""

    changes: tuple[Change, ...]
    before: Reading
    after: Reading
    pairs: Pairs
    added: tuple[Line, ...]
    removed: tuple[Line, ...]
    written: frozenset[str]
    """Values on added lines."""
    unread: tuple[Found, ...]
    """Files that could not be looked into."""

    room: frozenset[str]
    """Values of tests and tables that are new, or larger than before: where those of other tests may have gone."""
    values: frozenset[str]
    """Values that stand anywhere after it."""

    @property
    def only_tests(self) -> bool:
        """Whether nothing changes but tests and what belongs to them."""
        return all(is_test_path(change.path) for change in self.changes)


def sides_of(changes: Sequence[Change]) -> Sides:
    """Read the texts of all changed files."""
    before, after, unread = Reading(), Reading(), []
    for change in changes:
        for reading, text in ((before, change.before), (after, change.after)):
            try:
                left = MOST_IN_ALL - before.nodes - after.nodes
                reading.add(read(change.path, text or "", most=min(MOST_NODES, left)))
            except TooMuchError:
                unread.append(Found(Rule.NOT_LOOKED_AT, change.path, 0, "has more code than is looked at"))
    pairs = pair(before, after)
    return Sides(
        changes=tuple(changes),
        before=before,
        after=after,
        pairs=pairs,
        added=tuple(added(changes)),
        removed=tuple(removed(changes)),
        written=frozenset(literal for line in added(changes) for literal in literals(line.text)),
        unread=tuple(unread),
        room=_room(before, after, pairs),
        values=frozenset(literal for change in changes for literal in literals(change.after or "")),
    )


def _room(before: Reading, after: Reading, pairs: Pairs) -> frozenset[str]:
    known = {(table.path, table.owner, table.literals) for table in before.tables}
    grown = [new for old, new in pairs.same if new.values.total() > old.values.total() or old.path != new.path]
    room = {value for case in (*pairs.new, *grown) for value in case.values}
    room |= {
        value
        for table in after.tables
        if (table.path, table.owner, table.literals) not in known
        for value in table.literals
    }
    return frozenset(room)
