"""The smallest parts of a pattern: characters, dots, anchors, escapes, references."""

import re

from selfheald.domain.conditions.pcre.escapes import character_escape, class_escape, octal_escape
from selfheald.domain.conditions.pcre.pieces import NOTHING, Piece
from selfheald.domain.conditions.pcre.sets import CharacterSet, character
from selfheald.domain.conditions.pcre.source import NEWLINES, Source

ASSERTIONS = {"b": "\\b", "B": "\\B", "A": "\\A", "G": "\\A", "z": "\\Z", "K": ""}
LINE_BREAK = "(?>\\r\\n|[\\n-\\r\\x85])"
ANY = "(?s:.)"
DIGITS = re.compile(r"[0-9]+")
NUMBER = re.compile(r"([+-]?)([0-9]+)")
BRACED_NUMBER = re.compile(r"\{(-?)([0-9]+)\}")
CALLED = re.compile(r"<([+-]?)([0-9]+)>|'([+-]?)([0-9]+)'|<([A-Za-z_]\w{0,31})>|'([A-Za-z_]\w{0,31})'", re.ASCII)
NAME = re.compile(r"<([A-Za-z_]\w{0,31})>|'([A-Za-z_]\w{0,31})'|\{([A-Za-z_]\w{0,31})\}", re.ASCII)
NAMED_UNSUPPORTED = re.compile(r"\{(?![0-9]+(?:,[0-9]*)?\})")
MOST_DIGITS = 9


def one_character(code: int, source: Source) -> Piece:
    """Write a literal character, in both cases if ``(?i)`` is in force."""
    both = source.cased(CharacterSet([(code, code)]))
    if len(both.ranges) == 1:
        return Piece(text=character(code), width=1)
    return Piece(text=both.written(negated=False, top=source.top), width=1)


def one_of(members: CharacterSet, source: Source) -> Piece:
    r"""Write a class such as ``\d``."""
    return Piece(text=members.written(negated=False, top=source.top), width=1)


def dot(source: Source) -> Piece:
    """Write ``.``: anything, or anything but where a newline begins."""
    if "s" in source.options:
        return Piece(text=ANY, width=1)
    return not_newline(source)


def not_newline(source: Source) -> Piece:
    r"""Write ``\N``."""
    if source.newline == "LF":
        return Piece(text=".", width=1)
    return Piece(text=f"(?:(?!{NEWLINES[source.newline]}){ANY})", width=1, size=3)


def line_start(source: Source) -> Piece:
    """Write ``^``; in multi-line mode not after a newline that ends the subject."""
    if "m" not in source.options:
        return Piece(text="^", repeatable=False)
    return Piece(text=f"(?:\\A|(?<={NEWLINES[source.newline]})(?!\\Z))", repeatable=False, size=4)


def line_end(source: Source) -> Piece:
    """Write ``$``: the end, or before a newline that ends the subject (in multi-line mode: before any)."""
    if "m" in source.options:
        return Piece(text=f"(?:\\Z|(?={NEWLINES[source.newline]}))", repeatable=False, size=4)
    return subject_end(source)


def subject_end(source: Source) -> Piece:
    r"""Write ``\Z``."""
    if source.newline == "LF":
        return Piece(text="$", repeatable=False)
    return Piece(text=f"(?:\\Z|(?={NEWLINES[source.newline]}\\Z))", repeatable=False, size=4)


def escape(source: Source) -> Piece:
    """Read what follows a backslash outside a class; raises ConditionError."""
    if source.ended:
        raise source.error("\\ at end of pattern")
    letter = source.take()
    if letter in ASSERTIONS:
        return Piece(text=ASSERTIONS[letter], repeatable=False)
    if letter == "Z":
        return subject_end(source)
    if letter in "123456789":
        source.position -= 1
        return _numbered(source)
    return _special(letter, source) or _class_or_character(letter, source)


def _special(letter: str, source: Source) -> Piece | None:
    if letter == "N":
        if source.match(NAMED_UNSUPPORTED) is not None:
            raise source.error("PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u")
        return not_newline(source)
    if letter == "R":
        return Piece(text=LINE_BREAK, width=None, size=4)
    if letter == "X":
        return Piece(text="\\X" if source.utf else f"(?>\\r\\n|{ANY})", width=None, size=4)
    if letter == "C":
        return Piece(text=ANY, width=1)
    if letter in "gk":
        return _reference(letter, source)
    return None


def _class_or_character(letter: str, source: Source) -> Piece:
    members = class_escape(letter, source)
    if members is not None:
        return one_of(members, source)
    return one_character(character_escape(letter, source), source)


def _numbered(source: Source) -> Piece:
    found = source.match(DIGITS)
    digits = found.group() if found else ""
    number = int(digits[:MOST_DIGITS])
    if number >= len("0123456789") and number > source.groups:
        source.position -= len(digits)
        return one_character(octal_escape(source), source)
    return back_reference(number, source)


def back_reference(group: int | str, source: Source) -> Piece:
    """Write a reference to what a group matched."""
    source.refer(group)
    again = f"(?P={group})" if isinstance(group, str) else f"(?:\\{group})"
    return Piece(text=f"(?i:{again})" if "i" in source.options else again, width=None)


def _reference(letter: str, source: Source) -> Piece:
    name = source.match(NAME)
    if name is not None:
        found = next(filter(None, name.groups()))
        if letter == "g" and not name.group().startswith("{"):
            return call_group(found, source)
        return back_reference(found, source)
    if letter == "k":
        raise source.error("\\k is not followed by a braced, angle-bracketed, or quoted name")
    called = source.match(CALLED)
    if called is not None:
        sign, digits = [part for part in called.groups() if part is not None]
        return call_group(resolved(sign, digits, source), source)
    number = source.match(BRACED_NUMBER) or source.match(NUMBER)
    if number is None:
        raise source.error("a numbered reference must not be zero")
    return back_reference(resolved(number.group(1), number.group(2), source), source)


def resolved(sign: str, digits: str, source: Source) -> int:
    """Give the number of a group that is named from here; raises ConditionError if there cannot be one."""
    number = int(digits[:MOST_DIGITS])
    if sign == "-":
        number = source.groups + 1 - number
    elif sign == "+":
        number += source.groups
    if number < 0 or (sign and number == 0):
        raise source.error("reference to non-existent subpattern")
    return number


def call_group(group: int | str, source: Source) -> Piece:
    """Write a call of a group as a subroutine (atomic in PCRE); 0 is the whole pattern."""
    if group != 0:
        source.refer(group)
    return Piece(text=f"(?>(?&{group}))" if isinstance(group, str) else f"(?>(?{group or 'R'}))", width=None)


__all__ = [
    "NOTHING",
    "back_reference",
    "call_group",
    "dot",
    "escape",
    "line_end",
    "line_start",
    "one_character",
    "resolved",
]
