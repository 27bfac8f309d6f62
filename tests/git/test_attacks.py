"""One tree with everything that made git run something, hang or read a foreign file, when it was tried."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from selfheald.domain.ids import Sha
from selfheald.domain.proposal import ChangeKind, TreeChanges
from selfheald.git.repositories import GitRepositories
from selfheald.ports import WorkTree
from tests.git.origin import REPOSITORY, Entry, Origin, git, link

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = "refs/selfheal/cases/7/1"
BASE: dict[str, bytes | Entry] = {
    "app.py": b"a = 1\n",
    "win.txt": b"one\r\ntwo\r\n",
    "kept/by-a-fifo.txt": b"kept\n",
    ".gitattributes": b"*.c filter=evil\n",
    "main.c": b"int main;\n",
    "link": link("app.py"),
}
PROPOSED = {
    (".gitattributes", ChangeKind.DELETED),
    (".gitmodules", ChangeKind.ADDED),
    ("app.py", ChangeKind.MODIFIED),
    ("main.c", ChangeKind.MODIFIED),
    ("new.c", ChangeKind.ADDED),
    ("sub/.gitattributes", ChangeKind.ADDED),
    ("sub/file.c", ChangeKind.ADDED),
    ("suid", ChangeKind.ADDED),
    ("text.txt", ChangeKind.ADDED),
    (':(top)"quoted" name', ChangeKind.ADDED),
}
LEFT_OUT = {
    ".GIT: git's own folder",
    ".git: git's own folder",
    ".gitignore: not a regular file",
    "absolute: a link that leads out of the tree",
    "escaping: a link that leads out of the tree",
    "git~1: git's own folder",
    "huge.bin: larger than 20 MB",
    "kept: not a regular file",
    "line\\nbreak: its name holds control characters or a backslash",
    "socket: not a regular file",
    "sub/.git: git's own folder",
    "through: a link that leads out of the tree",
    "to-git: a link into git's own folder",
}


def _evil_repository(folder: Path, canary: Path) -> None:
    """An embedded repository that runs something for every command that looks at it."""
    folder.mkdir(exist_ok=True)
    script = folder / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    script.chmod(0o755)
    subprocess.run(["git", "init", "-q", str(folder)], check=True, env={"PATH": os.environ["PATH"]})
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "core.sshCommand", "diff.external"):
        git(folder / ".git", "config", key, str(script))
    for hook in ("pre-commit", "post-index-change", "reference-transaction", "post-checkout", "pre-push"):
        place = folder / ".git/hooks" / hook
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/sh\ntouch {canary}\n")
        place.chmod(0o755)
    script.unlink()


def _attack(tree: Path, canary: Path, secret: Path) -> None:
    _evil_repository(tree, canary)
    _evil_repository(tree / "sub", canary)
    (tree / "sub/.gitattributes").write_text("* filter=evil diff=evil\n")
    (tree / "sub/file.c").write_text("x\n")
    (tree / ".GIT").mkdir()
    (tree / ".GIT/config").write_text(f"[core]\nfsmonitor = touch {canary}\n")
    (tree / "git~1").write_text("gitdir: /tmp\n")
    (tree / ".gitattributes").unlink()
    (tree / ".gitmodules").write_text(f'[submodule "x"]\npath = x\nurl = ./x\nupdate = !touch {canary}\n')
    os.mkfifo(tree / ".gitignore")
    (tree / "kept/by-a-fifo.txt").unlink()
    (tree / "kept").rmdir()
    os.mkfifo(tree / "kept")
    (tree / "commit-message.txt").symlink_to(secret)
    (tree / "absolute").symlink_to(secret)
    (tree / "escaping").symlink_to("../../../etc/passwd")
    (tree / "through").symlink_to("sub/../../outside")
    (tree / "to-git").symlink_to("sub/.git/config")
    (tree / "text.txt").write_bytes(b"a\r\nb\xff\n")
    (tree / "main.c").write_text("int main();\n")
    (tree / "new.c").write_text("int evil;\n")
    (tree / "app.py").write_text("a = 2\n")
    (tree / "suid").write_text("x")
    (tree / "suid").chmod(0o6755)
    (tree / "line\nbreak").write_text("x")
    (tree / ':(top)"quoted" name').write_text("x")
    os.truncate(os.open(tree / "huge.bin", os.O_CREAT | os.O_WRONLY), 20_000_001)


def _deep(tree: Path, levels: int) -> None:
    handle = os.open(tree, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


def _listen(path: Path) -> None:
    """Leave a socket behind; its path may be longer than an address can be."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.fchdir(here)
    os.close(here)


