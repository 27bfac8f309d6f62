"""Where pull requests live."""

from typing import Protocol

from selfheald.domain.branch import BranchHead
from selfheald.domain.ids import Slug
from selfheald.domain.proposal import PullRequest, WantedPullRequest


class CodeHost(Protocol):
    """Where pull requests live. Raises as :class:`CI` does."""

    async def default_branch(self, repository: Slug) -> str:
        """The repository's default branch."""

    async def branch_head(self, repository: Slug, branch: str) -> BranchHead | None:
        """The newest commit of a branch, or ``None`` when there is no such branch."""

    async def pull_request(self, repository: Slug, number: int) -> PullRequest:
        """One pull request as it is now."""

    async def ensure_pull_request(self, wanted: WantedPullRequest) -> PullRequest:
        """The pull request for a head branch: ours if it exists (in whatever state), else a new one.

        Looks for pull requests of that head in every state first: one whose body has the marker wins, then any open
        one. Labels and reviewers are added to a new one, or to ours when they are missing; a label or reviewer that
        cannot be added does not fail the call. Raises :class:`RefusedError` when GitHub refuses it (422), e.g. for
        no commits between base and head.
        """

    async def close_pull_request(self, repository: Slug, number: int, *, comment: str, marker: str) -> PullRequest:
        """Close a pull request of ours, unless it has ended, with one comment that says why; gives it as it is then.

        ``marker`` is a line of the comment: when a comment has it already, none is added.
        """
