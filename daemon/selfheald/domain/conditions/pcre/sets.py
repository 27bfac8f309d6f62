"""Sets of characters, and how the ``regex`` module is told about them.

In byte mode a character is a byte, and the tables are Latin-1's, as in Erlang's build of PCRE.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

LAST_BYTE = 0xFF
LAST_CODE_POINT = 0x10FFFF
FOLDED = 0x100
"""How many characters of a range get their other case: all bytes; in UTF mode a longer range is cut short."""

Ranges = tuple[tuple[int, int], ...]

DIGITS: Ranges = ((0x30, 0x39),)
SPACES: Ranges = ((0x09, 0x0D), (0x20, 0x20))
HORIZONTAL: Ranges = ((0x09, 0x09), (0x20, 0x20), (0xA0, 0xA0))
VERTICAL: Ranges = ((0x0A, 0x0D), (0x85, 0x85))
WIDE_HORIZONTAL: Ranges = (
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
)
WIDE_VERTICAL: Ranges = ((0x2028, 0x2029),)
UPPER: Ranges = ((0x41, 0x5A), (0xC0, 0xD6), (0xD8, 0xDE))
LOWER: Ranges = ((0x61, 0x7A), (0xB5, 0xB5), (0xDF, 0xF6), (0xF8, 0xFF))
LETTERS: Ranges = (*UPPER, *LOWER, (0xAA, 0xAA), (0xBA, 0xBA))
WORD: Ranges = (*DIGITS, *LETTERS, (0x5F, 0x5F))
PUNCTUATION: Ranges = (
    (0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA1, 0xA9),
    (0xAB, 0xB4), (0xB6, 0xB9), (0xBB, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7),
)  # fmt: skip
POSIX: dict[str, Ranges] = {
    "alnum": (*DIGITS, *LETTERS),
    "alpha": LETTERS,
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x9F)),
    "digit": DIGITS,
    "graph": ((0x21, 0x7E), (0xA1, 0xFF)),
    "lower": LOWER,
    "print": ((0x20, 0x7E), (0xA0, 0xFF)),
    "punct": PUNCTUATION,
    "space": SPACES,
    "upper": UPPER,
    "word": WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}


@dataclass(slots=True)
class CharacterSet:
    """Ranges of code points, and Unicode properties in the ``regex`` module's own words."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)

    def add(self, other: "CharacterSet") -> None:
        """Take in another set."""
        self.ranges += other.ranges
        self.properties += other.properties

    def written(self, *, negated: bool, top: int) -> str:
        """Write the set as a class; an empty one matches nothing."""
        if not self.properties:
            ranges = complement(self.ranges, top) if negated else merged(self.ranges)
            return _class("", ranges, ()) if ranges else "(?!)"
        return _class("^" if negated else "", merged(self.ranges), self.properties)


def _class(sign: str, ranges: Ranges, properties: Iterable[str]) -> str:
    spans = "".join(character(low) if low == high else f"{character(low)}-{character(high)}" for low, high in ranges)
    return f"[{sign}{spans}{''.join(properties)}]"


def character(code: int) -> str:
    """Write one character so that it has no other meaning, inside a class or outside."""
    if code <= LAST_BYTE:
        return chr(code) if chr(code).isascii() and chr(code).isalnum() else f"\\x{code:02x}"
    return f"\\U{code:08x}"


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sort ranges and join what touches."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def complement(ranges: Iterable[tuple[int, int]], top: int) -> Ranges:
    """Give everything else, up to ``top``."""
    rest: list[tuple[int, int]] = []
    next_low = 0
    for low, high in merged(ranges):
        if low > next_low:
            rest.append((next_low, low - 1))
        next_low = high + 1
    if next_low <= top:
        rest.append((next_low, top))
    return tuple(rest)


def folded(ranges: Iterable[tuple[int, int]], top: int) -> list[tuple[int, int]]:
    """Add the other case of each character, where it is a single one within ``top``."""
    both = list(ranges)
    for low, high in merged(ranges):
        for code in range(low, min(high + 1, low + FOLDED)):
            other = chr(code).swapcase()
            if len(other) == 1 and other != chr(code) and ord(other) <= top:
                both.append((ord(other), ord(other)))
    return both
