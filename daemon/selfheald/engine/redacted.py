"""Pull requests without secrets: the edge that all their text passes."""

from dataclasses import replace

from selfheald.domain.branch import BranchHead
from selfheald.domain.ids import Slug
from selfheald.domain.proposal import PullRequest, WantedPullRequest
from selfheald.ports import CodeHost, Redact


class RedactedCodeHost:
    """Takes secrets out of titles, bodies and comments."""

    def __init__(self, inner: CodeHost, redact: Redact) -> None:
        self._inner = inner
        self._redact = redact

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
        """As the real one, with what may be shown."""
        body = self._with_marker(wanted.body, wanted.marker)
        return await self._inner.ensure_pull_request(replace(wanted, title=self._redact(wanted.title), body=body))

    async def close_pull_request(self, repository: Slug, number: int, *, comment: str, marker: str) -> PullRequest:
        """As the real one, with what may be shown."""
        comment = self._with_marker(comment, marker)
        return await self._inner.close_pull_request(repository, number, comment=comment, marker=marker)

    def _with_marker(self, text: str, marker: str) -> str:
        """Redact all but the line by which the text is recognised later: without it, there would be a second one."""
        before, found, after = text.partition(marker)
        return f"{self._redact(before)}{found}{self._redact(after)}"
