"""What counts as a change: plain trees, ignored files, submodules, links, the commit message."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from selfheald.domain.errors import RefusedError, TransientError
from selfheald.domain.proposal import ChangeKind, FileChange, TreeChanges
from selfheald.git import reading, summary
from selfheald.git.mirror import Timeouts
from selfheald.git.repositories import GitRepositories
from selfheald.git.snapshot import MOST_CHANGED
from selfheald.ports import WorkTree
from tests.git.origin import REPOSITORY, Entry, Origin, git, link, program, submodule

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = "refs/selfheal/cases/7/1"
CheckOut = Callable[[Mapping[str, bytes | Entry]], Awaitable[WorkTree]]


@pytest.fixture
def check_out(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> CheckOut:
    async def check_out(files: Mapping[str, bytes | Entry]) -> WorkTree:
        return await repositories.checkout(REPOSITORY, origin.commit(files), tmp_path / "tree")

    return check_out


def _told(changes: TreeChanges) -> list[str]:
    return [f"{file.kind} {file.mode} {file.path}" for file in changes.files]


async def test_ignored_files_of_the_base_s_rules_are_no_changes(
    check_out: CheckOut, repositories: GitRepositories
) -> None:
    rules = {".gitignore": b"__pycache__/\n*.log\n!keep.log\n", "a/.gitignore": b"/build\n", "a/x.log": b"tracked\n"}
    tree = await check_out(rules)
    for name in ("__pycache__/x.pyc", "y.log", "keep.log", "a/build/out", "b/build/out", "a/x.log", ":(bad"):
        (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
        (tree.path / name).write_text("new")
    os.mkfifo(tree.path / "__pycache__/fifo")

    changes = await repositories.changes(tree)

    assert [file.path for file in changes.files] == [":(bad", "a/x.log", "b/build/out", "keep.log"]
    assert changes.left_out == ()


async def test_an_agent_s_own_ignore_rules_hide_nothing(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out({"a": b"a", ".gitignore": b"*.o\n"})
    (tree.path / ".gitignore").write_text("*\n")
    (tree.path / "hidden").write_text("x")
    (tree.path / "x.o").write_text("x")

    changes = await repositories.changes(tree)

    assert [file.path for file in changes.files] == [".gitignore", "hidden"]


async def test_submodules_stay_as_they_are(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out(
        {"a": b"a", "lib/one": submodule("1" * 40), "two": submodule("2" * 40), "three": submodule("3" * 40)}
    )
    (tree.path / "lib/one").rmdir()
    (tree.path / "lib").rmdir()
    (tree.path / "lib").write_text("in the way")
    (tree.path / "two/file").write_text("x")
    (tree.path / "three").rmdir()
    (tree.path / "three").symlink_to("a")

    changes = await repositories.changes(tree)

    assert changes.files == ()
    assert changes.left_out == ("lib: in the place of a submodule", "three: a submodule", "two: a submodule")


async def test_untouched_submodules_are_not_told(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out({"a": b"a", "lib/one": submodule("1" * 40)})

    assert await repositories.changes(tree) == TreeChanges(files=(), summary="")


async def test_kinds_of_paths_may_change(check_out: CheckOut, repositories: GitRepositories, tmp_path: Path) -> None:
    tree = await check_out(
        {"file": b"x", "folder/in": b"y", "link": link("file"), "run": program(b"z"), "same": link("/etc/passwd")}
    )
    (tree.path / "file").unlink()
    (tree.path / "file").mkdir()
    (tree.path / "file/in").write_text("x")
    (tree.path / "folder/in").unlink()
    (tree.path / "folder").rmdir()
    (tree.path / "folder").symlink_to("file/in")
    (tree.path / "link").unlink()
    (tree.path / "link").write_text("now a file")
    (tree.path / "run").chmod(0o644)

    changes = await repositories.changes(tree)

    assert _told(changes) == [
        "deleted 100644 file",
        "added 100644 file/in",
        "added 120000 folder",
        "deleted 100644 folder/in",
        "modified 100644 link",
        "modified 100644 run",
    ]
    commit = await repositories.commit(tree, changes, message="x", ref=REF, at=AT)
    listed = git(tmp_path / f"state/mirrors/{REPOSITORY}.git", "ls-tree", "-r", "--name-only", commit).decode()
    assert listed.split() == ["file/in", "folder", "link", "run", "same"]
    assert [f"{f.kind} {f.mode} {f.path}" for f in await repositories.changed_files(REPOSITORY, tree.commit, commit)]


async def test_names_that_are_not_utf8_are_kept(
    check_out: CheckOut, repositories: GitRepositories, tmp_path: Path
) -> None:
    tree = await check_out({"a": b"a"})
    name = os.fsdecode(b"caf\xe9")
    (tree.path / name).write_text("x")

    changes = await repositories.changes(tree)
    commit = await repositories.commit(tree, changes, message="x", ref=REF, at=AT)

    assert changes.files == (FileChange(path=name, kind=ChangeKind.ADDED, mode="100644"),)
    listed = git(tmp_path / f"state/mirrors/{REPOSITORY}.git", "ls-tree", "-z", "--name-only", commit)
    assert listed == b"a\0caf\xe9\0"


async def test_odd_names_of_the_base_are_left_alone(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out({"a": b"a", "Icon\r": b"x", "bell\x07": b"y", "same\x01": b"z"})
    (tree.path / "Icon\r").unlink()
    (tree.path / "bell\x07").write_text("changed")

    changes = await repositories.changes(tree)

    why = "its name holds control characters or a backslash"
    assert changes == TreeChanges(files=(), summary="", left_out=(f"bell\\x07: {why}", f"Icon\\r: {why}")[::-1])


async def test_a_large_file_of_the_base_is_fine_until_it_changes(
    check_out: CheckOut, repositories: GitRepositories
) -> None:
    tree = await check_out({"large": bytes(20_000_001), "other": b"x"})
    assert (await repositories.changes(tree)).files == ()

    with (tree.path / "large").open("r+b") as large:
        large.write(b"1")

    changes = await repositories.changes(tree)
    assert (changes.files, changes.left_out) == ((), ("large: larger than 20 MB",))


async def test_what_was_left_out_is_told_up_to_a_bound(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out({"a": b"a"})
    for number in range(210):
        os.mkfifo(tree.path / f"fifo-{number:03}")

    left_out = (await repositories.changes(tree)).left_out

    assert (len(left_out), left_out[-1]) == (201, "and 10 more")


async def test_more_files_than_anybody_reads_are_refused(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out({"a": b"a"})
    for number in range(MOST_CHANGED + 1):
        (tree.path / str(number)).touch()

    with pytest.raises(RefusedError, match="20,001 files have changed"):
        await repositories.changes(tree)


async def test_a_tree_of_many_large_files_does_not_fill_the_disk_for_good(
    check_out: CheckOut, repositories: GitRepositories
) -> None:
    tree = await check_out({"a": b"a"})
    for number in range(26):
        with (tree.path / str(number)).open("wb") as file:
            file.truncate(20_000_000)
    changes = await repositories.changes(tree)

    with pytest.raises(RefusedError, match="more than 500 MB"):
        await repositories.commit(tree, changes, message="x", ref=REF, at=AT)


async def test_an_endless_tree_is_refused(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).touch()

    with pytest.raises(RefusedError, match="more than 4 files"):
        reading.Reading({}, most_entries=4).walk(tmp_path)


async def test_reading_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    found = reading.Reading({})
    found.stop.set()

    found.walk(tmp_path)

    assert found.new == {}


async def test_a_tree_that_takes_too_long_to_read_is_tried_again_later(
    check_out: CheckOut, origin: Origin, tmp_path: Path
) -> None:
    tree = await check_out({f"f{n}": b"x" for n in range(50)})
    hurried = origin.repositories(tmp_path / "state", timeouts=Timeouts(local=0.000001))

    with pytest.raises(TransientError):
        await hurried.changes(tree)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b"\n  \nRound up\nmore\n", "Round up"),
        (b"\x1b[31mRed\x1b[0m \x1b]0;title\x07alert\x00\x08!\n", "Red alert !"),
        ("a\u202eb\u200bc\n".encode(), "a b c"),
        (b"caf\xe9\n", "caf\ufffd"),
        (b"x" * 500, "x" * 200),
        (b"x" * 64_001, ""),
    ],
)
async def test_the_summary_is_one_clean_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "commit-message.txt").write_bytes(content)
    handle = os.open(tmp_path, os.O_RDONLY)

    assert summary.summary_in(handle) == expected
    os.close(handle)


async def test_a_commit_message_that_is_no_file_says_nothing(
    check_out: CheckOut, repositories: GitRepositories
) -> None:
    tree = await check_out({"a": b"a"})
    os.mkfifo(tree.path / "commit-message.txt")

    async with asyncio.timeout(10):
        assert await repositories.changes(tree) == TreeChanges(files=(), summary="")


async def test_a_commit_message_of_the_base_stays_as_it_is(check_out: CheckOut, repositories: GitRepositories) -> None:
    tree = await check_out({"commit-message.txt": b"tracked\n", "a": b"a"})
    (tree.path / "commit-message.txt").write_text("Mend it\n")
    assert await repositories.changes(tree) == TreeChanges(files=(), summary="Mend it")

    (tree.path / "commit-message.txt").unlink()
    assert await repositories.changes(tree) == TreeChanges(files=(), summary="")
