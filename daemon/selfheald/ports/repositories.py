"""git, as the engine asks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.guards.change import Change
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import FileChange, TreeChanges


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """The files of one commit in a folder of their own, without a ``.git``."""

    repository: Slug
    commit: Sha
    path: Path


class PushOutcome(StrEnum):
    """How a push ended."""

    PUSHED = "pushed"
    ALREADY_THERE = "already_there"
    TAKEN = "taken"
    """The branch exists at a commit that is not the expected one; nothing was written."""


class Repositories(Protocol):
    """git: one bare mirror per repository, a work tree per attempt, commits and pushes.

    Raises :class:`NotFoundError` (no such repository or commit), :class:`UnauthorizedError`,
    :class:`RefusedError` (a protected branch, a hook), :class:`TransientError`.
    """

    async def checkout(self, repository: Slug, commit: Sha, path: Path) -> WorkTree:
        """Put the files of a commit into ``path``, which must not exist; fetches what the mirror lacks."""

    async def changes(self, tree: WorkTree) -> TreeChanges:
        """Compare a work tree with its commit, as data: no git command runs in or over it, no link is followed."""

    async def commit(self, tree: WorkTree, changes: TreeChanges, *, message: str, ref: str, at: datetime) -> Sha:
        """Make a commit of the changes on top of the tree's commit, under ``ref`` of the mirror; idempotent.

        ``ref`` is of the form ``refs/selfheal/cases/7/1``. The same input gives the same commit.
        """

    async def discard(self, path: Path) -> None:
        """Remove a work tree, whatever was made of it; nothing happens when it is not there."""

    async def changed_files(self, repository: Slug, base: Sha, commit: Sha) -> Sequence[FileChange]:
        """The paths that differ between two commits of the mirror."""

    async def changed_texts(self, repository: Slug, base: Sha, commit: Sha, *, limit: int) -> Sequence[Change]:
        """As :meth:`changed_files`, with what the files held and hold.

        A side of more than ``limit`` bytes is not read (``cut``), nor is one that is not text (``binary``), nor what
        would be too much in all.
        """

    async def diff(self, repository: Slug, base: Sha, commit: Sha) -> str:
        """The unified diff between two commits of the mirror, bounded."""

    async def changes_in_range(self, repository: Slug, wanted: CommitRange) -> RangeChanges:
        """The files that changed between two commits, for ``change_in``; fetches what the mirror lacks.

        An end that does not exist is told in the answer, not raised. Two commits without a common ancestor give no
        files, an empty difference one empty line.
        """

    async def push(self, repository: Slug, commit: Sha, branch: str, *, expected: Sha | None) -> PushOutcome:
        """Bring ``branch`` on the remote to ``commit``, if it is at ``expected`` now (``None``: if it is absent)."""
