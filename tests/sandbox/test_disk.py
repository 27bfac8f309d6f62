"""What a run takes of the disk."""

import asyncio
import os
from pathlib import Path

import pytest

from selfheald.domain.limits import MIB
from selfheald.sandbox import disk
from selfheald.sandbox.disk import Disk


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("tree", "home"):
        (tmp_path / name).mkdir()
    return tmp_path / "tree", tmp_path / "home"


async def full(folders: tuple[Path, Path], limit: int) -> bool:
    """Whether it is full, looked at without the pause that spares the machine."""
    watched = Disk(folders, limit)
    watched._walked -= 2 * disk.REST_SECONDS
    return await watched.full(lambda: [os.getpid()])


async def test_both_folders_count_together(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        (folder / "file").write_bytes(bytes(3 * MIB))

    assert await full(folders, 5 * MIB)
    assert not await full(folders, 8 * MIB)


async def test_links_lead_nowhere_and_count_once(folders: tuple[Path, Path], tmp_path: Path) -> None:
    tree, home = folders
    (tmp_path / "elsewhere").write_bytes(bytes(9 * MIB))
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    (tree / "folder").symlink_to(tmp_path)
    (home / "one").write_bytes(bytes(2 * MIB))
    (home / "two").hardlink_to(home / "one")

    assert not await full(folders, 3 * MIB)


async def test_files_without_a_name_count_while_they_are_open(folders: tuple[Path, Path]) -> None:
    file = folders[0] / "file"
    with file.open("wb", 0) as opened:
        file.unlink()
        opened.write(bytes(3 * MIB))

        assert await full(folders, 2 * MIB)

    assert not await full(folders, 2 * MIB)


async def test_empty_files_count_too(folders: tuple[Path, Path]) -> None:
    for number in range(300):
        (folders[0] / str(number)).touch()

    assert await full(folders, MIB)
    assert not await full(folders, 2 * MIB)


async def test_a_deep_tree_is_walked(folders: tuple[Path, Path]) -> None:
    handle = os.open(folders[0], os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    file = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle)
    os.write(file, bytes(3 * MIB))
    os.close(file)
    os.close(handle)

    assert await full(folders, 2 * MIB)
    await disk_cleared(folders[0])


async def disk_cleared(folder: Path) -> None:
    """Remove a tree that is too deep for pytest's own clean-up."""
    process = await asyncio.create_subprocess_exec("rm", "-rf", str(folder / "d"))
    assert await process.wait() == 0


async def test_what_is_gone_is_not_full(tmp_path: Path) -> None:
    watched = Disk((tmp_path / "gone",), MIB)

    assert not await watched.full(list)
