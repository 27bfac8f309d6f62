"""A pattern while it is read: the place, the options in force, the groups so far."""

import re
from dataclasses import dataclass, field

from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.pcre.sets import LAST_BYTE, LAST_CODE_POINT, CharacterSet, folded
from selfheald.domain.conditions.values import crash

QUOTED = re.compile(r"\\(?:Q(.*?)(?:\\E|\Z)|(E)|.)", re.DOTALL)
SETTING = re.compile(r"\(\*([A-Z0-9_]+)(?:=[0-9]+)?\)")
"""What may stand at the very start: ``(*UTF8)``, ``(*ANYCRLF)``, ``(*LIMIT_MATCH=7)``."""
NEWLINES = {
    "LF": "\\n",
    "CR": "\\r",
    "CRLF": "\\r\\n",
    "ANYCRLF": "(?>\\r\\n|\\r|\\n)",
    "ANY": "(?>\\r\\n|[\\n-\\r\\x85])",
}
HINTS = ("NO_START_OPT", "NO_AUTO_POSSESS", "LIMIT_MATCH", "LIMIT_RECURSION", "BSR_ANYCRLF", "BSR_UNICODE")
r"""Settings that change nothing about whether a pattern matches here (``\R`` is always the Unicode one)."""


@dataclass(slots=True)
class Source:
    """A PCRE pattern being read from left to right."""

    text: str
    position: int = 0
    options: frozenset[str] = frozenset()
    """Of ``imsxJUX``, those in force here."""
    utf: bool = False
    ucp: bool = False
    newline: str = "LF"
    depth: int = 0
    groups: int = 0
    names: set[str] = field(default_factory=set)
    references: list[tuple[int | str, int]] = field(default_factory=list)
    """Groups that were referred to, and where."""

    @property
    def top(self) -> int:
        """The last character there is."""
        return LAST_CODE_POINT if self.utf else LAST_BYTE

    @property
    def ended(self) -> bool:
        """Whether all has been read."""
        return self.position >= len(self.text)

    def error(self, message: str) -> ConditionError:
        """Build the error that Semaphore would raise here."""
        return crash(f"Regex.CompileError: {message} at position {self.position} of the pattern")

    def accept(self, text: str) -> bool:
        """Read this text if it comes next."""
        if not self.text.startswith(text, self.position):
            return False
        self.position += len(text)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what matches, if it comes next."""
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def take(self) -> str:
        """Read one character; there must be one."""
        character = self.text[self.position]
        self.position += 1
        return character

    def cased(self, characters: CharacterSet) -> CharacterSet:
        """Add the other cases if ``(?i)`` is in force."""
        if "i" not in self.options:
            return characters
        return CharacterSet(folded(characters.ranges, self.top), characters.properties)

    def refer(self, group: int | str) -> None:
        """Note a reference; whether the group exists is known at the end."""
        self.references.append((group, self.position))


def opened(pattern: str) -> Source:
    r"""Begin to read a pattern (one character a byte): leading settings, ``\Q...\E``; raises ConditionError."""
    source = Source(pattern)
    while (setting := source.match(SETTING)) is not None:
        if not _apply(setting.group(1), source):
            source.position = setting.start()
            break
    rest = source.text[source.position :]
    source.text = QUOTED.sub(_unquoted, _decoded(rest, source) if source.utf else rest)
    source.position = 0
    return source


def _apply(setting: str, source: Source) -> bool:
    if setting in NEWLINES:
        source.newline = setting
    elif setting in ("UTF8", "UTF"):
        source.utf = True
    elif setting == "UCP":
        source.ucp = True
    else:
        return setting in HINTS
    return True


def _decoded(octets: str, source: Source) -> str:
    try:
        return octets.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise source.error("invalid UTF-8 string") from error


def _unquoted(found: re.Match[str]) -> str:
    if found.group(1) is not None:
        return "".join(f"\\x{{{ord(character):x}}}" for character in found.group(1))
    return "" if found.group(2) else found.group()
