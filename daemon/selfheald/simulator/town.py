"""A whole town: Semaphore, GitHub, a git server and a CI runner on this machine, ready to be used."""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from selfheald.simulator.bare import ZERO_SHA, branches, create_bare_repository, run_git
from selfheald.simulator.githttp import git_app
from selfheald.simulator.github import github_app
from selfheald.simulator.github_world import GitHubWorld
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.runner import JOB_SECONDS, Runner, running
from selfheald.simulator.semaphore import semaphore_app
from selfheald.simulator.serving import serve
from selfheald.simulator.state import Clock, Organization, Pipeline, Project
from selfheald.simulator.world import World, utc_now

SEMAPHORE_TOKEN = "semaphore-token"  # noqa: S105 - good on the loopback interface only
GITHUB_TOKEN = "github-token"  # noqa: S105 - good on the loopback interface only


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the servers listen; 0 takes a free port."""

    semaphore: int = 0
    github: int = 0
    git: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The addresses, the tokens, and the worlds behind them."""

    world: World
    organization: Organization
    github: GitHubWorld
    runner: Runner
    git_root: Path
    semaphore_url: str
    github_url: str
    git_url: str
    semaphore_token: str = field(default=SEMAPHORE_TOKEN, repr=False)
    github_token: str = field(default=GITHUB_TOKEN, repr=False)

    @property
    def hooks(self) -> Hooks:
        """Every request to any of the servers."""
        return self.world.hooks

    def project(self, name: str, *, repository: str | None = None) -> Project:
        """A new project for a repository, ``acme/<name>`` unless told otherwise."""
        owner, _, repo = (repository or f"acme/{name}").partition("/")
        return self.world.add_project(self.organization, name, owner=owner, repo=repo)

    async def create_repository(self, slug: str, files: Mapping[str, str]) -> str:
        """A new repository whose ``main`` has these files; gives its commit.

        Make the project first to have this commit run, and afterwards to have it not.
        """
        await create_bare_repository(self.git_root, slug)
        return await self.push_files(slug, "main", files, "Begin")

    async def push_files(self, slug: str, branch: str, files: Mapping[str, str | None], message: str) -> str:
        """Commit files to a branch, as a push would; ``None`` deletes one. A new branch starts at ``main``.

        A file that begins with ``#!`` becomes executable. Gives the commit; the runner has been told.
        """
        repository = self.github.path(slug)
        before = await branches(repository)
        with tempfile.TemporaryDirectory(prefix="selfheald-push-") as folder:
            work = Path(folder, "work")
            await run_git(Path(folder), "clone", "--quiet", "--no-checkout", "--shared", str(repository), "work")
            start = before.get(branch) or before.get("main")
            if start is not None:
                await run_git(work, "checkout", "--quiet", "--detach", start)
            _write(work, files)
            await run_git(work, "add", "--all", "--force")
            await run_git(work, "commit", "--quiet", "--allow-empty", "--message", message)
            await run_git(work, "push", "--quiet", str(repository), f"HEAD:refs/heads/{branch}")
            sha = (await run_git(work, "rev-parse", "HEAD")).strip()
        await self.runner.on_push(slug, branch, before.get(branch, ZERO_SHA), sha)
        return sha

    async def finished(self, commit_sha: str) -> Sequence[Pipeline]:
        """Wait until the runner has done what it does for a commit; gives the commit's pipelines."""
        return await self.runner.settled(commit_sha)


@asynccontextmanager
async def simulate(
    folder: Path,
    *,
    ports: Ports | None = None,
    clock: Clock = utc_now,
    job_seconds: float = JOB_SECONDS,
    semaphore_token: str = SEMAPHORE_TOKEN,
    github_token: str = GITHUB_TOKEN,
) -> AsyncIterator[Town]:
    """Run a town whose repositories are under ``folder``, with one organization, ``acme``, and no project yet.

    A GitHub App may be added to :attr:`Town.github`; its newest token is then good for git, too. Leaving the context
    ends every server and every job. Raises ``OSError`` when a port is taken.
    """
    ports = ports or Ports()
    world, git_root = World(clock=clock), folder / "git"
    organization = world.add_organization("acme", tokens=[semaphore_token])
    async with running(world, git_root, job_seconds=job_seconds) as runner:
        github = GitHubWorld(git_root=git_root, token=github_token, on_push=runner.on_push)
        git = git_app(git_root, world.hooks, token=partial(_newest_token, github), on_push=runner.on_push)
        async with (
            serve(semaphore_app(world), port=ports.semaphore) as semaphore_url,
            serve(github_app(github, world.hooks), port=ports.github) as github_url,
            serve(git, port=ports.git) as git_url,
        ):
            yield Town(
                world=world,
                organization=organization,
                github=github,
                runner=runner,
                git_root=git_root,
                semaphore_url=semaphore_url,
                github_url=github_url,
                git_url=git_url,
                semaphore_token=semaphore_token,
                github_token=github_token,
            )


def _newest_token(github: GitHubWorld) -> str:
    """What git may log in with: the app's newest token, or the personal one while there is no app."""
    return next(reversed(github.installation_tokens), str(github.token))


def _write(work: Path, files: Mapping[str, str | None]) -> None:
    for name, content in files.items():
        path = work / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        if content.startswith("#!"):
            path.chmod(0o755)
