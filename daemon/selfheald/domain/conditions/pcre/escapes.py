"""What a backslash means, inside a class and outside."""

import re
from collections.abc import Callable

import regex

from selfheald.domain.conditions.pcre.sets import (
    DIGITS,
    HORIZONTAL,
    LAST_CODE_POINT,
    SPACES,
    VERTICAL,
    WIDE_HORIZONTAL,
    WIDE_VERTICAL,
    WORD,
    CharacterSet,
    complement,
)
from selfheald.domain.conditions.pcre.source import Source

CONTROLS = {"a": 0x07, "e": 0x1B, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09}
UNSUPPORTED = frozenset("LlUu")
OCTAL = re.compile(r"[0-7]{1,3}")
AFTER_ZERO = re.compile(r"[0-7]{0,2}")
BRACED_OCTAL = re.compile(r"\{([0-7]+)\}")
HEXADECIMAL = re.compile(r"\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{0,2})")
PROPERTY = re.compile(r"([A-Za-z])|\{(\^?)([A-Za-z_&]+)\}")
CATEGORIES = frozenset(
    {*"CLMNPSZ", "Cc", "Cf", "Cn", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No"}
    | {"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"}
)
OWN_PROPERTIES = {"Any": "\\p{Any}", "L&": "\\p{L&}", "Xan": "\\p{L}\\p{N}", "Xwd": "\\p{L}\\p{N}_"}
SPACE_PROPERTIES = ("Xps", "Xsp")


def class_escape(letter: str, source: Source) -> CharacterSet | None:
    r"""Read ``\d``, ``\H``, ``\p{Lu}`` and their like; ``None`` if the letter is none of them."""
    if letter in "pP":
        return _property(source, negated=letter == "P")
    plain = _named_set(letter.lower(), source)
    return _inverted(plain, source) if plain is not None and letter.isupper() else plain


def _named_set(letter: str, source: Source) -> CharacterSet | None:
    wide = source.utf
    if source.ucp and letter in "dw":
        return CharacterSet(properties=["\\p{Nd}"] if letter == "d" else ["\\p{L}\\p{N}_"])
    ranges = {
        "d": DIGITS,
        "s": (*SPACES, *HORIZONTAL, *VERTICAL, *WIDE_HORIZONTAL, *WIDE_VERTICAL) if source.ucp else SPACES,
        "w": WORD,
        "h": (*HORIZONTAL, *WIDE_HORIZONTAL) if wide else HORIZONTAL,
        "v": (*VERTICAL, *WIDE_VERTICAL) if wide else VERTICAL,
    }.get(letter)
    return None if ranges is None else CharacterSet(list(ranges))


def _inverted(characters: CharacterSet, source: Source) -> CharacterSet:
    if characters.properties:
        return CharacterSet(properties=[f"[^{''.join(characters.properties)}]"])
    return CharacterSet(list(complement(characters.ranges, source.top)))


def _property(source: Source, *, negated: bool) -> CharacterSet:
    found = source.match(PROPERTY)
    if found is None:
        raise source.error("malformed \\P or \\p sequence")
    name = found.group(1) or found.group(3)
    inverted = negated is not bool(found.group(2))
    if name in SPACE_PROPERTIES:
        spaces = CharacterSet([*SPACES, *HORIZONTAL, *VERTICAL, *WIDE_HORIZONTAL, *WIDE_VERTICAL])
        return _inverted(spaces, source) if inverted else spaces
    words = OWN_PROPERTIES.get(name) or (f"\\p{{{name}}}" if name in CATEGORIES else _script(name, source))
    properties = CharacterSet(properties=[words])
    return _inverted(properties, source) if inverted else properties


def _script(name: str, source: Source) -> str:
    words = f"\\p{{Script={name}}}"
    try:
        regex.compile(words)
    except regex.error as error:
        raise source.error("unknown property name after \\P or \\p") from error
    return words


def character_escape(letter: str, source: Source) -> int:
    r"""Read ``\n``, ``\x41``, ``\cA``, ``\.`` and unknown letters, which are themselves; raises ConditionError."""
    read = READERS.get(letter)
    if read is not None:
        code = read(source)
        if code > (LAST_CODE_POINT if source.utf else 0xFF):
            raise source.error("character value in \\x{} or \\o{} is too large")
        return code
    if letter in UNSUPPORTED:
        raise source.error("PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u")
    if "X" in source.options and letter.isascii() and letter.isalpha() and letter not in CONTROLS:
        raise source.error("unrecognized character follows \\")
    return CONTROLS.get(letter, ord(letter))


def _hexadecimal(source: Source) -> int:
    found = source.match(HEXADECIMAL)
    digits = "" if found is None else found.group(1) or found.group(2)
    return _bounded(digits or "0", 16)


def _braced_octal(source: Source) -> int:
    found = source.match(BRACED_OCTAL)
    if found is None:
        raise source.error("missing opening brace or non-octal character after \\o")
    return _bounded(found.group(1), 8)


def _bounded(digits: str, base: int) -> int:
    return int(digits, base) if len(digits.lstrip("0")) <= len("4177777") else LAST_CODE_POINT + 1


def _control(source: Source) -> int:
    if source.ended or not (character := source.take()).isascii():
        raise source.error("\\c at end of pattern or before a character that is not ASCII")
    return ord(character.upper()) ^ 0x40


def _zero(source: Source) -> int:
    found = source.match(AFTER_ZERO)
    return int((found.group() if found else "") or "0", 8)


READERS: dict[str, Callable[[Source], int]] = {"x": _hexadecimal, "o": _braced_octal, "c": _control, "0": _zero}


def octal_escape(source: Source) -> int:
    r"""Read ``\101`` (from its first digit); ``\8`` and ``\9`` are the digits themselves."""
    found = source.match(OCTAL)
    if found is None:
        return ord(source.take())
    code = int(found.group(), 8)
    if code > source.top:
        raise source.error("octal value is greater than \\377 in 8-bit non-UTF-8 mode")
    return code
