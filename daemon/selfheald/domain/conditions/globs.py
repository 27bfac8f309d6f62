"""Path patterns with stars, as doublestar 4.6.0 matches them."""

import re
from functools import lru_cache
from typing import Protocol, cast

import regex

from selfheald.domain.conditions.functions import FunctionError

PATIENCE_SECONDS = 0.05
"""How long one path may take: a pattern of many stars backtracks."""
KEPT = 256
"""Compiled patterns that are kept."""
PART = re.compile(
    r"""(?P<directories>/\*\*(?=/|\Z))
    |(?P<stars>\*+)
    |(?P<one>\?)
    |\[(?P<sign>[!^]?)(?P<members>(?:\\.|[^]\\])+)\]
    |\\(?P<escaped>.)
    |(?P<brace>[{},])
    |(?P<bad>[\[\\])
    |(?P<plain>.)""",
    re.DOTALL | re.VERBOSE,
)
SPAN = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)
WHOLE = {"directories": "(?:/.*)?", "stars": "[^/]*", "one": "[^/]"}
BRACES = {"{": "(?:", "}": ")", ",": "|"}


class _Compiled(Protocol):
    def fullmatch(self, string: str, *, timeout: float) -> object | None: ...


def glob_matches(pattern: str, path: str) -> bool:
    """Match a whole path; raises FunctionError for bad syntax, and for a pattern that takes too long."""
    try:
        return _compiled(pattern).fullmatch(path, timeout=PATIENCE_SECONDS) is not None
    except TimeoutError as error:
        raise FunctionError(f"the pattern takes too long: {pattern}") from error


@lru_cache(maxsize=KEPT)
def _compiled(pattern: str) -> _Compiled:
    parts: list[str] = []
    depth = 0
    for found in PART.finditer(pattern):
        brace = found["brace"]
        if brace and (depth or brace == "{"):
            depth += {"{": 1, "}": -1, ",": 0}[brace]
            parts.append(BRACES[brace])
        else:
            parts.append(_translated(found))
    if depth:
        raise FunctionError("syntax error in pattern")
    return cast("_Compiled", regex.compile("".join(parts), regex.DOTALL))  # the module has no types


def _translated(found: re.Match[str]) -> str:
    if found["bad"]:
        raise FunctionError("syntax error in pattern")
    if found["members"]:
        return _class(found["members"], negated=bool(found["sign"]))
    rule = str(found.lastgroup)
    return WHOLE.get(rule) or _character(found["escaped"] or found["plain"] or found["brace"])


def _class(members: str, *, negated: bool) -> str:
    spans = [(span[1], span[2] or span[1]) for span in SPAN.finditer(members)]
    accepted = "".join(f"{_character(low)}-{_character(high)}" for low, high in spans if low <= high)
    if not accepted:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{accepted}]"


def _character(character: str) -> str:
    return f"\\U{ord(character):08x}"
