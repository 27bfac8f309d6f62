"""Mirrors: what is fetched, what is not fetched again, and what happens to a damaged one."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from selfheald.domain.errors import NotFoundError, RefusedError, TransientError, UnauthorizedError
from selfheald.domain.ids import Sha
from selfheald.git.mirror import Timeouts
from selfheald.git.repositories import GitRepositories
from selfheald.simulator.githttp import git_app
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.serving import serve
from tests.git.origin import REPOSITORY, TOKEN, Origin, git

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = "refs/selfheal/cases/7/1"


def _mirror(tmp_path: Path) -> Path:
    return tmp_path / f"state/mirrors/{REPOSITORY}.git"


async def test_a_commit_is_fetched_once(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> None:
    commit = origin.commit({"a": b"a"})

    await repositories.checkout(REPOSITORY, commit, tmp_path / "one")
    asked = len(origin.hooks.requests)
    await repositories.checkout(REPOSITORY, commit, tmp_path / "two")

    assert asked > 0
    assert len(origin.hooks.requests) == asked


async def test_two_attempts_at_once_fetch_once(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> None:
    commit = origin.commit({"a": b"a"})

    trees = await asyncio.gather(
        *(repositories.checkout(REPOSITORY, commit, tmp_path / f"tree{number}") for number in range(3))
    )

    assert all((tree.path / "a").read_bytes() == b"a" for tree in trees)
    assert origin.given == [REPOSITORY]


async def test_the_history_comes_along(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> None:
    first = origin.commit({"a": b"a"})
    second = origin.commit({"a": b"b"}, parent=first)

    await repositories.checkout(REPOSITORY, second, tmp_path / "tree")

    assert git(_mirror(tmp_path), "merge-base", first, second).decode().strip() == first


async def test_a_commit_that_no_branch_has_any_more_is_found(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    lost = origin.commit({"a": b"lost"})
    origin.commit({"a": b"pushed over"})

    tree = await repositories.checkout(REPOSITORY, lost, tmp_path / "tree")

    assert (tree.path / "a").read_bytes() == b"lost"


async def test_commits_from_a_fetch_that_was_cut_short_are_fetched_again(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    first, second = origin.commit({"a": b"a"}), origin.commit({"a": b"b"})
    await repositories.checkout(REPOSITORY, first, tmp_path / "one")
    raw = git(origin.bare(), "cat-file", "commit", second)
    git(_mirror(tmp_path), "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)

    tree = await repositories.checkout(REPOSITORY, second, tmp_path / "two")

    assert (tree.path / "a").read_bytes() == b"b"


async def test_a_damaged_mirror_is_made_anew_and_keeps_the_cases(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    commit = origin.commit({"a": b"a", "b": b"b"})
    tree = await repositories.checkout(REPOSITORY, commit, tmp_path / "one")
    await repositories.settled()
    (tree.path / "b").write_text("mended")
    ours = await repositories.commit(tree, await repositories.changes(tree), message="x", ref=REF, at=AT)
    other = origin.commit({"a": b"other"})
    again = origin.repositories(tmp_path / "state")
    await again.checkout(REPOSITORY, other, tmp_path / "two")
    await again.aclose()
    await repositories.discard(tmp_path / "state/spares")
    blob = git(origin.bare(), "rev-parse", f"{other}:a").decode().strip()
    loose = _mirror(tmp_path) / f"objects/{blob[:2]}/{blob[2:]}"
    loose.chmod(0o644)
    loose.write_bytes(b"")

    tree = await repositories.checkout(REPOSITORY, other, tmp_path / "three")

    assert (tree.path / "a").read_bytes() == b"other"
    assert git(_mirror(tmp_path), "rev-parse", REF).decode().strip() == ours


async def test_a_mirror_that_is_none_is_made_anew(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    _mirror(tmp_path).mkdir(parents=True)

    tree = await repositories.checkout(REPOSITORY, origin.commit({"a": b"a"}), tmp_path / "tree")

    assert (tree.path / "a").read_bytes() == b"a"


async def test_many_packs_are_put_together(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> None:
    commit = origin.commit({"a": b"a"})
    await repositories.checkout(REPOSITORY, commit, tmp_path / "tree")
    await repositories.settled()
    for number in range(40):
        blob = git(_mirror(tmp_path), "hash-object", "-w", "--stdin", stdin=b"%d" % number)
        git(_mirror(tmp_path), "pack-objects", "-q", str(_mirror(tmp_path) / "objects/pack/pack"), stdin=blob)
    (tmp_path / "state/scratch/fresh").mkdir()

    await repositories.checkout(REPOSITORY, commit, tmp_path / "again")
    await repositories.settled()

    assert len(list((_mirror(tmp_path) / "objects/pack").glob("*.pack"))) < 5
    assert (tmp_path / "state/scratch/fresh").exists()


async def test_a_refused_token_is_told_and_not_shown(origin: Origin, tmp_path: Path) -> None:
    origin.token = "wrong-canary"
    repositories = origin.repositories(tmp_path / "state")

    with pytest.raises(UnauthorizedError) as caught:
        await repositories.checkout(REPOSITORY, origin.commit({"a": b"a"}), tmp_path / "tree")

    assert "canary" not in str(caught.value)
    assert REPOSITORY in str(caught.value)


async def test_no_token_at_all_is_unauthorized(origin: Origin, tmp_path: Path) -> None:
    origin.token = ""
    repositories = origin.repositories(tmp_path / "state")

    with pytest.raises(UnauthorizedError):
        await repositories.checkout(REPOSITORY, origin.commit({"a": b"a"}), tmp_path / "tree")


async def test_a_server_that_is_not_there_is_tried_again_later(origin: Origin, tmp_path: Path) -> None:
    repositories = origin.repositories(tmp_path / "state", url="http://127.0.0.1:1")

    with pytest.raises(TransientError):
        await repositories.checkout(REPOSITORY, Sha("0" * 40), tmp_path / "tree")


async def test_a_fetch_has_a_time_limit(origin: Origin, tmp_path: Path) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async with serve(silent) as url:
        repositories = origin.repositories(tmp_path / "state", url=url, timeouts=Timeouts(fetch=0.5))
        with pytest.raises(TransientError, match="longer than"):
            await repositories.checkout(REPOSITORY, Sha("0" * 40), tmp_path / "tree")


def _without_protocol_2(app: ASGIApp) -> ASGIApp:
    async def old(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"git-protocol"]
        await app({**scope, "headers": headers}, receive, send)

    return old


async def test_a_server_of_the_old_protocol_is_asked_for_its_branches_and_pull_requests(
    origin: Origin, tmp_path: Path
) -> None:
    git(origin.bare(), "config", "--unset", "uploadpack.allowAnySHA1InWant")
    first = origin.commit({"a": b"a"})
    origin.commit({"a": b"b"}, parent=first)
    proposed = origin.commit({"a": b"c"}, branch="fork")
    git(origin.bare(), "update-ref", "refs/pull/1/head", proposed)
    git(origin.bare(), "update-ref", "-d", "refs/heads/fork")
    gone = origin.commit({"a": b"d"}, branch="gone")
    git(origin.bare(), "update-ref", "-d", "refs/heads/gone")

    async with serve(_without_protocol_2(git_app(origin.root, Hooks(), token=TOKEN))) as url:
        repositories = origin.repositories(tmp_path / "state", url=url)
        tree = await repositories.checkout(REPOSITORY, first, tmp_path / "one")
        await repositories.checkout(REPOSITORY, proposed, tmp_path / "two")
        with pytest.raises(NotFoundError):
            await repositories.checkout(REPOSITORY, gone, tmp_path / "three")
        await repositories.aclose()

    assert (tree.path / "a").read_bytes() == b"a"


async def test_a_redirection_does_not_get_the_token(origin: Origin, tmp_path: Path) -> None:
    asked: list[str] = []

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        location = f"{origin.url}{scope['path']}?{scope['query_string'].decode()}".encode()
        await send({"type": "http.response.start", "status": 301, "headers": [(b"location", location)]})
        await send({"type": "http.response.body", "body": b""})

    async with serve(elsewhere) as url:
        repositories = origin.repositories(tmp_path / "state", url=url)
        with pytest.raises(NotFoundError):
            await repositories.checkout(REPOSITORY, origin.commit({"a": b"a"}), tmp_path / "tree")

    assert asked
    assert not origin.hooks.requests


async def test_names_are_checked_before_anything_is_done(repositories: GitRepositories, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        await repositories.checkout(REPOSITORY, Sha("--upload-pack=evil"), tmp_path / "tree")
