"""Finds secrets in what is base64: ``env | base64``, a file of an image, a secret of Kubernetes."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator

from selfheald.domain.redaction import SecretSpan

_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{48,}\r?\n[ \t]{0,8})*[A-Za-z0-9+/_-]{24,}={0,2}")
"""Base64, also over lines of the same length but for the last."""

_STANDARD = bytes.maketrans(b"-_", b"+/")
_READABLE = bytes({9, 10, 13, *range(32, 127)})


def encoded(text: str, find: Callable[[str], Iterable[SecretSpan]]) -> Iterator[SecretSpan]:
    """Find what holds a secret once it is decoded; all of it is one, since there is no telling where."""
    for run in _RUN.finditer(text):
        inside = _decoded(run[0])
        if inside and any(find(inside)):
            yield SecretSpan(start=run.start(), end=run.end(), rule="base64")


def _decoded(run: str) -> str:
    """The text that is encoded; empty when it is none."""
    packed = b"".join(run.encode().split()).rstrip(b"=").translate(_STANDARD)
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    raw = b64decode(packed + b"=" * (-len(packed) % 4))
    return "" if raw.translate(None, _READABLE) else raw.decode()
