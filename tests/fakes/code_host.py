"""A code host in memory: what :class:`selfheald.github.code_host.GitHub` is to GitHub, without one."""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from selfheald.domain.branch import BranchHead
from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import PullRequest, PullRequestState, WantedPullRequest


@dataclass
class FakeCodeHost:
    """Implements the port ``CodeHost``. The script's methods need no await."""

    branches: dict[Slug, dict[str, Sha]] = field(default_factory=dict)
    """Every repository with its branches."""
    default_branches: dict[Slug, str] = field(default_factory=dict)
    messages: dict[Sha, str] = field(default_factory=dict)
    """Commit messages, where a test cares."""
    pull_requests: dict[tuple[Slug, int], PullRequest] = field(default_factory=dict)
    reviewers: defaultdict[tuple[Slug, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    comments: defaultdict[tuple[Slug, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)
    """The port's methods as they were called, failed ones too."""
    before_closing: Callable[[], None] | None = None
    """What others do at the very moment when a pull request is to be closed."""
    _errors: deque[SelfhealdError] = field(default_factory=deque)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # ----------------------------------------------------------------------------------------------- the script

    def add_repository(self, repository: Slug, *, default_branch: str = "main", head: Sha | None = None) -> None:
        """Make a repository; with ``head`` its default branch exists."""
        self.default_branches[repository] = default_branch
        self.branches[repository] = {} if head is None else {default_branch: head}

    def set_branch(self, repository: Slug, branch: str, head: Sha | None) -> None:
        """Put a branch at a commit; ``None`` deletes it."""
        if head is None:
            self.branches[repository].pop(branch, None)
        else:
            self.branches[repository][branch] = head

    def add_pull_request(
        self,
        repository: Slug,
        *,
        head_branch: str,
        base_branch: str = "main",
        body: str = "",
        title: str = "Change something",
        head_repository: Slug | None = None,
        head_commit: Sha | None = None,
    ) -> PullRequest:
        """Open a pull request by hand, of a branch of the repository unless ``head_repository`` is given."""
        number = next(self._numbers)
        made = PullRequest(
            repository=repository,
            number=number,
            url=f"https://github.test/{repository}/pull/{number}",
            state=PullRequestState.OPEN,
            title=title,
            body=body,
            base_branch=base_branch,
            head_branch=head_branch,
            head_repository=head_repository or repository,
            head_commit=head_commit or self.branches[repository][head_branch],
        )
        self.pull_requests[repository, number] = made
        return made

    def merge(self, repository: Slug, number: int) -> None:
        """A human merges it: the base branch is at the head's commit then."""
        it = self._end(repository, number, PullRequestState.MERGED)
        self.branches[repository][it.base_branch] = it.head_commit

    def close(self, repository: Slug, number: int) -> None:
        """A human closes it."""
        self._end(repository, number, PullRequestState.CLOSED)

    def label(self, repository: Slug, number: int, *labels: str) -> None:
        """A human adds labels."""
        it = self.pull_requests[repository, number]
        self.pull_requests[repository, number] = replace(it, labels=it.labels + labels)

    def fail_next(self, error: SelfhealdError, *, times: int = 1) -> None:
        """Let the next calls of any method raise."""
        self._errors.extend([error] * times)

    # ------------------------------------------------------------------------------------------------- the port

    async def default_branch(self, repository: Slug) -> str:
        await self._called("default_branch", repository)
        return self.default_branches[repository]

    async def branch_head(self, repository: Slug, branch: str) -> BranchHead | None:
        await self._called("branch_head", repository)
        commit = self.branches[repository].get(branch)
        return BranchHead(commit=commit, message=self.messages.get(commit, "")) if commit else None

    async def pull_request(self, repository: Slug, number: int) -> PullRequest:
        await self._called("pull_request", repository)
        if (repository, number) not in self.pull_requests:
            msg = f"reading pull request {number} of {repository}: 404 Not Found"
            raise NotFoundError(msg)
        return self._current(self.pull_requests[repository, number])

    async def ensure_pull_request(self, wanted: WantedPullRequest) -> PullRequest:
        await self._called("ensure_pull_request", wanted.repository)
        found = self._found(wanted) or self._created(wanted)
        if wanted.marker not in found.body or found.state is not PullRequestState.OPEN:
            return found
        labels = found.labels + tuple(label for label in wanted.labels if label not in found.labels)
        found = replace(found, labels=labels)
        self.pull_requests[found.repository, found.number] = found
        self.reviewers[found.repository, found.number].update(wanted.reviewers)
        return found

    async def close_pull_request(self, repository: Slug, number: int, *, comment: str, marker: str) -> PullRequest:
        await self._called("close_pull_request", repository)
        if self.before_closing:
            self.before_closing()
        found = await self.pull_request(repository, number)
        if found.state is not PullRequestState.OPEN:
            return found
        comments = self.comments[repository, number]
        if not any(marker in one for one in comments):
            comments.append(comment)
        return self._end(repository, number, PullRequestState.CLOSED)

    # --------------------------------------------------------------------------------------------------- inside

    async def _called(self, method: str, repository: Slug) -> None:
        self.calls.append(method)
        await asyncio.sleep(0)  # others get their turn, as with the real one
        if self._errors:
            raise self._errors.popleft()
        if repository not in self.branches:
            msg = f"reading {repository}: 404 Not Found"
            raise NotFoundError(msg)

    def _found(self, wanted: WantedPullRequest) -> PullRequest | None:
        of_head = [
            self._current(it)
            for it in reversed(self.pull_requests.values())
            if (it.repository, it.head_repository) == (wanted.repository, wanted.repository)
            and it.head_branch == wanted.head_branch
        ]
        ours = [it for it in of_head if wanted.marker in it.body]
        ours.sort(key=lambda it: it.state is not PullRequestState.OPEN)
        return next(iter([*ours, *(it for it in of_head if it.state is PullRequestState.OPEN)]), None)

    def _created(self, wanted: WantedPullRequest) -> PullRequest:
        branches = self.branches[wanted.repository]
        doing = f"opening a pull request of {wanted.head_branch} in {wanted.repository}: 422 Validation Failed"
        if wanted.head_branch not in branches or wanted.base_branch not in branches:
            raise RefusedError(doing)
        if branches[wanted.head_branch] == branches[wanted.base_branch]:
            msg = f"{doing}: No commits between {wanted.base_branch} and {wanted.head_branch}"
            raise RefusedError(msg)
        return self.add_pull_request(
            wanted.repository,
            head_branch=wanted.head_branch,
            base_branch=wanted.base_branch,
            body=wanted.body,
            title=wanted.title,
        )

    def _current(self, it: PullRequest) -> PullRequest:
        if it.state is not PullRequestState.OPEN or it.is_fork:
            return it
        return replace(it, head_commit=self.branches[it.repository].get(it.head_branch, it.head_commit))

    def _end(self, repository: Slug, number: int, state: PullRequestState) -> PullRequest:
        it = replace(self._current(self.pull_requests[repository, number]), state=state)
        self.pull_requests[repository, number] = it
        return it
