"""Guards on what tests assert, test by test."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from selfheald.domain.guards.cases import Assertion, Case
from selfheald.domain.guards.change import Found
from selfheald.domain.guards.dialects import dialect_of, is_test_path
from selfheald.domain.guards.expectations import bent, looser
from selfheald.domain.guards.mocks import mocked
from selfheald.domain.guards.nodes import flattened
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides
from selfheald.domain.guards.strength import Strength
from selfheald.domain.guards.weaker import differing, elsewhere, paired, refactored, tabled, weaker

_COMMENT = re.compile(r"^\s*(?:#|//|/\*+|\*|--|\{/\*)\s*(?P<code>.*?)\s*(?:\*+/\}?)?$")

_CODE = re.compile(
    r"^(?:await |return )?(?:assert|self\.assert\w*|expect|refute\w*|assert_\w+!?|assert\w*|verify|require\.\w+|"
    r"t\.(?:Error|Fatal)f?)"
    r"(?:\s*[\w\"'(].*(?:[=<>(\[]|\bin\b|\bis\b)|\()|^(?:if .*(?:!=|==|!\w).*\{$)|^\w+\.(?:must|should|wont)_?\w*\b"
)

_SLICE = re.compile(
    r"\[:\d+\]|\[0:\d+\]|\.slice\(0,\s*\d+\)|\.(?:take|first|limit|Take)\(\d+\)|\[\.\.\d+\]|"
    r"\s*\|>\s*Enum\.take\(\d+\)"
)


def assertions(sides: Sides) -> Iterator[Found]:
    """Compare what each test asserts with what it did."""
    before = Counter(one.key for one in _all(sides, after=False))
    after = Counter(one.key for one in _all(sides, after=True))
    moved = frozenset(key for key, count in before.items() if after[key] >= count)
    for old, new in sides.pairs.same:
        yield from _compared(old, new, sides, moved)
    for name, checks in sides.before.helpers.items():
        if name in sides.after.helpers and checks:
            yield from _helper(name, checks, sides.after.helpers[name], sides)
    for case in sides.pairs.new:
        yield from (_vacuous(case, one) for one in case.assertions if one.strength is Strength.VACUOUS)
    yield from _commented_out(sides)
    yield from bent(sides)
    yield from mocked(sides)
    yield from _shortened(sides)
    yield from looser(sides)


def _helper(name: str, old: Sequence[Assertion], new: Sequence[Assertion], sides: Sides) -> Iterator[Found]:
    """A helper that checks less than it did, for all tests that call it."""
    gone, come = differing(old, new)
    lost = [one for one in gone if one.strength > Strength.VACUOUS]
    if lost and not come and len(new) < len(old):
        path = next(
            (change.path for change in sides.changes if lost[0].text[:40] in flattened(change.before or "")), ""
        )
        text = f"the helper `{name}` no longer checks {lost[0].text[:160]}"
        yield Found(Rule.ASSERTION_REMOVED, path or sides.changes[0].path, lost[0].line, text)


def _all(sides: Sides, *, after: bool) -> Iterator[Assertion]:
    reading = sides.after if after else sides.before
    for case in reading.cases:
        yield from case.assertions
    for helper in reading.helpers.values():
        yield from helper


def _compared(before: Case, after: Case, sides: Sides, moved: frozenset[str]) -> Iterator[Found]:
    old, new = sides.before.asserted(before), sides.after.asserted(after)
    yield from _conditional(old, new, after)
    gone, come = differing(old, new)
    pairs, lost = paired(gone, come)
    yield from (_vacuous(after, one) for one in come if one.strength is Strength.VACUOUS)
    for was, now in pairs:
        if now.guards > was.guards and now.by_helper is was.by_helper:
            yield _only_if(now, after)
        elif not refactored(was, now, come, sides):
            yield from weaker(was, now, after, sides)
    kept = frozenset(value for value, count in before.values.items() if after.values[value] >= count)
    free = [one for one in come if one.strength > Strength.VACUOUS]
    lost = [
        one
        for one in lost
        if one.strength > Strength.VACUOUS
        and not elsewhere(one, free, moved)
        and not tabled(one, come, kept | sides.room)
        and not (one.text.startswith(("#[", "@Test")) and _real(new))
    ]
    if lost and not any(one.strength > Strength.VACUOUS for one in new):
        yield Found(Rule.TEST_EMPTIED, after.path, after.line, f"the test `{after.name}` asserts nothing any more")
    elif lost and len(_real(new)) < len(_real(old)):
        yield from (_removed(one, before) for one in lost)


def _real(found: Sequence[Assertion]) -> list[Assertion]:
    return [one for one in found if one.strength > Strength.VACUOUS]


def _removed(one: Assertion, before: Case) -> Found:
    return Found(Rule.ASSERTION_REMOVED, before.path, one.line, f"`{before.name}` no longer asserts {one.text[:160]}")


def _vacuous(case: Case, one: Assertion) -> Found:
    return Found(Rule.ASSERTION_VACUOUS, case.path, one.line, f"always true: {one.text[:160]}")


def _conditional(old: Sequence[Assertion], new: Sequence[Assertion], case: Case) -> Iterator[Found]:
    before = {one.key: one.guards for one in reversed(old)}
    yield from (_only_if(one, case) for one in new if one.guards > before.get(one.key, one.guards))


def _only_if(one: Assertion, case: Case) -> Found:
    text = f"`{case.name}` asserts only under a condition now: {one.text[:120]}"
    return Found(Rule.ASSERTION_CONDITIONAL, case.path, one.line, text)


def _commented_out(sides: Sides) -> Iterator[Found]:
    gone = {line.text for line in sides.removed}
    for line in sides.added:
        comment = _COMMENT.match(line.text)
        if not comment or dialect_of(line.path) is None or not is_test_path(line.path):
            continue
        code = comment["code"]
        if code and (code in gone or f"{code};" in gone) and _CODE.match(code):
            yield Found(Rule.ASSERTION_COMMENTED_OUT, line.path, line.number, f"commented out: {code[:160]}")


def _shortened(sides: Sides) -> Iterator[Found]:
    """Lines of tests that are as before, but look at the first few only."""
    gone = {"".join(line.text.split()) for line in sides.removed}
    for line in sides.added:
        short = _SLICE.sub("", line.text)
        if short != line.text and "".join(short.split()) in gone and is_test_path(line.path):
            yield Found(Rule.CASES_REMOVED, line.path, line.number, f"only the first few are tried: {line.text[:160]}")
