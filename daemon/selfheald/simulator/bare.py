"""Bare git repositories of the simulated GitHub: made, read and merged by the real git program."""

import asyncio
import os
import re
from pathlib import Path

GIT_SECONDS = 60
"""How long one git command may take on a small local repository before something is broken."""

ZERO_SHA = "0" * 40
"""What git writes for "no such commit"."""

SLUG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""What ``owner/name`` may look like; nothing else becomes a path."""

NOBODY = {
    "GIT_AUTHOR_NAME": "GitHub",
    "GIT_AUTHOR_EMAIL": "noreply@github.com",
    "GIT_COMMITTER_NAME": "GitHub",
    "GIT_COMMITTER_EMAIL": "noreply@github.com",
}
"""Who makes merge commits."""


class GitFailedError(RuntimeError):
    """A git command said no; the text is its standard error."""


def git_environment() -> dict[str, str]:
    """An environment in which git reads no configuration of this machine and asks nobody anything."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Make sure that a child process is gone and reaped."""
    if process.returncode is None:
        process.kill()
        # The pipes are read to their end, or their transports would outlive the process.
        await process.communicate()


async def run_git(repository: Path, *arguments: str) -> str:
    """Run a git command in a repository and give its standard output. Raises :class:`GitFailedError`."""
    process = await asyncio.create_subprocess_exec(
        "git",
        "-C",
        str(repository),
        *arguments,
        env=git_environment() | NOBODY,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C at the terminal is for us, who then end it
    )
    try:
        async with asyncio.timeout(GIT_SECONDS):
            out, err = await process.communicate()
    finally:
        await end_process(process)
    if process.returncode != 0:
        raise GitFailedError(err.decode(errors="replace").strip())
    return out.decode(errors="replace")


async def create_bare_repository(root: Path, slug: str) -> Path:
    """Make an empty repository ``owner/name`` under ``root`` that can be pushed to over HTTP."""
    path = root / f"{slug}.git"
    path.mkdir(parents=True)
    await run_git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    await run_git(path, "config", "http.receivepack", "true")
    # GitHub gives out any commit that it has, also one that no ref names any more.
    await run_git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
    await run_git(path, "config", "uploadpack.allowFilter", "true")
    return path


async def branches(repository: Path) -> dict[str, str]:
    """Every branch with its commit."""
    out = await run_git(repository, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
    lines = (line.split(" ", 1) for line in out.splitlines())
    return {ref.removeprefix("refs/heads/"): sha for sha, ref in lines}


async def commit_message(repository: Path, revision: str) -> tuple[str, str] | None:
    """A commit's id and its message; ``None`` when there is no such commit."""
    try:
        sha = await run_git(
            repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except GitFailedError:
        return None
    return sha.strip(), (await run_git(repository, "log", "-1", "--format=%B", sha.strip())).rstrip("\n")


async def commits_between(repository: Path, base: str, head: str) -> int:
    """How many commits ``head`` has that ``base`` has not."""
    return int(await run_git(repository, "rev-list", "--count", f"{base}..{head}"))


async def merge(repository: Path, *, base: str, head: str, message: str) -> tuple[str, str]:
    """Merge commit ``head`` into branch ``base`` with a merge commit; gives the branch's old and new commit.

    Raises :class:`GitFailedError` on a conflict.
    """
    old = (await run_git(repository, "rev-parse", f"refs/heads/{base}")).strip()
    common = (await run_git(repository, "merge-base", old, head)).strip()
    if common == old:
        tree = (await run_git(repository, "rev-parse", f"{head}^{{tree}}")).strip()
    else:
        tree = (await run_git(repository, "merge-tree", "--write-tree", old, head)).splitlines()[0]
    new = (await run_git(repository, "commit-tree", "-p", old, "-p", head, "-m", message, tree)).strip()
    await run_git(repository, "update-ref", f"refs/heads/{base}", new, old)
    return old, new
