"""The simulated git server, with the real git program as its client."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from selfheald.simulator.bare import ZERO_SHA, GitFailedError, branches, run_git
from selfheald.simulator.githttp import create_bare_repository, git_app
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.serving import serve

SLUG = "acme/billing"
TOKEN = "git-token-canary"
DEADLINE_SECONDS = 60


@dataclass
class Served:
    """A running git server with one empty repository."""

    url: str
    root: Path
    hooks: Hooks = field(default_factory=Hooks)
    pushes: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def remote(self) -> str:
        return f"{self.url}/{SLUG}.git"

    @property
    def bare(self) -> Path:
        return self.root / f"{SLUG}.git"


async def git(folder: Path, *arguments: str, token: str | None = TOKEN) -> str:
    """Run the git program as a client; raises what git said when it fails."""
    helper = f"!f() {{ echo username=x; echo password={token}; }}; f" if token else ""
    process = await asyncio.create_subprocess_exec(
        "git",
        "-c",
        f"credential.helper={helper}",
        *arguments,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        out, err = await process.communicate()
    if process.returncode != 0:
        raise GitFailedError(err.decode())
    return out.decode().strip()


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Served]:
    await create_bare_repository(root, SLUG)
    served = Served(url="", root=root)

    async def on_push(slug: str, branch: str, old: str, new: str) -> None:
        served.pushes.append((slug, branch, old, new))

    async with serve(git_app(root, served.hooks, token=lambda: TOKEN, on_push=on_push)) as url:
        served.url = url
        yield served


@pytest.fixture
def server(tmp_path: Path) -> AbstractAsyncContextManager[Served]:
    return serving(tmp_path / "server")


async def clone_with_commit(folder: Path, remote: str, text: str = "one") -> tuple[Path, str]:
    await git(folder, "clone", "--quiet", remote, "tree")
    tree = folder / "tree"
    await git(tree, "checkout", "--quiet", "-B", "main")
    (tree / "file.txt").write_text(text)
    await git(tree, "add", "file.txt")
    await git(tree, "commit", "--quiet", "-m", "Say something")
    return tree, await git(tree, "rev-parse", "HEAD")


async def test_a_pushed_commit_can_be_cloned(server: AbstractAsyncContextManager[Served], tmp_path: Path) -> None:
    async with server as served:
        tree, commit = await clone_with_commit(tmp_path, served.remote)
        await git(tree, "push", "--quiet", "origin", "main")

        await git(tmp_path, "clone", "--quiet", served.remote, "again")

        assert await git(tmp_path / "again", "rev-parse", "HEAD") == commit
        assert await branches(served.bare) == {"main": commit}


async def test_a_push_is_told_once_per_changed_branch_before_the_client_ends(
    server: AbstractAsyncContextManager[Served], tmp_path: Path
) -> None:
    async with server as served:
        tree, commit = await clone_with_commit(tmp_path, served.remote)

        await git(tree, "push", "--quiet", "origin", "main", "main:selfheal-x", "main:refs/tags/v1")
        assert served.pushes == [(SLUG, "main", ZERO_SHA, commit), (SLUG, "selfheal-x", ZERO_SHA, commit)]

        await git(tree, "push", "--quiet", "origin", ":selfheal-x")
        assert served.pushes[2:] == [(SLUG, "selfheal-x", commit, ZERO_SHA)]


async def test_a_push_needs_nobody_who_listens(tmp_path: Path) -> None:
    await create_bare_repository(tmp_path / "server", SLUG)
    async with serve(git_app(tmp_path / "server", Hooks(), token=TOKEN)) as url:
        tree, commit = await clone_with_commit(tmp_path, f"{url}/{SLUG}")
        await git(tree, "push", "--quiet", "origin", "main")

    assert await branches(tmp_path / "server" / f"{SLUG}.git") == {"main": commit}


async def test_a_git_command_that_is_cancelled_is_ended(tmp_path: Path) -> None:
    bare = await create_bare_repository(tmp_path, SLUG)
    os.mkfifo(bare / "never-written")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await run_git(bare, "hash-object", "never-written")


async def test_a_push_too_large_for_one_request_is_streamed_in_chunks(
    server: AbstractAsyncContextManager[Served], tmp_path: Path
) -> None:
    async with server as served:
        tree, _ = await clone_with_commit(tmp_path, served.remote)
        (tree / "noise").write_bytes(os.urandom(3_000_000))
        await git(tree, "add", "noise")
        await git(tree, "commit", "--quiet", "-m", "Make noise")

        await git(tree, "push", "--quiet", "origin", "main")

        assert await branches(served.bare) == {"main": await git(tree, "rev-parse", "HEAD")}


@pytest.mark.parametrize(
    ("token", "complaint"), [(None, "could not read Username"), ("wrong", "Authentication failed")]
)
async def test_without_the_right_token_nothing_is_given_out(
    server: AbstractAsyncContextManager[Served], tmp_path: Path, token: str | None, complaint: str
) -> None:
    async with server as served:
        with pytest.raises(GitFailedError, match=complaint):
            await git(tmp_path, "clone", "--quiet", served.remote, "tree", token=token)

        assert {request.status for request in served.hooks.requests} == {401}


@pytest.mark.parametrize("authorization", ["Bearer abc", "Basic %%%", "Basic /w=="])
async def test_a_credential_that_is_none_is_refused(
    server: AbstractAsyncContextManager[Served], authorization: str
) -> None:
    async with server as served, httpx.AsyncClient() as client:
        answer = await client.get(f"{served.remote}/info/refs", headers={"Authorization": authorization})

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ["acme/unknown.git", "../billing.git", "acme/-x.git"])
async def test_an_unknown_repository_is_not_found(server: AbstractAsyncContextManager[Served], path: str) -> None:
    async with server as served, httpx.AsyncClient(auth=("x", TOKEN)) as client:
        answer = await client.get(f"{served.url}/{path}/info/refs?service=git-upload-pack")

        assert answer.status_code == 404


async def test_a_push_that_is_not_a_fast_forward_is_rejected(
    server: AbstractAsyncContextManager[Served], tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with server as served:
        first, commit = await clone_with_commit(tmp_path / "a", served.remote)
        second, _ = await clone_with_commit(tmp_path / "b", served.remote, "two")
        await git(first, "push", "--quiet", "origin", "main")

        with pytest.raises(GitFailedError, match="rejected"):
            await git(second, "push", "--quiet", "origin", "main")

        assert served.pushes == [(SLUG, "main", ZERO_SHA, commit)]


async def test_any_commit_can_be_fetched_by_its_id(server: AbstractAsyncContextManager[Served], tmp_path: Path) -> None:
    async with server as served:
        tree, commit = await clone_with_commit(tmp_path, served.remote)
        await git(tree, "push", "--quiet", "origin", "main")
        await git(tree, "commit", "--quiet", "--amend", "-m", "Say it differently")
        await git(tree, "push", "--quiet", "--force", "origin", "main")

        await git(tmp_path, "init", "--quiet", "fresh")
        await git(tmp_path / "fresh", "fetch", "--quiet", "--depth=1", served.remote, commit)

        assert await git(tmp_path / "fresh", "rev-parse", "FETCH_HEAD") == commit


async def test_requests_are_told_with_their_operation_and_token(
    server: AbstractAsyncContextManager[Served], tmp_path: Path
) -> None:
    async with server as served:
        tree, _ = await clone_with_commit(tmp_path, served.remote)
        await git(tree, "push", "--quiet", "origin", "main")

        answered = [request for request in served.hooks.requests if request.status == 200]
        assert {request.operation for request in answered} == {"fetch", "push"}
        assert {request.token for request in answered} == {TOKEN}


async def test_a_compressed_request_is_understood(server: AbstractAsyncContextManager[Served], tmp_path: Path) -> None:
    async with server as served, httpx.AsyncClient(auth=("x", TOKEN)) as client:
        tree, commit = await clone_with_commit(tmp_path, served.remote)
        await git(tree, "push", "--quiet", "origin", "main")

        answer = await client.post(
            f"{served.remote}/git-upload-pack",
            content=gzip.compress(b"0014command=ls-refs\n0000"),
            headers={
                "Content-Type": "application/x-git-upload-pack-request",
                "Content-Encoding": "gzip",
                "Git-Protocol": "version=2",
            },
        )

        assert commit.encode() in answer.content


async def test_a_client_that_goes_away_leaves_no_process_behind(
    server: AbstractAsyncContextManager[Served],
) -> None:
    async with server as served:
        ended = asyncio.Event()
        served.hooks.listeners.append(lambda _: ended.set())
        url = httpx.URL(served.url)
        basic = httpx.BasicAuth("x", TOKEN)._auth_header
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"POST /{SLUG}.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\n"
            "Content-Type: application/x-git-upload-pack-request\r\nContent-Length: 100\r\n\r\n0014".encode()
        )
        await writer.drain()
        writer.transport.abort()

        async with asyncio.timeout(DEADLINE_SECONDS):
            await ended.wait()

        assert [request.operation for request in served.hooks.requests] == ["fetch"]
