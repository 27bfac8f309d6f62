"""What an attempt offers: changed files, a commit, a pull request."""

from dataclasses import dataclass
from enum import StrEnum

from selfheald.domain.ids import Sha, Slug


class ChangeKind(StrEnum):
    """How a path differs from the base commit."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One path that differs from the base commit."""

    path: str
    kind: ChangeKind
    mode: str
    """git's mode: ``100644``, ``100755``, ``120000`` (a symbolic link); that of the base for a deleted path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeChanges:
    """What an agent left in its work tree, read as data."""

    files: tuple[FileChange, ...]
    summary: str
    """The first line of ``commit-message.txt``, cleaned and bounded; empty when there is none."""
    left_out: tuple[str, ...] = ()
    """Paths that cannot be proposed (special files, nested repositories, too large), each with its reason."""


class PullRequestState(StrEnum):
    """Where a pull request is."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as GitHub shows it."""

    repository: Slug
    number: int
    url: str
    state: PullRequestState
    title: str
    body: str
    base_branch: str
    head_branch: str
    head_repository: Slug | None
    """``None`` when the fork was deleted."""
    head_commit: Sha
    labels: tuple[str, ...] = ()

    @property
    def is_fork(self) -> bool:
        """Whether its head lives in another repository."""
        return self.head_repository != self.repository


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPullRequest:
    """The pull request that should exist for a case."""

    repository: Slug
    head_branch: str
    base_branch: str
    title: str
    body: str
    marker: str
    """A hidden line in the body that names the case; how ours is recognised."""
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    draft: bool
