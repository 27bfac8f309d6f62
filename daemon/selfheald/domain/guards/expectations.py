"""Guards on the values that tests expect, when nothing but tests changes."""

import re
from collections import Counter
from collections.abc import Iterator

from selfheald.domain.guards.cases import literals, shape_of
from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.dialects import dialect_of, is_test_path
from selfheald.domain.guards.nodes import flattened
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_MORE = re.compile(r"(?i)cases|examples|iterations|runs|samples|rounds")

_LESS = re.compile(r"(?i)eps|toleran|delta|precision")

_AMOUNT = re.compile(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?")

ADDRESS = re.compile(r"^\w+://|^[A-Za-z_@.][\w-]*(?:[./][A-Za-z_][\w-]*)+$")
"""Names of modules and files: they follow code that moves."""

_RECORDED = re.compile(
    r"(?i)\.snap$|__snapshots__/|\.golden\b|(?:^|/)(?:golden|approved|expected|cassettes)/|\.approved\."
)

_OTHER_RULES = re.compile(r"(?i)time_?out|sleep|within|wait|deadline|atMost|retr|delay|millis|second")


def _stricter(path: str, sides: Sides) -> Counter[str]:
    """Numbers that make tests stricter: more examples of a property, a smaller tolerance."""
    found: Counter[str] = Counter()
    gone = {_AMOUNT.sub("#", line.text): line.text for line in sides.removed if line.path == path}
    for line in sides.added:
        was = gone.get(_AMOUNT.sub("#", line.text)) if line.path == path else None
        if was and _is_stricter(was, _largest(was), _largest(line.text)):
            found.update(literals(line.text))
    return found


def looser(sides: Sides) -> Iterator[Found]:
    """Tolerances with a name that grow."""
    gone = {(line.path, _AMOUNT.sub("#", line.text)): line.text for line in sides.removed}
    for line in sides.added:
        was = gone.get((line.path, _AMOUNT.sub("#", line.text)), "")
        if is_test_path(line.path) and _LESS.search(was) and _largest(line.text) > _largest(was):
            yield Found(Rule.ASSERTION_WEAKENED, line.path, line.number, f"{line.text[:120]} (was {was[:80]})")


def _is_stricter(text: str, old: float, new: float) -> bool:
    return bool((_MORE.search(text) and new > old) or (_LESS.search(text) and new < old))


def _largest(text: str) -> float:
    return max((float(one.replace("_", "")) for one in _AMOUNT.findall(text)), default=0.0)


def _values(change: Change, sides: Sides) -> Iterator[Found]:
    """Values outside tests, when nothing else of a file has changed."""
    if dialect_of(change.path) is None or not change.before or not change.after:
        return
    if shape_of(flattened(change.before)) != shape_of(flattened(change.after)):
        return
    titles = {word for case in sides.after.cases for word in (case.leaf, *case.suite.split(" > "))}
    within = {literal for case in sides.after.cases for literal in literals(case.source)}
    values = Counter(literals(change.after)) - Counter(literals(change.before)) - _stricter(change.path, sides)
    new = [value for value in values if not ADDRESS.match(value) and value not in titles | within]
    if new and not _OTHER_RULES.search(change.after):
        yield Found(
            Rule.EXPECTATION_BENT, change.path, 0, f"other values ({', '.join(new)[:120]}), and only tests change"
        )


def bent(sides: Sides) -> Iterator[Found]:
    """Tests that say the same with other values, in a diff of tests alone: the values follow the code, right or not."""
    if not sides.only_tests:
        return
    for change in sides.changes:
        if _RECORDED.search(change.path) and change.before and change.after:
            yield Found(Rule.EXPECTATION_BENT, change.path, 0, "what is recorded as right changes, and only tests do")
        yield from _values(change, sides)
    for before, after in sides.pairs.same:
        values = Counter(literals(after.source)) - Counter(literals(before.source))
        values -= Counter([after.leaf])
        values -= Counter(literal for one in after.assertions for literal in literals(one.text))
        values = Counter(value for value in values if not ADDRESS.match(value))
        if before.shape == after.shape and values and not _OTHER_RULES.search(after.source):
            text = f"`{after.name}` has other values ({', '.join(values)[:120]}), and only tests change"
            yield Found(Rule.EXPECTATION_BENT, after.path, after.line, text)
