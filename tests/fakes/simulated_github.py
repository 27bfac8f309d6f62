"""The simulated GitHub with repositories that have commits, and the real adapter on top of it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from selfheald.domain.events import ApiRequest
from selfheald.domain.ids import Sha, Slug
from selfheald.github.client import GitHubApp, GitHubSettings
from selfheald.github.code_host import GitHub
from selfheald.simulator import bare
from selfheald.simulator.github import GitHubWorld, github_app
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.serving import serve

TOKEN = "github-token-canary"


async def commit_on(world: GitHubWorld, repository: str, branch: str, message: str, *, parent: str = "") -> Sha:
    """Put a new commit on a branch, made on top of ``parent`` or of the branch."""
    path = world.path(repository)
    parent = parent or (await bare.branches(path)).get(branch, "")
    tree = (await bare.run_git(path, "mktree")).strip()
    parents = ["-p", parent] if parent else []
    sha = (await bare.run_git(path, "commit-tree", *parents, "-m", message, tree)).strip()
    await bare.run_git(path, "update-ref", f"refs/heads/{branch}", sha)
    return Sha(sha)


@dataclass
class SimulatedGitHub:
    """A running simulated GitHub."""

    world: GitHubWorld
    hooks: Hooks
    url: str
    observed: list[ApiRequest] = field(default_factory=list)

    @asynccontextmanager
    async def adapter(
        self,
        *,
        token: Callable[[], str] | None = lambda: TOKEN,
        app: GitHubApp | None = None,
        call_timeout: timedelta = timedelta(seconds=60),
        wall: Callable[[], float] = time.time,
    ) -> AsyncIterator[GitHub]:
        """The real adapter, without pauses."""
        settings = GitHubSettings(
            api_url=self.url, call_timeout=call_timeout, write_pause=timedelta(0), retry_backoff=0
        )
        github = GitHub(settings, token=token, app=app, observe=self.observed.append, wall=wall)
        try:
            yield github
        finally:
            await github.aclose()

    def statuses(self, operation: str) -> list[str]:
        """The statuses that were observed for an operation."""
        return [request.status for request in self.observed if request.operation == operation]


@asynccontextmanager
async def simulated_github(folder: Path, *repositories: Slug) -> AsyncIterator[SimulatedGitHub]:
    """Serve a GitHub with these repositories, each with one commit on ``main``."""
    world, hooks = GitHubWorld(folder, TOKEN), Hooks()
    for repository in repositories:
        await bare.create_bare_repository(folder, repository)
        await commit_on(world, repository, "main", "Begin")
    async with serve(github_app(world, hooks)) as url:
        yield SimulatedGitHub(world, hooks, url)
