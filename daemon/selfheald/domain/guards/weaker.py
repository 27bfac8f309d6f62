"""Compares the assertions of one test: which belong together, and which demand less."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from selfheald.domain.guards.cases import Assertion, Case
from selfheald.domain.guards.change import Found
from selfheald.domain.guards.expectations import ADDRESS
from selfheald.domain.guards.pairing import likeness
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides
from selfheald.domain.guards.slack import forgets, slack, wider
from selfheald.domain.guards.strength import Strength

_MATCHER = re.compile(r"to[A-Z]|be_|have_")

_MOST = 100
"""Assertions of a test that are compared one by one."""


def tabled(one: Assertion, come: Sequence[Assertion], kept: frozenset[str]) -> bool:
    """Whether new assertions stand in for this one, whose values are in a table or passed to a helper now."""
    if _SCAFFOLD.match(one.text):
        return bool(come)
    values = {value for value in one.literals if value.lower() not in _COMMON}
    return bool(come) and bool(values) and values <= kept


_SCAFFOLD = re.compile(r"expect\.(?:assertions|hasAssertions)\(|(?:\w+\.)?(?:fail|flunk)\(")
"""What only makes sure that other assertions are reached."""


def refactored(was: Assertion, now: Assertion, come: Sequence[Assertion], sides: Sides) -> bool:
    """Whether a helper or matcher that is new asserts now, or several assertions what one did."""
    new = {name for name, made in sides.after.helpers.items() if made or _MATCHER.match(name)} - set(
        sides.before.helpers
    )
    together = frozenset(value for one in come for value in one.literals)
    split_up = len(come) > 1 and was.literals and was.literals <= together and now.strength >= was.strength
    return bool(new & (now.words | {now.name})) or bool(split_up)


def differing(old: Sequence[Assertion], new: Sequence[Assertion]) -> tuple[list[Assertion], list[Assertion]]:
    """What is only on one side."""
    return _only(old, new), _only(new, old)


def _only(these: Sequence[Assertion], those: Sequence[Assertion]) -> list[Assertion]:
    known = Counter(one.key for one in those)
    found = []
    for one in these:
        if known[one.key] > 0:
            known[one.key] -= 1
        else:
            found.append(one)
    return found


def paired(
    gone: Sequence[Assertion], come: Sequence[Assertion]
) -> tuple[list[tuple[Assertion, Assertion]], list[Assertion]]:
    """Each assertion that is gone with the new one most like it; those without one are lost."""
    scores = sorted(
        (
            (likeness(was.words, now.words), -number, -place)
            for number, was in enumerate(gone[:_MOST])
            for place, now in enumerate(come[:_MOST])
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for _, number, place in scores:
        if -number not in pairs and -place not in pairs.values():
            pairs[-number] = -place
    lost = [was for number, was in enumerate(gone) if number not in pairs]
    return [(gone[number], come[place]) for number, place in sorted(pairs.items())], lost


def weaker(was: Assertion, now: Assertion, case: Case, sides: Sides) -> Iterator[Found]:
    """Compare an assertion with the one that stands in its place."""
    helped = now.by_helper != was.by_helper
    if _SCAFFOLD.match(was.text):
        return
    drop = was.strength - now.strength
    if (now.strength > Strength.VACUOUS and drop > helped) or (not helped and _demands_less(was, now, sides.written)):
        text = f"`{case.name}` asserted {was.text[:120]}, and now only {now.text[:120]}"
        yield Found(Rule.ASSERTION_WEAKENED, case.path, now.line, text)
    elif not helped and _nobody_wrote(was, now, sides):
        text = f"`{case.name}` asserted {was.text[:120]}, and now {now.text[:120]}, whose value nobody wrote down"
        yield Found(Rule.ASSERTION_WEAKENED, case.path, now.line, text)
    elif now.strength >= was.strength and was.shape == now.shape and slack(now.text) >= slack(was.text):
        text = f"`{case.name}` asserted {was.text[:120]}, and now {now.text[:120]}"
        yield Found(Rule.EXPECTATION_BENT if sides.only_tests else Rule.EXPECTATION_CHANGED, case.path, now.line, text)


def _values(one: Assertion) -> set[str]:
    return {value for value in one.literals if value.lower() not in _COMMON and not _is_name(value)}


_COMMON = {"true", "false", "none", "nil", "null"}


def _is_name(value: str) -> bool:
    """Whether a value names something: a symbol, a module, an address; it is no less for being left out."""
    return value.startswith(":") or ADDRESS.match(value) is not None


def _nobody_wrote(was: Assertion, now: Assertion, sides: Sides) -> bool:
    """Whether what was expected is nowhere any more, and nothing else was written in its place."""
    lost = {value for value in was.literals - now.literals if not _is_name(value)}
    return (
        bool(lost)
        and now.literals <= was.literals
        and not any(_is_written(value, sides) for value in lost)
        and now.strength <= was.strength
    )


def _is_written(value: str, sides: Sides) -> bool:
    """Whether a value stands somewhere still, or its lines do, each on one of its own."""
    pieces = (one for one in sides.written if len(one) > 3)  # noqa: PLR2004 - shorter ones are in anything
    return value in sides.values or any(one in value for one in pieces)


def _demands_less(was: Assertion, now: Assertion, written: frozenset[str]) -> bool:
    """Whether a chain of demands has lost a link, a tolerance has grown, or only a part is looked at now.

    A value that is ``written`` in an added line has got a name.
    """
    yes_or_no = bool(_values(was)) and not _values(now) and bool(now.literals)
    shorter = len(now.text) > 10 and was.text.startswith(f"{now.text}.")  # noqa: PLR2004 - a chain has a subject
    left_out = {value for value in was.literals - now.literals - written if not _is_name(value)}
    smaller = now.words < was.words and now.literals < was.literals and bool(left_out)
    return (
        shorter
        or wider(was.text, now.text)
        or (now.strength <= was.strength and (smaller or yes_or_no or forgets(was.text, now.text)))
    )


def elsewhere(one: Assertion, come: Sequence[Assertion], moved: frozenset[str]) -> bool:
    """Whether a lost assertion is made by another test now, or is a part of a new one."""
    if one.key in moved:
        return True
    return any(one.literals and _holds(other, one) and other.strength >= one.strength for other in come)


def _holds(larger: Assertion, smaller: Assertion) -> bool:
    """Whether all values of one assertion are values of another, or parts of them."""
    return all(any(value in whole for whole in larger.literals) for value in smaller.literals)
