"""A code host for these tests: bare repositories behind smart HTTP, and commits of any content."""

import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from selfheald.domain.ids import Sha, Slug
from selfheald.git.mirror import STANDARD, Timeouts
from selfheald.git.repositories import GitRepositories
from selfheald.simulator.githttp import create_bare_repository, git_app
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.serving import serve

REPOSITORY = Slug("acme/billing")
TOKEN = "canary-token-4711"
IDENTITY = ("Semaphore CI", "ci@semaphore.io")
_ENV = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Entry(NamedTuple):
    """A path of a commit that is not a plain file."""

    mode: str
    content: bytes


def link(target: str) -> Entry:
    return Entry("120000", target.encode())


def program(content: bytes) -> Entry:
    return Entry("100755", content)


def submodule(commit: str) -> Entry:
    return Entry("160000", commit.encode())


def git(folder: Path, *args: str, stdin: bytes = b"") -> bytes:
    """Run git on a bare repository, for a test's own questions."""
    command = ["git", "--git-dir", str(folder), *args]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, env=_ENV, timeout=60).stdout


@dataclass(slots=True, kw_only=True)
class Origin:
    """The served repositories."""

    root: Path
    url: str
    hooks: Hooks
    token: str = TOKEN
    given: list[Slug] = field(default_factory=list)
    """For which repositories a token was asked."""

    def bare(self, repository: Slug = REPOSITORY) -> Path:
        return self.root / f"{repository}.git"

    async def create(self, repository: Slug = REPOSITORY) -> None:
        await create_bare_repository(self.root, repository)

    def commit(
        self,
        files: Mapping[str, bytes | Entry],
        *,
        branch: str = "main",
        repository: Slug = REPOSITORY,
        parent: Sha | None = None,
    ) -> Sha:
        """Make a commit with exactly these files on a branch of the remote."""
        out = [f"commit refs/heads/{branch}\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nx\n".encode()]
        out += [f"from {parent}\n".encode()] if parent else []
        out += [b"deleteall\n", *(_entry(path, file) for path, file in files.items()), b"done\n"]
        git(self.bare(repository), "fast-import", "--quiet", "--force", "--done", stdin=b"".join(out))
        found = self.branch(branch, repository=repository)
        assert found is not None
        return found

    def branch(self, branch: str, *, repository: Slug = REPOSITORY) -> Sha | None:
        out = git(self.bare(repository), "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return Sha(out.decode().strip()) if out else None

    def move(self, branch: str, commit: Sha) -> None:
        git(self.bare(), "update-ref", f"refs/heads/{branch}", commit)

    def refuse_pushes(self, words: str) -> None:
        hook = self.bare() / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
        hook.chmod(0o755)

    async def credential(self, repository: Slug) -> str:
        self.given.append(repository)
        return self.token

    def repositories(
        self, root: Path, *, timeouts: Timeouts = STANDARD, program: str = "git", url: str = ""
    ) -> GitRepositories:
        return GitRepositories(
            root, url or self.url, self.credential, spare_pause=0, identity=IDENTITY, timeouts=timeouts, program=program
        )


def _entry(path: str, file: bytes | Entry) -> bytes:
    mode, content = file if isinstance(file, Entry) else ("100644", file)
    name = b'"%s"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if mode == "160000":
        return b"M 160000 %s %s\n" % (content, name)
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), name, len(content), content)


@asynccontextmanager
async def serve_origin(root: Path) -> AsyncIterator[Origin]:
    """Serve one empty repository."""
    hooks = Hooks()
    async with serve(git_app(root, hooks, token=TOKEN)) as url:
        origin = Origin(root=root, url=url, hooks=hooks)
        await origin.create()
        yield origin
