r"""Bracketed classes: ``[^a-z\d[:punct:]]``."""

import re

from selfheald.domain.conditions.pcre.escapes import character_escape, class_escape, octal_escape
from selfheald.domain.conditions.pcre.sets import POSIX, CharacterSet, complement
from selfheald.domain.conditions.pcre.source import Source

POSIX_NAME = re.compile(r"\[:(\^?)([a-z]*):\]")
COLLATING = re.compile(r"\[([.=])[^\]]*\1\]")
RANGE_FOLLOWS = re.compile(r"-(?!\])")
BACKSPACE = 0x08


def read_class(source: Source) -> str:
    """Read a class whose ``[`` has been read; gives it in the ``regex`` module's words, raises ConditionError."""
    negated = source.accept("^")
    members = CharacterSet()
    first = True
    while first or not source.accept("]"):
        if source.ended:
            raise source.error("missing terminating ] for character class")
        members.add(_member(source))
        first = False
    return members.written(negated=negated, top=source.top)


def _member(source: Source) -> CharacterSet:
    item = _item(source)
    if isinstance(item, CharacterSet):
        return item  # a hyphen after it is a hyphen
    last = item
    if source.match(RANGE_FOLLOWS) is not None:
        if source.ended:
            raise source.error("missing terminating ] for character class")
        end = _item(source)
        if isinstance(end, CharacterSet):
            raise source.error("invalid range in character class")
        last = end
    if last < item:
        raise source.error("range out of order in character class")
    return source.cased(CharacterSet([(item, last)]))


def _item(source: Source) -> CharacterSet | int:
    posix = source.match(POSIX_NAME)
    if posix is not None:
        return _posix(posix, source)
    if source.match(COLLATING) is not None:
        raise source.error("POSIX collating elements are not supported")
    if not source.accept("\\"):
        return ord(source.take())
    return _escape(source)


def _posix(found: re.Match[str], source: Source) -> CharacterSet:
    sign, name = found.groups()
    if name not in POSIX:
        raise source.error("unknown POSIX class name")
    letters = "alpha" if "i" in source.options and name in ("upper", "lower") else name
    ranges = POSIX[letters]
    return CharacterSet(list(complement(ranges, source.top) if sign else ranges))


def _escape(source: Source) -> CharacterSet | int:
    if source.ended:
        raise source.error("\\ at end of pattern")
    letter = source.take()
    if letter == "b":
        return BACKSPACE
    if letter in "BNRX":
        raise source.error("escape sequence is invalid in character class")
    if letter in "123456789":
        source.position -= 1
        return octal_escape(source)
    named = class_escape(letter, source)
    return character_escape(letter, source) if named is None else named
