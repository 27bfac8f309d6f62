"""Tells values that look like secrets from words, paths, hashes and the like."""

import re
from collections import Counter
from math import log2

LOOKED_AT = 150
"""Characters of a value that are judged, the longest hash among them: more would tell no more, and take time."""

_DIGEST = re.compile(
    r"(?:(?:sha|md)\d{1,3}[:=-])?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    re.IGNORECASE,
)
"""A hash or a UUID."""

_KNOWN_SHAPE = re.compile(
    r"(?:sha\d{3}-|h1:)[\w+/=-]+"  # integrity of packages
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # emails; name@version too
    r"|(?:~|\.{1,2})?/(?:[\w.@-]{0,60}/)*[\w.@-]{0,60}"  # paths
    r"|v?\d+(?:\.\d+)+[\w.+-]{0,40}"  # versions, addresses of hosts
    r"|\d{4}-\d\d-\d\d[T0-9:.Z+-]*"  # instants
    r"|0x[0-9a-fA-F]+|[\d.,:_+-]+[a-zA-Z%]{0,3}"  # numbers, sizes
    r"|[A-Za-z_][\w-]{0,30}(?:\.[A-Za-z_][\w-]{0,30})+"  # names with dots
)

_PLACEHOLDER = re.compile(
    r"[$<{%*\[(].*|.*(?:\$\{|\{\{|\*{3}|\.{3}|…).*|x{4,}.*|(?:your|my|some|example|dummy|fake|changeme)\b.*"
    r"|(?i:null|none|true|false|undefined|redacted|hidden|masked|filtered|secret|password|token)",
    re.DOTALL,
)
"""A variable, a template, or what somebody else has put in a secret's place."""


def is_digest(value: str) -> bool:
    """Whether a value is a hash or a UUID: harmless, unless something says that it is a secret."""
    return _DIGEST.fullmatch(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether a value only stands for a secret."""
    return _PLACEHOLDER.fullmatch(value) is not None


def is_random(value: str) -> bool:
    """Whether a value looks as if it were made by chance: no word, path, version, hash, email or UUID."""
    return _is_random(value, shortest=16, bits=3.0, changes=0.18)


def is_mixed(value: str) -> bool:
    """Whether a value is no mere word, path, version or email: enough for one whose name leaves no doubt."""
    return is_digest(value) or _is_random(value, shortest=8, bits=2.0, changes=0.12)


def _is_random(value: str, *, shortest: int, bits: float, changes: float) -> bool:
    """Whether it has so many characters, so many bits of entropy for each, and such a share of changes."""
    value = value[:LOOKED_AT]
    if len(value) < shortest or is_placeholder(value) or is_digest(value) or _KNOWN_SHAPE.fullmatch(value):
        return False
    return entropy(value) >= bits and _changes(value) >= changes


def entropy(value: str) -> float:
    """Give the bits for each character, by how often each occurs in the value."""
    counts = Counter(value).values()
    return -sum(count / len(value) * log2(count / len(value)) for count in counts)


def _changes(value: str) -> float:
    """The share of neighbours of different kinds, which words, however many, keep low.

    A word may begin with a capital letter, and signs may stand between words.
    """
    return len(_CHANGE.findall(value.translate(_KINDS))) / len(value)


class _Kinds(dict[int, str]):
    """The kind of each character. Those of the alphabets in use are known beforehand, which saves most of the time."""

    def __missing__(self, code: int) -> str:
        return _kind(chr(code))


def _kind(char: str) -> str:
    if char.isdigit():
        return "0"
    if char.isalpha():
        return "A" if char.isupper() else "a"
    return "-" if char in "-_./: " else "!"


_KINDS = _Kinds((code, _kind(chr(code))) for code in range(0x250))
_CHANGE = re.compile("0(?=[Aa!])|A(?=[0!])|a(?=[0A!])|!(?=[0Aa])")