@pytest.fixture
async def attacked(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> AsyncIterator[WorkTree]:
    tree = await repositories.checkout(REPOSITORY, origin.commit(BASE), tmp_path / "tree")
    secret = tmp_path / "secret"
    secret.write_text("the daemon's secret\n")
    _attack(tree.path, tmp_path / "canary", secret)
    _listen(tree.path / "socket")
    _deep(tree.path, 3000)
    yield tree
    await repositories.discard(tree.path)  # pytest's own clean-up recurses


async def _changes(repositories: GitRepositories, tree: WorkTree) -> TreeChanges:
    async with asyncio.timeout(60):
        return await repositories.changes(tree)


async def test_an_attacked_tree_is_read_as_data(
    repositories: GitRepositories, attacked: WorkTree, tmp_path: Path
) -> None:
    changes = await _changes(repositories, attacked)

    assert {(file.path, file.kind) for file in changes.files} == PROPOSED
    deep = "/".join(["d"] * 60)
    assert set(changes.left_out) == LEFT_OUT | {f"{deep}: more than 60 levels deep"}
    assert changes.summary == ""
    assert not (tmp_path / "canary").exists()


async def test_the_commit_has_the_tree_s_bytes_and_keeps_what_was_left_out(
    repositories: GitRepositories, attacked: WorkTree, tmp_path: Path
) -> None:
    changes = await _changes(repositories, attacked)

    commit = await repositories.commit(attacked, changes, message="x", ref=REF, at=AT)

    listed = _listed(tmp_path, commit)
    assert set(listed) == {
        *(path for path, kind in PROPOSED if kind is not ChangeKind.DELETED),
        *("win.txt", "kept/by-a-fifo.txt", "link"),
    }
    assert listed["suid"] == "100755"
    assert listed["link"] == "120000"
    mirror = tmp_path / f"state/mirrors/{REPOSITORY}.git"
    assert git(mirror, "cat-file", "blob", f"{commit}:text.txt") == b"a\r\nb\xff\n"
    assert not (tmp_path / "canary").exists()


def _listed(tmp_path: Path, commit: Sha) -> dict[str, str]:
    out = git(tmp_path / f"state/mirrors/{REPOSITORY}.git", "ls-tree", "-r", "-z", commit)
    lines = (line.split("\t") for line in out.decode().split("\0") if line)
    return {path: about.split()[0] for about, path in lines}


async def test_an_attacked_tree_is_removed(repositories: GitRepositories, attacked: WorkTree, tmp_path: Path) -> None:
    await repositories.discard(attacked.path)

    assert not attacked.path.exists()
    assert (tmp_path / "secret").read_text() == "the daemon's secret\n"


async def test_attributes_of_the_repository_change_no_byte_of_a_checkout(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    files = {
        ".gitattributes": b"* text eol=crlf ident\n*.u working-tree-encoding=UTF-16LE\n*.f filter=evil\n*.b binary\n",
        "a.txt": b"one\n$Id$\n",
        "b.u": "grün\n".encode(),
        "c.f": b"c\n",
        "d.b": b"d\n",
    }

    tree = await repositories.checkout(REPOSITORY, origin.commit(files), tmp_path / "tree")

    assert {path.name: path.read_bytes() for path in tree.path.iterdir()} == files
    assert (await repositories.changes(tree)).files == ()
    (tree.path / "d.b").write_text("e\n")
    commit = await repositories.commit(tree, await repositories.changes(tree), message="x", ref=REF, at=AT)
    assert "-d\n+e\n" in await repositories.diff(REPOSITORY, tree.commit, commit)
