"""What is taken out of text because it is, or looks like, a secret; private keys, which have many lines. Pure."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

REDACTED = "[redacted]"
"""Stands in a secret's place."""

LONGEST_KEY = 20_000
"""Characters of a private key with its frame: one of 16,384 bits has some 13,000."""

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

_BODY = re.compile(r"[A-Za-z0-9+/=]*|[A-Z][A-Za-z-]{3,20}: .{0,100}")
"""A line within a private key: base64, or a header."""

_BODY_AFTER_PREFIX = re.compile(r"[A-Za-z0-9+/]{16,100}={0,2}")
"""The last word of such a line, after what a log writes before each line."""

_ESCAPED_BODY = re.compile(r"(?:\\[nr]|[A-Za-z0-9+/=])*")
"""The rest of a private key in a string of JSON or of source code, whose end is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSpan:
    """Where in a text a secret stands: ``text[start:end]``."""

    start: int
    end: int
    rule: str
    """What found it, in a word or two with dashes; never the secret itself."""


class Lines:
    """Redacts one text that comes line by line: it remembers a private key that has begun.

    A secret that is broken over lines otherwise is found where its pieces are known values of their own.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._left = 0

    def __call__(self, line: str) -> str:
        """Give the next line, without its end, redacted."""
        ended = _END.search(line) if self._left > 0 else None
        if ended:
            self._left = 0
            return REDACTED + self._redact(line[ended.end() :])
        if self._left > 0 and _is_body(line):
            self._left -= len(line) + 1
            return REDACTED
        self._left = LONGEST_KEY if _is_open(line) else 0
        return self._redact(line)


def private_keys(text: str) -> Iterator[SecretSpan]:
    """Find private keys, also those whose beginning or end is missing. Takes time in proportion to the text."""
    ends = [found.end() for found in _END.finditer(text)]
    over, whole_ends = 0, set()
    for begun in _BEGIN.finditer(text):
        if begun.start() < over:
            continue
        place = bisect_left(ends, begun.end())
        # A string of JSON ends before the next one begins: the end of another key is none of this.
        limit = ends[place] if place < len(ends) else 0
        whole = 0 < limit - begun.start() <= LONGEST_KEY and text.find('"', begun.end(), limit) < 0
        over = ends[place] if whole else _end_of_rest(text, begun.end())
        whole_ends.add(over)
        yield SecretSpan(start=begun.start(), end=over, rule="private-key")
    before = 0
    for ended in _END.finditer(text):
        if ended.end() not in whole_ends:
            start = _start_of_rest(text, ended.start(), before)
            yield SecretSpan(start=start, end=ended.end(), rule="private-key")
        before = ended.end()


def _end_of_rest(text: str, start: int) -> int:
    """Where a private key ends whose last line is missing: after the last line that looks like one of it."""
    limit = min(len(text), start + LONGEST_KEY)
    escaped = _ESCAPED_BODY.match(text, start, limit)
    end = escaped.end() if escaped else start
    while end < limit:
        over = text.find("\n", end, limit) + 1 or limit
        if not _is_body(text[end:over]):
            break
        end = over
    return start if text[start:end].isspace() else end


def _start_of_rest(text: str, end: int, before: int) -> int:
    """Where a private key begins whose first line is missing, as in the end of a log; not before ``before``."""
    limit = max(before, end - LONGEST_KEY)
    line = text.rfind("\n", limit, end) + 1 or limit
    escaped = _ESCAPED_BODY.match(text[line:end][::-1].replace("n\\", "\\n").replace("r\\", "\\r"))
    start = end - (escaped.end() if escaped else 0)
    while start == line > limit:
        above = text.rfind("\n", limit, line - 1) + 1 or limit
        if not _is_body(text[above:line]):
            break
        start = line = above
    return start


def _is_body(line: str) -> bool:
    text = line.strip()
    return bool(
        _BODY.fullmatch(text) or _BEGIN.fullmatch(text) or _BODY_AFTER_PREFIX.fullmatch(text.rpartition(" ")[2])
    )


def _is_open(line: str) -> bool:
    begun = max((found.end() for found in _BEGIN.finditer(line)), default=None)
    return begun is not None and not _END.search(line, begun)
