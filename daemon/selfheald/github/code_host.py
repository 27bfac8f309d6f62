"""GitHub as the engine's code host: pull requests made so that asking twice is harmless."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import github
from selfheald.domain.branch import BranchHead
from selfheald.domain.errors import (
    RefusedError,
    SelfhealdError,
    TransientError,
    UnauthorizedError,
)
from selfheald.domain.events import ApiRequest
from selfheald.domain.ids import Slug
from selfheald.domain.proposal import PullRequest, PullRequestState, WantedPullRequest
from selfheald.github import requests_made as made
from selfheald.github.client import Clients, GitHubApp, GitHubSettings
from selfheald.github.errors import LIBRARY_ERRORS, status_of, translated

T = TypeVar("T")


def _nobody_watches(_: ApiRequest) -> None:
    """Hear nothing."""


class GitHub:
    """One GitHub (github.com or an enterprise server), spoken to through PyGithub in a thread of its own.

    ``token`` gives the personal access token and is asked before each call, so that it may be rotated; ``app`` acts as
    a GitHub App instead. ``observe`` is told about each operation. Cancelling a call does not stop its thread, so
    every effect is looked for before it is made.
    """

    def __init__(
        self,
        settings: GitHubSettings | None = None,
        *,
        token: Callable[[], str] | None = None,
        app: GitHubApp | None = None,
        observe: Callable[[ApiRequest], None] = _nobody_watches,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings or GitHubSettings()
        self._observe = observe
        self._wall = wall
        self._clients = Clients(self._settings, token, app, wall)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="github")

    async def aclose(self) -> None:
        """Close the connections and end the thread; a request that hangs is waited for no longer than its timeout."""
        closed = asyncio.get_running_loop().run_in_executor(self._thread, self._clients.close)
        self._thread.shutdown(wait=False)
        try:
            async with asyncio.timeout(self._settings.request_timeout.total_seconds()):
                await asyncio.shield(closed)
        except TimeoutError:
            return  # the thread is stuck in a request; it closes and ends right after it

    async def git_token(self, repository: Slug) -> str:
        """The credential for pushing to and fetching from a repository, as the password of any user name."""
        return await self._run(
            "git_token", f"getting a token for {repository}", repository, partial(self._clients.token, repository)
        )

    # ------------------------------------------------------------------------------------------------ the port

    async def default_branch(self, repository: Slug) -> str:
        """The repository's default branch."""
        return await self._call(
            "get_repository", f"reading {repository}", repository, partial(made.default_branch, repository)
        )

    async def branch_head(self, repository: Slug, branch: str) -> BranchHead | None:
        """The newest commit of a branch, or ``None`` when there is no such branch."""
        doing = f"reading branch {branch!r} of {repository}"
        return await self._call("get_branch", doing, repository, partial(made.branch_head, repository, branch))

    async def pull_request(self, repository: Slug, number: int) -> PullRequest:
        """One pull request as it is now."""
        doing = f"reading pull request {number} of {repository}"
        return await self._call("get_pull", doing, repository, partial(made.pull_request, repository, number))

    async def ensure_pull_request(self, wanted: WantedPullRequest) -> PullRequest:
        """The pull request for a head branch: ours if it exists (in whatever state), else a new one."""
        found = await self._found(wanted) or await self._created(wanted)
        if wanted.marker in found.body and found.state is PullRequestState.OPEN:
            return await self._dressed(found, wanted)
        return found

    async def close_pull_request(self, repository: Slug, number: int, *, comment: str, marker: str) -> PullRequest:
        """Close a pull request of ours, unless it has ended, with one comment that says why."""
        found = await self.pull_request(repository, number)
        if found.state is not PullRequestState.OPEN:
            return found
        doing = f"closing {found.url}"
        # The comment goes first: when the second request is lost, the next try finds it and only closes.
        if not await self._call("list_comments", doing, repository, partial(made.has_comment, found, marker)):
            await self._call("create_comment", doing, repository, partial(made.add_comment, found, comment), "201")
        return await self._call("edit_pull", doing, repository, partial(made.close, found))

    # ---------------------------------------------------------------------------------------------- its steps

    async def _found(self, wanted: WantedPullRequest) -> PullRequest | None:
        doing = f"listing pull requests of {wanted.head_branch} in {wanted.repository}"
        work = partial(made.pull_requests_of, wanted.repository, wanted.head_branch)
        return chosen(await self._call("list_pulls", doing, wanted.repository, work), wanted.marker)

    async def _created(self, wanted: WantedPullRequest) -> PullRequest:
        doing = f"opening a pull request of {wanted.head_branch} in {wanted.repository}"
        try:
            return await self._call("create_pull", doing, wanted.repository, partial(made.create, wanted), "201")
        except RefusedError as refused:
            if "already exists" not in str(refused):
                raise
            found = await self._found(wanted)
            if found is None:
                # Lists lag behind on GitHub; the next try will see it.
                raise TransientError(f"{doing}: it exists, but is not listed yet") from refused
            return found

    async def _dressed(self, found: PullRequest, wanted: WantedPullRequest) -> PullRequest:
        """Add labels and reviewers that are missing, as far as GitHub lets us: the pull request matters more."""
        missing = tuple(label for label in wanted.labels if label not in found.labels)
        if missing and await self._tried("add_labels", found, partial(made.add_labels, found, missing)):
            found = replace(found, labels=found.labels + missing)
        if wanted.reviewers:
            await self._ask_for_reviews(found, wanted.reviewers)
        return found

    async def _ask_for_reviews(self, found: PullRequest, reviewers: Sequence[str]) -> None:
        # A reviewer who has reviewed is not "requested" any more, and must not be asked again.
        repository, doing = found.repository, f"asking for reviews of {found.url}"
        missing: Sequence[str] = ()
        try:
            involved = await self._call("list_reviews", doing, repository, partial(made.reviewers_of, found))
            missing = [reviewer for reviewer in reviewers if reviewer.lower() not in involved]
            if missing:
                await self._call("request_reviewers", doing, repository, partial(made.ask, found, missing), "201")
        except RefusedError:
            # One stranger among them refuses them all.
            for reviewer in missing if len(missing) > 1 else ():
                await self._tried("request_reviewers", found, partial(made.ask, found, [reviewer]))
        except SelfhealdError:
            return  # observed by its status; asked again the next time

    async def _tried(self, operation: str, found: PullRequest, work: Callable[[github.Github], None]) -> bool:
        try:
            await self._call(operation, f"{operation} of {found.url}", found.repository, work, "201")
        except SelfhealdError:
            return False  # observed by its status; the pull request is there, which is what counts
        return True

    # ---------------------------------------------------------------------------------------------- the thread

    async def _call(
        self, operation: str, doing: str, repository: Slug, work: Callable[[github.Github], T], success: str = "200"
    ) -> T:
        def in_thread() -> T:
            return work(self._clients.client(repository))

        return await self._run(operation, doing, repository, in_thread, success)

    async def _run(
        self, operation: str, doing: str, repository: Slug, work: Callable[[], T], success: str = "200"
    ) -> T:
        """Run something in the thread, bounded in time, its errors translated, its outcome observed."""
        started, status = time.monotonic(), "error"
        try:
            async with asyncio.timeout(self._settings.call_timeout.total_seconds()):
                result = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError as error:
            status = "timeout"
            raise TransientError(f"{doing}: no answer in time") from error
        except LIBRARY_ERRORS as error:
            status = status_of(error)
            problem = translated(error, doing, now=self._wall())
            if isinstance(problem, UnauthorizedError):
                self._clients.forget(repository)
            raise problem from error
        else:
            status = success
            return result
        finally:
            self._observe(
                ApiRequest(api="github", operation=operation, status=status, seconds=time.monotonic() - started)
            )


def chosen(pull_requests: Sequence[PullRequest], marker: str) -> PullRequest | None:
    """Of a head's pull requests, newest first: ours (an open one before others), else any open one. Pure."""
    ours = [it for it in pull_requests if marker in it.body]
    is_open = PullRequestState.OPEN
    return next(
        (it for it in ours if it.state is is_open),
        next(iter(ours), next((it for it in pull_requests if it.state is is_open), None)),
    )
