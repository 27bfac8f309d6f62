"""Which commits ``change_in`` compares, as Semaphore's spc chooses them. Pure: git is the host's.

The push's own range (``$SEMAPHORE_GIT_COMMIT_RANGE``) is not told by Semaphore's API. What was built before on the
branch stands in for the push's begin. Where nothing is known of that, it is what the commit itself brought, compared
with its first parent: for a merge commit that is everything that was merged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from selfheald.domain.conditions.functions import FunctionError

_PUSHED = "$SEMAPHORE_GIT_COMMIT_RANGE"
_MERGE_BASE = "$SEMAPHORE_MERGE_BASE"
_COMMIT = "$SEMAPHORE_GIT_SHA"
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@#=-]*(?:\^[0-9]?|~[0-9]{0,6})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRange:
    """Two commits to be compared, as git names them: ``base...head``, or ``base..head``."""

    base: str
    """A full commit id or a branch of the repository; ``^`` and ``~2`` may follow."""
    head: str
    from_merge_base: bool = True
    """Whether the comparison starts where the two parted (three dots), not at ``base`` itself (two)."""

    def __str__(self) -> str:
        return f"{self.base}{'...' if self.from_merge_base else '..'}{self.head}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeChanges:
    """What git says about a range."""

    files: tuple[str, ...] = ()
    """The changed paths, as ``git diff --name-only`` writes them; one empty line for an empty difference."""
    unknown: str = ""
    """The end of the range that does not exist; there are no files then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What was built, as far as ranges depend on it."""

    commit: str
    branch: str = ""
    """Empty unless a branch was built."""
    target: str = ""
    """The branch that a pull request is to be merged into; empty for all else."""
    source: str = ""
    """The head commit of a pull request."""
    is_fork: bool = False
    previous: str = ""
    """The commit that was built before on the branch; empty when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeOptions:
    """The options of ``change_in`` that decide about commits."""

    default_branch: str = "master"
    branch_range: str = f"{_MERGE_BASE}...{_COMMIT}"
    default_range: str = _PUSHED

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Self:
        """Take them out of a call's options; raises FunctionError."""
        return cls(**{name: _text(given[name], name) for name in cls.__slots__ if name in given})


def range_of(options: RangeOptions, checkout: Checkout) -> CommitRange | None:
    """Choose the commits to compare; ``None`` when git could not read the range: nothing has changed then."""
    if checkout.target and not checkout.is_fork:
        return CommitRange(base=checkout.target, head=checkout.source)
    text = options.default_range
    if not checkout.target and checkout.branch != options.default_branch and options.branch_range != _PUSHED:
        text = options.branch_range.replace(_MERGE_BASE, options.default_branch).replace(_COMMIT, checkout.commit)
    return _pushed(checkout) if text == _PUSHED else _parsed(text, checkout.commit)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise FunctionError(f"the option '{name}' must be a string")
    return str(value)


def _pushed(checkout: Checkout) -> CommitRange:
    if checkout.target:
        return CommitRange(base=checkout.target, head=checkout.source)
    return CommitRange(base=checkout.previous or f"{checkout.commit}^", head=checkout.commit)


def _parsed(text: str, commit: str) -> CommitRange | None:
    dots = "..." if "..." in text else ".."
    base, found, head = (_without_head(part, commit) for part in text.partition(dots))
    if not (found and _REVISION.fullmatch(base) and _REVISION.fullmatch(head)):
        return None
    return CommitRange(base=base, head=head, from_merge_base=dots == "...")


def _without_head(revision: str, commit: str) -> str:
    """Name the commit that Semaphore has checked out when it asks git."""
    return re.sub(r"^HEAD(?=[\^~]|$)", commit, revision)
