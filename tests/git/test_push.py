"""Commits and pushes: what is written, who wrote it, and what the remote may say to it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from selfheald.domain.errors import RefusedError, TransientError, UnauthorizedError
from selfheald.domain.ids import Sha
from selfheald.domain.proposal import ChangeKind, FileChange, TreeChanges
from selfheald.git.commit import Identity
from selfheald.git.repositories import GitRepositories
from selfheald.ports import PushOutcome, WorkTree
from selfheald.simulator.githttp import git_app
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.serving import serve
from tests.git.origin import REPOSITORY, TOKEN, Origin, git

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = "refs/selfheal/cases/7/1"
Commit = Callable[[], Awaitable[Sha]]


@pytest.fixture
async def tree(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> WorkTree:
    tree = await repositories.checkout(REPOSITORY, origin.commit({"a": b"one\n" * 30, "b": b"b"}), tmp_path / "tree")
    (tree.path / "b").write_text("mended")
    return tree


@pytest.fixture
async def commit(repositories: GitRepositories, tree: WorkTree) -> Sha:
    changes = await repositories.changes(tree)
    return await repositories.commit(tree, changes, message="selfheal CI: ü\0\udce9\n\nCase: 7", ref=REF, at=AT)


def _changed(path: str, mode: str = "100644") -> TreeChanges:
    return TreeChanges(files=(FileChange(path=path, kind=ChangeKind.MODIFIED, mode=mode),), summary="")


async def test_a_commit_says_who_when_and_what(commit: Sha, tree: WorkTree, tmp_path: Path) -> None:
    raw = git(tmp_path / f"state/mirrors/{REPOSITORY}.git", "cat-file", "commit", commit).decode()

    who = "Semaphore CI <ci@semaphore.io> 1795435200 +0000"
    head, _, message = raw.partition("\n\n")
    assert head.splitlines()[1:] == [f"parent {tree.commit}", f"author {who}", f"committer {who}"]
    assert message == "selfheal CI: ü?\n\nCase: 7"


def test_an_identity_cannot_break_out_of_its_line() -> None:
    line = Identity(name="Eve <root@x> 1\n", email="e>\nparent 0").line(AT)

    assert line == "Eve root@x 1 <eparent 0> 1795435200 +0000"


@pytest.mark.parametrize("path", [".git/config", "a/../b", "/etc/passwd", "a//b", "line\nbreak", "GIT~1"])
async def test_paths_that_no_reading_gives_are_refused(
    repositories: GitRepositories, tree: WorkTree, path: str
) -> None:
    with pytest.raises(RefusedError, match="not a path"):
        await repositories.commit(tree, _changed(path), message="x", ref=REF, at=AT)


@pytest.mark.parametrize("mode", ["160000", "040000", "100666"])
async def test_modes_that_no_reading_gives_are_refused(
    repositories: GitRepositories, tree: WorkTree, mode: str
) -> None:
    with pytest.raises(RefusedError, match="not a path"):
        await repositories.commit(tree, _changed("b", mode), message="x", ref=REF, at=AT)


async def test_a_file_that_is_no_longer_what_was_read_is_refused(repositories: GitRepositories, tree: WorkTree) -> None:
    changes = await repositories.changes(tree)
    (tree.path / "b").unlink()
    for make in (
        lambda: (tree.path / "b").symlink_to("/etc/passwd"),
        lambda: (tree.path / "b").write_bytes(bytes(20_000_001)),
        (tree.path / "b").mkdir,
        lambda: (tree.path / "b").chmod(0o755),
    ):
        make()
        with pytest.raises(RefusedError):
            await repositories.commit(tree, changes, message="x", ref=REF, at=AT)
        if not (tree.path / "b").is_dir():
            (tree.path / "b").unlink()


async def test_a_link_that_now_leads_out_is_refused(repositories: GitRepositories, tree: WorkTree) -> None:
    (tree.path / "b").unlink()
    (tree.path / "b").symlink_to("../outside")

    with pytest.raises(RefusedError, match="leads out"):
        await repositories.commit(tree, _changed("b", "120000"), message="x", ref=REF, at=AT)


async def test_a_path_through_a_link_is_refused(repositories: GitRepositories, tree: WorkTree, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("s")
    (tree.path / "folder").symlink_to(tmp_path / "outside")

    with pytest.raises(RefusedError, match="not as it was"):
        await repositories.commit(tree, _changed("folder/secret"), message="x", ref=REF, at=AT)


async def test_renames_are_shown_in_the_diff(repositories: GitRepositories, tree: WorkTree) -> None:
    (tree.path / "a").rename(tree.path / "new-name")
    commit = await repositories.commit(tree, await repositories.changes(tree), message="x", ref=REF, at=AT)

    diff = await repositories.diff(REPOSITORY, tree.commit, commit)

    assert "rename from a\nrename to new-name\n" in diff
    assert "Binary" not in diff


async def test_a_long_diff_is_cut_off(repositories: GitRepositories, tree: WorkTree) -> None:
    (tree.path / "b").write_text("line\n" * 100_000)
    commit = await repositories.commit(tree, await repositories.changes(tree), message="x", ref=REF, at=AT)

    diff = await repositories.diff(REPOSITORY, tree.commit, commit)

    assert len(diff) < 201_000
    assert diff.endswith("+line\n… the rest of the diff is cut off here\n")


@pytest.mark.parametrize("words", ["GH006: Protected branch update failed", "no branch from outside"])
async def test_a_protected_branch_or_a_hook_is_a_refusal(
    origin: Origin, repositories: GitRepositories, tree: WorkTree, commit: Sha, words: str
) -> None:
    origin.refuse_pushes(words)

    with pytest.raises(RefusedError, match=words):
        await repositories.push(REPOSITORY, commit, f"selfheal-{tree.commit}", expected=None)


async def test_a_token_that_may_not_push_is_unauthorized(
    origin: Origin, repositories: GitRepositories, tree: WorkTree, commit: Sha
) -> None:
    git(origin.bare(), "config", "http.receivepack", "false")

    with pytest.raises(UnauthorizedError):
        await repositories.push(REPOSITORY, commit, f"selfheal-{tree.commit}", expected=None)


async def test_a_server_that_is_down_is_tried_again_later(origin: Origin, tree: WorkTree, tmp_path: Path) -> None:
    repositories = origin.repositories(tmp_path / "state", url="http://127.0.0.1:1")

    with pytest.raises(TransientError):
        await repositories.push(REPOSITORY, tree.commit, f"selfheal-{tree.commit}", expected=None)


async def test_somebody_who_is_faster_between_look_and_push_wins(
    origin: Origin, tree: WorkTree, commit: Sha, tmp_path: Path
) -> None:
    branch = f"selfheal-{tree.commit}"
    app = git_app(origin.root, Hooks(), token=TOKEN)

    async def racing(scope: Scope, receive: Receive, send: Send) -> None:
        if b"service=git-receive-pack" in scope["query_string"]:
            origin.move(branch, tree.commit)
        await app(scope, receive, send)

    async with serve(racing) as url:
        repositories = origin.repositories(tmp_path / "state", url=url)
        outcome = await repositories.push(REPOSITORY, commit, branch, expected=None)

    assert outcome is PushOutcome.TAKEN
    assert origin.branch(branch) == tree.commit


async def test_hooks_of_a_mirror_are_not_run(
    origin: Origin, repositories: GitRepositories, tree: WorkTree, commit: Sha, tmp_path: Path
) -> None:
    hooks = tmp_path / f"state/mirrors/{REPOSITORY}.git/hooks"
    hooks.mkdir()
    for name in ("pre-push", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (hooks / name).chmod(0o755)

    await repositories.push(REPOSITORY, commit, f"selfheal-{tree.commit}", expected=None)
    again = replace(tree, path=tmp_path / "again")
    await repositories.checkout(REPOSITORY, again.commit, again.path)

    assert not (tmp_path / "canary").exists()
