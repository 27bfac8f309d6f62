"""Globs over branch names and paths. Pure.

==========  ====================================================================================================
``*``       any characters within one segment, also none
``?``       one character within a segment
``[a-z]``   one character of a set; ``[!a-z]`` one that is not in it
``**``      as a whole segment: any number of segments. ``**`` alone matches everything, ``release/**`` what lies
            below ``release``, ``**/CODEOWNERS`` that name in every folder, ``a/**/b`` also ``a/b``
==========  ====================================================================================================

A glob covers the whole name and heeds case. ``[*]`` and ``[?]`` stand for the characters themselves.

A glob becomes a regular expression without the backtracking that hostile names could exploit: each piece between two
wildcards is matched as early as possible, and atomically. That loses no match, because the wildcard after it takes up
whatever follows.
"""

import re
from functools import lru_cache

from selfheald.domain.policy import BranchFilter

_LONGEST = 500  # Characters; git and GitHub allow no longer branch names, and long globs are slips of the finger.
_TOKEN = re.compile(r"\*|\?|\[(?P<negated>[!^]?)(?P<members>\]?[^\]]*)\]|(?P<broken>\[)|(?P<literal>[^*?\[]+)")
_RANGE = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_UNUSUAL = {
    "\\": "a backslash escapes nothing here; write `[*]` for a star itself",
    "{": "braces are not supported; write two globs",
    "}": "braces are not supported; write two globs",
}


class GlobError(ValueError):
    """The glob is malformed; the message says how to mend it."""


def matches(pattern: str, name: str) -> bool:
    """Whether the glob covers the whole name. Raises :class:`GlobError`."""
    return _compiled(pattern).match(name) is not None


def allows(branches: BranchFilter, branch: str) -> bool:
    """Whether a branch matches one of ``include`` and none of ``exclude``. Raises :class:`GlobError`."""
    return any(matches(glob, branch) for glob in branches.include) and not any(
        matches(glob, branch) for glob in branches.exclude
    )


def check(pattern: str) -> str | None:
    """Say what is wrong with a glob, or ``None``."""
    try:
        _compiled(pattern)
    except GlobError as error:
        return str(error)
    return None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    problem = _problem(pattern)
    if problem:
        raise GlobError(f"`{pattern[:80]}`: {problem}")
    return re.compile(_expression(pattern.split("/")), re.DOTALL)


def _problem(pattern: str) -> str | None:
    """Say what is wrong with the glob as a whole."""
    if not pattern:
        return "a glob may not be empty; `**` matches everything"
    if len(pattern) > _LONGEST:
        return f"a glob has at most {_LONGEST} characters"
    if pattern.startswith("!"):
        return "`!` negates nothing here; use `exclude`"
    for character, problem in _UNUSUAL.items():
        if character in pattern:
            return problem
    segments = pattern.split("/")
    if "" in segments:
        return "it has an empty segment: no slash at the ends, none twice; `name/**` matches what lies below `name`"
    if any("**" in segment and segment != "**" for segment in segments):
        return "`**` must be a whole segment, as in `release/**`; within a segment use `*`"
    return None


def _expression(segments: list[str]) -> str:
    """Join the runs of segments that stand between ``**``."""
    runs: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(segment))
    first, *rest = ["/".join(run) for run in runs]
    if not rest:
        return rf"{first}\Z"
    *middle, last = rest
    start = f"{first}/" if first else ""
    between = "".join(rf"(?>(?:[^/]*/)*?{run}/)" for run in middle if run)
    end = f"(?:[^/]*/)*{last}" if last else ".+"
    return rf"{start}{between}{end}\Z"


def _segment(segment: str) -> str:
    """Translate one segment."""
    pieces = [""]
    for token in _TOKEN.finditer(segment):
        if token[0] == "*":
            pieces.append("")
        else:
            pieces[-1] += _token(token)
    first, *middle = pieces
    if not middle:
        return first
    *atomic, last = middle
    return first + "".join(f"(?>[^/]*?{piece})" for piece in atomic if piece) + f"[^/]*{last}"


def _token(token: re.Match[str]) -> str:
    if token["literal"]:
        return re.escape(token["literal"])
    if token["broken"]:
        raise GlobError("a `[` is never closed; write `[[]` for the character itself")
    return "[^/]" if token[0] == "?" else _one_of(token["negated"], token["members"])


def _one_of(negated: str, members: str) -> str:
    """Translate a set of characters. A slash is never one of them."""
    ranges = _RANGE.findall(members)
    if not ranges or any(last and last < first for first, last in ranges):
        raise GlobError(f"`[{negated}{members}]` is no set of characters, such as `[a-z]` or `[!0-9]`")
    allowed = "".join(f"{re.escape(first)}-{re.escape(last)}" if last else re.escape(first) for first, last in ranges)
    return f"(?!/)[{'^' if negated else ''}{allowed}]"
