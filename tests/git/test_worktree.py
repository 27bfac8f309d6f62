"""Work trees and their spares: quick, clean, and never seen by another agent."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from selfheald.domain.errors import SelfhealdError, TransientError
from selfheald.domain.ids import Slug
from selfheald.git.folders import Folders
from selfheald.git.mirror import Timeouts
from selfheald.git.repositories import GitRepositories
from selfheald.git.spares import Spares
from tests.git.origin import REPOSITORY, Entry, Origin, link, program

FILES: dict[str, bytes | Entry] = {"a": b"a", "b/c": b"c", "run": program(b"r"), "link": link("a")}

MEMORY = Path("/dev/shm")  # noqa: S108 - a second file system, nearly everywhere


def _inodes(path: Path) -> set[int]:
    return {file.stat().st_ino for file in path.rglob("*")}


def _found(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


def _spare(tmp_path: Path) -> Path:
    return Folders(tmp_path / "state").spares / REPOSITORY


def _read(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.fixture
async def warm(origin: Origin, repositories: GitRepositories, tmp_path: Path) -> GitRepositories:
    """With a spare of a commit with FILES."""
    tree = await repositories.checkout(REPOSITORY, origin.commit(FILES), tmp_path / "first")
    await repositories.settled()
    await repositories.discard(tree.path)
    return repositories


async def test_a_tree_has_no_git_folder_and_its_own_modes(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    tree = await repositories.checkout(REPOSITORY, origin.commit(FILES), tmp_path / "tree")

    assert sorted(path.name for path in tree.path.iterdir()) == ["a", "b", "link", "run"]
    assert os.access(tree.path / "run", os.X_OK)
    assert (tree.path / "link").readlink() == Path("a")


async def test_a_spare_is_made_and_handed_out_as_it_is(warm: GitRepositories, origin: Origin, tmp_path: Path) -> None:
    inode = (_spare(tmp_path) / "tree/a").stat().st_ino

    tree = await warm.checkout(REPOSITORY, origin.commit(FILES), tmp_path / "tree")

    assert (tree.path / "a").stat().st_ino == inode


async def test_only_files_that_differ_are_written(warm: GitRepositories, origin: Origin, tmp_path: Path) -> None:
    before = {name: (_spare(tmp_path) / "tree" / name).stat().st_ino for name in ("a", "b/c")}
    commit = origin.commit({"a": b"new", "b/c": b"c", "d": b"d"})

    tree = await warm.checkout(REPOSITORY, commit, tmp_path / "tree")

    assert _read(tree.path) == {"a": b"new", "b/c": b"c", "d": b"d"}
    assert (tree.path / "b/c").stat().st_ino == before["b/c"]
    assert (tree.path / "a").stat().st_ino != before["a"]
    assert (await warm.changes(tree)).files == ()


async def test_a_spare_that_is_not_as_it_was_is_mended(warm: GitRepositories, origin: Origin, tmp_path: Path) -> None:
    spare = _spare(tmp_path) / "tree"
    (spare / "a").write_bytes(b"XX")
    (spare / "b/c").unlink()
    (spare / "run").chmod(0o644)

    tree = await warm.checkout(REPOSITORY, origin.commit(FILES), tmp_path / "tree")

    assert (await warm.changes(tree)).files == ()
    assert _read(tree.path)["a"] == b"a"


async def test_a_broken_index_of_a_spare_costs_nothing_but_time(
    warm: GitRepositories, origin: Origin, tmp_path: Path
) -> None:
    (_spare(tmp_path) / "index").write_bytes(b"DIRC broken")

    tree = await warm.checkout(REPOSITORY, origin.commit(FILES), tmp_path / "tree")

    assert (await warm.changes(tree)).files == ()


async def test_agents_do_not_see_each_other_s_files(warm: GitRepositories, origin: Origin, tmp_path: Path) -> None:
    commit = origin.commit(FILES)
    one = await warm.checkout(REPOSITORY, commit, tmp_path / "one")
    (one.path / "a").write_text("changed in place")
    two = await warm.checkout(REPOSITORY, commit, tmp_path / "two")

    assert (two.path / "a").read_bytes() == b"a"
    assert not _inodes(one.path) & _inodes(two.path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A new path on another file system, where there is one; it has to work anywhere."""
    if not os.access(MEMORY, os.W_OK):
        return tmp_path / "elsewhere"
    return MEMORY / f"selfheald-test-{os.getpid()}-{time.monotonic_ns()}"


