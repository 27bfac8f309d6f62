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
"""Characters of a secret's beginning or end that are known where a text was cut within it."""

_BREAK = re.compile(r"\n[ \t]*")
"""Where programs break a long line: ``base64`` after 76 characters, say."""

_ANY_BREAK = re.compile(r"\r?\n[ \t]*|(?:\\r)?\\n[ \t]*")
"""Also as Windows does it, and within a string of JSON: slower to look for."""


class Forms:
    """The forms of some secrets, the longest first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        plain = {secret for secret in secrets if len(secret) >= SHORTEST and secret not in REDACTED}
        self._plain = tuple(sorted(plain))
        self._forms = sorted({form for secret in plain for form in forms_of(secret)}, key=len, reverse=True)

    def find(self, text: str, *, rule: str) -> Iterator[SecretSpan]:
        """Find them, also where a line break or the end of the text stands within one; spans may overlap."""
        for start, end in self._within(text):
            yield SecretSpan(start=start, end=end, rule=rule)
        for start, end in _cut(text, self._plain):
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


def forms_of(secret: str) -> set[str]:
    """Give a secret in every form in which it travels."""
    raw = secret.encode(errors="surrogatepass")
    derived = {
        *_quoted(secret),
        *_quoted(secret, lower=True),
        *(json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)),
        json.dumps(secret)[1:-1].replace("/", r"\/"),
        html.escape(secret),
        raw.hex(),
        raw.hex().upper(),
        *_base64(raw),
    }
    lines = {line for line in secret.splitlines() if len(line) >= SHORTEST_DERIVED and not line.startswith("-----")}
    return {secret, *lines, *(form for form in derived if len(form) >= SHORTEST_DERIVED)}


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


def _cut(text: str, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where a text begins or ends within a secret."""
    for secret in secrets:
        if len(secret) <= SHORTEST_CUT:
            continue
        ending = text.find(secret[-SHORTEST_CUT:], 0, len(secret)) + SHORTEST_CUT
        if ending >= SHORTEST_CUT and secret.endswith(text[:ending]):
            yield 0, ending
        beginning = text.rfind(secret[:SHORTEST_CUT], max(0, len(text) - len(secret)))
        if beginning >= 0 and secret.startswith(text[beginning:]):
            yield beginning, len(text)
