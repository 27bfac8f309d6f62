"""Reads a file of code: its syntax tree becomes tests, assertions and marks.

Malformed code is read as far as it goes.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from tree_sitter import Node

from selfheald.domain.guards import frameworks as fw
from selfheald.domain.guards.asserting import BRACKETS, assertion_of, catches_all, handler_swallows
from selfheald.domain.guards.cases import WORD, Assertion, Case, Mark, MarkKind, Reading, Table, code_literals, shape_of
from selfheald.domain.guards.dialects import Dialect, dialect_of, is_test_path, parser_of
from selfheald.domain.guards.nodes import callee, flat, last_name, line, text
from selfheald.domain.guards.recognising import lacks_body, suite_name, target_of, test_name
from selfheald.domain.guards.strength import Strength, of_error
from selfheald.domain.guards.tables import NAMED, parameters_of, rows_of

MOST_NODES = 100_000
"""Of one file: about as many as ten thousand lines have, or a second or two takes."""

_NOTHING = re.compile(r"^(?:return|next)\s*(?:Ok\(\(\)\)|None|nil|null|true|undefined|Promise\.resolve\(\))?;?$")
_WORDS = {"pair", "simple_symbol", "attribute", "identifier", "assignment", "member_expression"}
_BLOCKS = {"do_block", "block", "statement_block", "body_statement"}


class TooMuchError(ValueError):
    """A file has more nodes than are looked at."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands."""

    suite: tuple[str, ...] = ()
    case: Case | None = None
    helper: str = ""
    guards: int = 0
    """Conditions around it, within its test or helper."""
    inner: int = 0
    """Functions around it, within its test."""
    condition: str = ""
    """The nearest of the conditions."""
    loop: bool = False
    """Whether it is done again and again."""
    quiet: bool = False
    """Whether it is part of an assertion that has been read."""

    @property
    def owner(self) -> str:
        """The test, or else the suite, or else the helper."""
        return self.case.leaf if self.case else self.suite[-1] if self.suite else self.helper


@cache
def telling(dialect: Dialect) -> frozenset[str]:
    """The types of nodes that may say something; all others are passed through."""
    found = {*_BLOCKS, *_WORDS, *NAMED, "assert_statement", "throw_statement", "raise_statement", "range_clause"}
    for kinds in (dialect.attributes, dialect.calls, dialect.functions, dialect.suites, dialect.conditions):
        found |= kinds
    found |= dialect.loops | dialect.handlers | dialect.returns
    return frozenset(found if dialect.name == "ruby" else found - {"identifier"})


def _alone(node: Node, place: _Place) -> bool:
    """Whether a condition does nothing but end the test; that an error was wanted is a reason for it."""
    parent = node.parent
    alone = parent is not None and (parent.named_child_count == 1 or parent.type.endswith("modifier"))
    return alone and not _WANTED.search(place.condition)


_WANTED = re.compile(r"(?i)want|expect|should|(?:^|\W)(?:tc|tt|case|test)\.")


def read(path: str, source: str, *, most: int = MOST_NODES) -> Reading:
    """Read a file; nothing is known of one in a language without a grammar.

    Raises :class:`TooMuchError` when it has more than ``most`` nodes.
    """
    dialect = dialect_of(path)
    if dialect is None:
        return Reading()
    reader = _Reader(path, dialect)
    tree = parser_of(dialect).parse(source.encode(errors="replace"))
    waiting: list[tuple[Node, _Place]] = [(tree.root_node, _Place())]
    for count in range(most):
        if not waiting:
            reader.reading.nodes = count
            return reader.reading
        node, place = waiting.pop()
        # The first child is looked at first, so that what is found stands in the order of the source.
        waiting.extend(reversed(list(reader.visit(node, place))))
    raise TooMuchError(path)


