"""Finds secrets in what is base64: ``env | base64``, a file of an image, a secret of Kubernetes."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator

from selfheald.domain.redaction import SecretSpan

_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{48,}\r?\n[ \t]{0,8})*[A-Za-z0-9+/_-]{4,}={0,2}")
_LINE = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")

SHORTEST = 24
"""Characters of base64 that are decoded: a shorter text holds nothing that is looked for."""

_STANDARD = bytes.maketrans(b"-_", b"+/")
_READABLE = re.compile(rb"[\t\n\r -~]{8,}")


def encoded(text: str, find: Callable[[str], Iterable[SecretSpan]]) -> Iterator[SecretSpan]:
    """Find what holds a secret once it is decoded; all of it is one, since there is no telling where."""
    for run in _RUN.finditer(text):
        for start, end in _blocks(run) if "\n" in run[0] else (run.span(),):
            inside = _decoded(text[start:end])
            if inside and any(find(inside)):
                yield SecretSpan(start=start, end=end, rule="base64")


def _blocks(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """What was encoded together: lines of one length and a shorter last one. Other texts may stand right beside it."""
    begun: tuple[int, int] | None = None
    after = run.start()
    for line in _LINE.finditer(run.string, run.start(), run.end()):
        length, wanted = line.end() - line.start(), begun[1] - begun[0] if begun else 0
        if begun and length > wanted:
            yield begun[0], after
            begun = None
        begun, after = begun or line.span(), line.end()
        if length < wanted:
            yield begun[0], after
            begun = None
    if begun:
        yield begun[0], after


def _decoded(block: str) -> str:
    """What can be read of what is encoded; empty when there is nothing."""
    packed = b"".join(block.encode().split()).rstrip(b"=").translate(_STANDARD)
    if len(packed) < SHORTEST:
        return ""
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    raw = b64decode(packed + b"=" * (-len(packed) % 4))
    return "\n".join(found.decode() for found in _READABLE.findall(raw))
