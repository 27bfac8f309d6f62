"""Adapters that look but do not write outside: for ``selfheald once --dry-run``."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog

from selfheald.domain.branch import BranchHead
from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import TransientError
from selfheald.domain.guards.change import Change
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import FileChange, PullRequest, TreeChanges, WantedPullRequest
from selfheald.ports import CodeHost, PushOutcome, Repositories, WorkTree

log = structlog.get_logger()


class DryRunRepositories:
    """Everything but the push."""

    def __init__(self, inner: Repositories) -> None:
        self._inner = inner

    async def checkout(self, repository: Slug, commit: Sha, path: Path) -> WorkTree:
        """As the real one."""
        return await self._inner.checkout(repository, commit, path)

    async def changes(self, tree: WorkTree) -> TreeChanges:
        """As the real one."""
        return await self._inner.changes(tree)

    async def commit(self, tree: WorkTree, changes: TreeChanges, *, message: str, ref: str, at: datetime) -> Sha:
        """As the real one: it stays in our own mirror."""
        return await self._inner.commit(tree, changes, message=message, ref=ref, at=at)

    async def discard(self, path: Path) -> None:
        """As the real one."""
        await self._inner.discard(path)

    async def changed_files(self, repository: Slug, base: Sha, commit: Sha) -> Sequence[FileChange]:
        """As the real one."""
        return await self._inner.changed_files(repository, base, commit)

    async def changed_texts(self, repository: Slug, base: Sha, commit: Sha, *, limit: int) -> Sequence[Change]:
        """As the real one."""
        return await self._inner.changed_texts(repository, base, commit, limit=limit)

    async def diff(self, repository: Slug, base: Sha, commit: Sha) -> str:
        """As the real one."""
        return await self._inner.diff(repository, base, commit)

    async def changes_in_range(self, repository: Slug, wanted: CommitRange) -> RangeChanges:
        """As the real one."""
        return await self._inner.changes_in_range(repository, wanted)

    async def push(self, repository: Slug, commit: Sha, branch: str, *, expected: Sha | None) -> PushOutcome:
        """Say what would be pushed; the case stays where it is."""
        log.info("would_push", repository=repository, branch=branch, commit=commit, expected=expected)
        raise TransientError(f"dry run: {commit} was not pushed to {branch} of {repository}")


class DryRunCodeHost:
    """Reads only."""

    def __init__(self, inner: CodeHost) -> None:
        self._inner = inner

    async def default_branch(self, repository: Slug) -> str:
        """As the real one."""
        return await self._inner.default_branch(repository)

    async def branch_head(self, repository: Slug, branch: str) -> BranchHead | None:
        """As the real one."""
        return await self._inner.branch_head(repository, branch)

    async def pull_request(self, repository: Slug, number: int) -> PullRequest:
        """As the real one."""
        return await self._inner.pull_request(repository, number)

    async def ensure_pull_request(self, wanted: WantedPullRequest) -> PullRequest:
        """Say what would be opened; the case stays where it is."""
        log.info("would_open_pull_request", repository=wanted.repository, head=wanted.head_branch, title=wanted.title)
        raise TransientError(f"dry run: no pull request was opened for {wanted.head_branch}")

    async def close_pull_request(self, repository: Slug, number: int, *, comment: str, marker: str) -> PullRequest:
        """Say what would be closed; the case stays where it is."""
        log.info("would_close_pull_request", repository=repository, number=number, comment=comment, marker=marker)
        raise TransientError(f"dry run: pull request {number} of {repository} was not closed")
