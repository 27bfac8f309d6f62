"""Finds values that are known to be secret, in every form in which they travel."""

import html
import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from selfheald.domain.redaction import REDACTED, SecretSpan

SHORTEST = 6
"""Characters. To replace a shorter secret would tear texts apart, and no real token is that short."""

SHORTEST_DERIVED = 8
"""Characters of an encoded form: shorter ones would be found where nothing is."""

SHORTEST_CUT = 12
"""Characters of a secret that are known where a text was cut within it."""

_BREAK = re.compile(r"\n[ \t]*")
"""Where programs break a long line: ``base64`` after 76 characters, say."""

_GAP = re.compile(r" ?… (?:\d{1,9} characters … )?|\n\0\n")
"""Stands where a text was shortened, at its beginning or within a line, and between texts that are looked at as one."""

_ANY_BREAK = re.compile(r"\r?\n[ \t]*|(?:\\r)?\\n[ \t]*")
"""Also as Windows does it, and within a string of JSON: slower to look for."""


class Forms:
    """The forms of some secrets, the longest first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        plain = {secret for secret in secrets if len(secret) >= SHORTEST and secret not in REDACTED}
        self._forms = sorted({form for secret in plain for form in forms_of(secret)}, key=len, reverse=True)
        self._parts = _parts(self._forms)

    def find(self, text: str, *, rule: str) -> Iterator[SecretSpan]:
        """Find them, also where a line break or a cut stands within one; spans may overlap."""
        for start, end in self._within(text):
            yield SecretSpan(start=start, end=end, rule=rule)
        for start, end in self._cut(text):
            yield SecretSpan(start=start, end=end, rule=rule)

    def _within(self, text: str) -> Iterator[tuple[int, int]]:
        yield from _occurrences(text, self._forms)
        pattern = _ANY_BREAK if "\r" in text or "\\n" in text else _BREAK
        breaks = [found.span() for found in pattern.finditer(text)] if self._forms else []
        if not breaks:
            return
        joined, places = _joined(text, breaks)
        for start, end in _occurrences(joined, self._forms):
            first, last = _place(start, places), _place(end - 1, places) + 1
            if last - first > end - start:
                yield first, last

    def _cut(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text begins or ends within a secret, or has had its middle taken out of one."""
        gaps = [found.span() for found in _GAP.finditer(text)] if self._parts else []
        for start in (0, *(end for _, end in gaps)):
            if length := max((_same(text, start, *part) for part in self._at(text, start)), default=0):
                yield start, start + length
        for end in (*(start for start, _ in gaps), len(text)):
            parts = self._at(text, end - SHORTEST_CUT)
            if length := max((_same_before(text, end, form, place + SHORTEST_CUT) for form, place in parts), default=0):
                yield end - length, end

    def _at(self, text: str, start: int) -> list[tuple[str, int]]:
        """Which forms have what stands there, and where."""
        return self._parts.get(text[start : start + SHORTEST_CUT], []) if start >= 0 else []


def forms_of(secret: str) -> set[str]:
    """Give a secret in every form in which it travels; of one of several lines, each line's too."""
    lines = {line for line in secret.splitlines() if len(line) >= SHORTEST_DERIVED and not line.startswith("-----")}
    return {form for one in {secret, *lines} for form in (one, *_derived(one)) if len(form) >= SHORTEST_DERIVED} | {
        secret
    }


def _derived(secret: str) -> set[str]:
    raw = secret.encode(errors="surrogatepass")
    return {
        *_quoted(secret),
        *_quoted(secret, lower=True),
        *(json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)),
        json.dumps(secret)[1:-1].replace("/", r"\/"),
        html.escape(secret),
        raw.hex(),
        raw.hex().upper(),
        *_base64(raw),
    }


def _parts(forms: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Every short part of the forms, with the forms that have it, and where."""
    parts: dict[str, list[tuple[str, int]]] = {}
    for form in forms:
        for place in range(len(form) - SHORTEST_CUT + 1 if len(form) > SHORTEST_CUT else 0):
            parts.setdefault(form[place : place + SHORTEST_CUT], []).append((form, place))
    return parts


def _same(text: str, at: int, form: str, place: int) -> int:
    """Count the characters from there on that are those of a form."""
    length = 0
    while at + length < len(text) and place + length < len(form) and text[at + length] == form[place + length]:
        length += 1
    return length


def _same_before(text: str, end: int, form: str, place: int) -> int:
    """Count the characters up to there that are those of a form."""
    length = 0
    while min(end, place) > length and text[end - length - 1] == form[place - length - 1]:
        length += 1
    return length


def _quoted(secret: str, *, lower: bool = False) -> Iterator[str]:
    for form in (
        quote(secret, safe="", errors="surrogatepass"),
        quote(secret, errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
    ):
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) if lower else form


def _base64(raw: bytes) -> Iterator[str]:
    """What base64 makes of the secret wherever it stands in what is encoded, in both alphabets."""
    for before in range(3):
        text = b64encode(b"\0" * before + raw).decode()
        certain = text[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]
        yield certain
        yield certain.translate({ord("+"): "-", ord("/"): "_"})


def _occurrences(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + len(form))


def _joined(text: str, breaks: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """The text without its line breaks, and where its pieces were: (place in it, place in the text)."""
    pieces, places, length, after = [], [(0, 0)], 0, 0
    for start, end in breaks:
        pieces.append(text[after:start])
        length += start - after
        places.append((length, end))
        after = end
    pieces.append(text[after:])
    return "".join(pieces), places


def _place(at: int, places: list[tuple[int, int]]) -> int:
    new, old = places[bisect_right(places, at, key=lambda place: place[0]) - 1]
    return old + at - new