class _Reader:
    def __init__(self, path: str, dialect: Dialect) -> None:
        self.reading = Reading()
        self._expected: dict[str, list[Assertion]] = {}
        self._path = path
        self._dialect = dialect
        self._telling = telling(dialect)
        self._runs = dialect.collected.search(path) is not None
        self._of_tests = is_test_path(path) or (self._runs and dialect.name != "rust")

    def visit(self, node: Node, place: _Place) -> Iterator[tuple[Node, _Place]]:
        """Take in what a node says; give its children with their places."""
        if node.type not in self._telling:
            yield from ((child, place) for child in node.named_children)
            return
        within = self._within(node, place)
        if node.type in self._dialect.attributes:
            if self._attribute(node, place):
                return
        elif node.type in self._dialect.calls:
            self._call(node, place, within)
        else:
            self._other(node, place)
        if rows := rows_of(node, self._dialect):
            self.reading.tables.append(
                Table(
                    self._path, f"{within.owner} {rows[0]}", line(node), rows[1], frozenset(code_literals(text(node)))
                )
            )
        asserted = None if place.quiet else assertion_of(node, self._dialect, condition=place.condition)
        if asserted:
            self._assert(asserted, place)
        quiet = (asserted is not None or place.quiet) and node.type not in self._dialect.functions | _BLOCKS
        if quiet is not within.quiet:
            within = replace(within, quiet=quiet)
        yield from ((child, within) for child in node.named_children)

    def _within(self, node: Node, place: _Place) -> _Place:
        """The place of a node's children."""
        if self._runs and (leaf := test_name(node, self._dialect)):
            return self._case(node, leaf, place)
        if place.case is None and (suite := suite_name(node, self._dialect)) is not None:
            self.reading.definitions.add(suite)
            return replace(place, suite=(*place.suite, suite))
        if node.type in self._dialect.functions:
            return self._function(node, place)
        if place.case is None and self._of_tests and node.type in self._dialect.calls and fw.HOOK.match(callee(node)):
            self.reading.helpers.setdefault(callee(node), [])
            return replace(place, helper=callee(node), guards=0, condition="")
        if node.type in self._dialect.loops:
            return replace(place, loop=True)
        if node.type in self._dialect.conditions:
            condition = node.child_by_field_name("condition")
            return replace(place, guards=place.guards + 1, condition=flat(condition))
        return place

    def _case(self, node: Node, leaf: str, place: _Place) -> _Place:
        suite = (*place.suite, place.case.leaf) if place.case else place.suite
        whole = node.parent if node.parent and node.parent.type == "decorated_definition" else node
        words = frozenset(WORD.findall(text(whole)))
        source = flat(node)
        case = Case(
            path=self._path,
            suite=" > ".join(suite),
            leaf=leaf,
            line=line(node),
            words=words,
            shape=shape_of(source),
            source=source,
            values=Counter(code_literals(text(whole))) - Counter(code_literals(f'"{leaf}"')),
            assertions=self._expected.pop(leaf, []),
        )
        self.reading.cases.append(case)
        if lacks_body(node, self._dialect):
            self._mark(MarkKind.SKIP, leaf, node, "it has no body")
        # The function that is passed to a call is the test itself.
        inner = -1 if node.type == "call_expression" else 0
        return _Place(suite=suite, case=case, inner=inner)

    def _function(self, node: Node, place: _Place) -> _Place:
        if place.case:
            return replace(place, inner=place.inner + 1)
        name = text(node.child_by_field_name("name"))
        if not name:
            return place
        self.reading.definitions.add(name)
        if self._of_tests or any("test" in suite for suite in place.suite):
            self.reading.helpers.setdefault(name, [])
        return replace(place, helper=name, guards=0, condition="")

    def _assert(self, asserted: Assertion, place: _Place) -> None:
        own = self._dialect.name == "go" and bool(place.condition) and asserted.text.startswith("if ")
        asserted = replace(asserted, guards=max(place.guards - own, 0))
        if place.case:
            place.case.assertions.append(asserted)
        elif place.helper in self.reading.helpers:
            self.reading.helpers[place.helper].append(asserted)

    def _attribute(self, node: Node, place: _Place) -> bool:
        """Take in a decorator, annotation, attribute or tag; whether nothing more is to be found in it."""
        source, target = flat(node), target_of(node, self._dialect)
        if target is None:
            if self._of_tests and place.suite and fw.SKIP_ATTRIBUTE.match(source):
                self._mark(MarkKind.SKIP, place.owner, node, source)
            return False
        case = test_name(target, self._dialect) if self._runs else ""
        name = case or suite_name(target, self._dialect) or ""
        is_test = case or self._of_tests or "test" in flat(target)
        skips = bool(name and is_test and fw.SKIP_ATTRIBUTE.match(source))
        if skips:
            self._mark(MarkKind.SKIP, name, node, source)
        if expected := fw.EXPECTED_ERROR.match(source):
            asserted = Assertion(source, line(node), of_error(expected[1] or "Error"))
            self._expected.setdefault(name, []).append(asserted)
        if fw.PARAMETERS.match(source):
            self.reading.tables.append(
                Table(
                    self._path,
                    f"{name} parameters",
                    line(node),
                    parameters_of(node),
                    frozenset(code_literals(text(node))),
                )
            )
        return skips

    def _call(self, node: Node, place: _Place, within: _Place) -> None:
        name = BRACKETS.sub("", callee(node))
        if place.case:
            place.case.calls.append(last_name(name))
        if not self._of_tests and not place.case:
            return
        for kind, pattern in ((MarkKind.SKIP, fw.SKIP_CALL), (MarkKind.FOCUS, fw.FOCUS_CALL)):
            if pattern.match(name) and not callee(node).endswith(".each"):
                self._mark(kind, within.owner, node, name)
        if fw.EXITS.match(name) and re.search(r"\((?:0)?\)$|[!\w]$", flat(node)):
            self._mark(MarkKind.RETURN, place.owner, node, name)
        if place.case and (fw.QUIET.search(name) or (fw.CATCHES.search(name) and catches_all(node))):
            self._mark(MarkKind.SWALLOW, place.owner, node, name)

    def _other(self, node: Node, place: _Place) -> None:
        if not self._of_tests and not place.case:
            return
        if node.type in _WORDS:
            self._word(node, place)
        elif node.type in {"throw_statement", "raise_statement"}:
            if place.helper in self.reading.helpers and not place.case:
                self.reading.helpers[place.helper].append(Assertion(flat(node), line(node), Strength.EXACT))
        elif node.type in self._dialect.handlers and (place.case or place.helper):
            if place.loop and "Assert" in flat(node) and not fw.WAITS.search(place.owner):
                self._mark(MarkKind.RETRY, place.owner, node, flat(node)[:80])
            elif handler_swallows(node, self._dialect):
                self._mark(MarkKind.SWALLOW, place.owner, node, flat(node)[:80])
        elif node.type in self._dialect.returns and place.case and place.inner == 0:
            before = bool(place.case.assertions) and place.guards > 0 and not _alone(node, place)
            if _NOTHING.match(flat(node)) and not before:
                self._mark(MarkKind.RETURN, place.owner, node, flat(node))

    def _word(self, node: Node, place: _Place) -> None:
        """Metadata, names and assignments that skip or focus."""
        source = flat(node)
        if fw.SKIP_PAIR.match(source) or fw.SKIP_NAME[self._dialect.name].match(source):
            self._mark(MarkKind.SKIP, place.owner, node, source)
        elif fw.FOCUS_PAIR.match(source):
            self._mark(MarkKind.FOCUS, place.owner, node, source)

    def _mark(self, kind: MarkKind, owner: str, node: Node, source: str) -> None:
        self.reading.marks.append(Mark(kind, owner, self._path, line(node), source[:120]))