async def test_a_tree_on_another_file_system_is_written_there(
    warm: GitRepositories, origin: Origin, elsewhere: Path
) -> None:
    tree = await warm.checkout(REPOSITORY, origin.commit(FILES), elsewhere)
    found = _read(tree.path)
    await warm.discard(elsewhere)

    assert found["b/c"] == b"c"


async def test_a_checkout_that_fails_leaves_nothing_behind(origin: Origin, tmp_path: Path) -> None:
    commit = origin.commit(FILES)
    repositories = origin.repositories(tmp_path / "state", timeouts=Timeouts(local=0.0))

    with pytest.raises(TransientError):
        await repositories.checkout(REPOSITORY, commit, tmp_path / "tree")

    assert not (tmp_path / "tree").exists()


async def test_a_commit_with_a_path_into_git_is_not_checked_out(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    commit = origin.commit({".git/config": b"[core]\nfsmonitor = evil\n"})

    with pytest.raises(SelfhealdError, match="invalid path"):
        await repositories.checkout(REPOSITORY, commit, tmp_path / "tree")

    assert not (tmp_path / "tree").exists()
    assert list((tmp_path / "state/scratch").iterdir()) == []


async def test_closing_stops_a_spare_in_the_making(origin: Origin, tmp_path: Path) -> None:
    commit = origin.commit({f"f{number}": b"x" for number in range(3000)})
    repositories = origin.repositories(tmp_path / "state")
    await repositories.checkout(REPOSITORY, commit, tmp_path / "tree")

    await repositories.aclose()

    assert list((tmp_path / "state/scratch").iterdir()) == []


async def test_a_spare_that_is_being_made_is_waited_for(origin: Origin, tmp_path: Path) -> None:
    commit = origin.commit({f"f{number}": b"x" for number in range(300)})
    repositories = origin.repositories(tmp_path / "state")
    trees = [await repositories.checkout(REPOSITORY, commit, tmp_path / f"tree{number}") for number in range(4)]
    await repositories.settled()

    assert all(len(list(tree.path.iterdir())) == 300 for tree in trees)
    assert _spare(tmp_path).exists()


async def test_the_oldest_spares_are_dropped(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    for number in range(4):
        place = folders.spares / f"acme/r{number}"
        place.mkdir(parents=True)
        os.utime(place, (number, number))

    await Spares(folders, most=2).trim()

    assert sorted(path.name for path in (folders.spares / "acme").iterdir()) == ["r2", "r3"]


async def test_what_killed_processes_and_earlier_boots_left_is_swept(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    old, fresh = folders.scratch("spare"), folders.scratch("spare")
    for path in (old, fresh, folders.all_spares / "earlier-boot", folders.spares):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))

    await folders.sweep()

    assert (old.exists(), fresh.exists()) == (False, True)
    assert list(folders.all_spares.iterdir()) == [folders.spares]


async def test_no_spare_is_taken_where_there_is_none(tmp_path: Path) -> None:
    assert await Spares(Folders(tmp_path)).take(Slug("acme/nothing")) is None


async def test_a_spare_that_takes_too_long_to_make_is_given_up(
    warm: GitRepositories, origin: Origin, tmp_path: Path
) -> None:
    folders = Folders(tmp_path / "other")
    spares = Spares(folders, patience=0.0)
    commit = origin.commit({f"f{number}": b"x" for number in range(3000)})
    await warm.checkout(REPOSITORY, commit, tmp_path / "tree")
    spares.prepare(warm._mirror(REPOSITORY), commit)
    async with asyncio.timeout(10):
        while not _found(tmp_path, "other/scratch/spare-*/tree"):  # noqa: ASYNC110 - git tells nobody
            await asyncio.sleep(0)

    taken = await spares.take(REPOSITORY)
    await spares.settled()

    assert taken is None
    assert _found(tmp_path, "other/scratch/*") == []
    assert _found(folders.spares, "*/*") == []
