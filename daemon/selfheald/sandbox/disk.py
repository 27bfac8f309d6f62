"""How much of the disk a run has taken, looked at cheaply: the walk starts when the disk's free space has fallen."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

BLOCK = 512
"""Bytes of a block, as ``stat`` counts them."""

SMALLEST_FILE = 4096
"""Bytes that a file counts at least: a disk has room for so many of them only, even if they are empty."""

WALK_SECONDS = 60.0
"""How long a walk may take."""

REST_SECONDS = 20.0
"""Between two walks that nothing has asked for: what a run takes may be hidden by what others free."""

PAUSE = 10.0
"""A walk that was asked for waits until this many times the last one's time has passed."""


class Disk:
    """The disk under a run's folders."""

    def __init__(self, folders: Sequence[Path], limit: int) -> None:
        self._folders = folders
        self._limit = limit
        self._free = [_free(folder) for folder in folders]
        self._walked = time.monotonic()
        self._took = 0.1

    async def full(self, pids: Callable[[], Iterable[int]]) -> bool:
        """Whether the run has taken more than it may. ``pids`` may hold files that have no name any more."""
        fallen = self._fallen_by(self._limit // 2)  # others may free some meanwhile
        since = time.monotonic() - self._walked
        if since < (PAUSE * self._took if fallen else REST_SECONDS):
            return False
        began = time.monotonic()
        taken = await _walked(self._folders)
        if taken is not None:
            taken += await asyncio.to_thread(_nameless, pids, {folder.stat().st_dev for folder in self._folders})
        self._walked = time.monotonic()
        self._took = self._walked - began
        # When something is hidden from us, what the disk itself says counts.
        return self._fallen_by(self._limit) if taken is None else taken > self._limit

    def _fallen_by(self, size: int) -> bool:
        now = [_free(folder) for folder in self._folders]
        return any(before - left >= size for before, left in zip(self._free, now, strict=True))


def _free(folder: Path) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:  # it is gone: the sandbox itself will say so
        return 0
    return found.f_bfree * found.f_frsize


async def _walked(folders: Sequence[Path]) -> int | None:
    """Bytes under the folders; ``None`` when it cannot see or finish all of them. A file counts as a block at least."""
    sizes = await _counted(folders, "--block-size=1")
    files = await _counted(folders, "--inodes") if sizes is not None else None
    return None if sizes is None or files is None else max(sizes, files * SMALLEST_FILE)


async def _counted(folders: Sequence[Path], what: str) -> int | None:
    """By ``du``, which follows no link, counts a hard link once and copes with any depth."""
    program = shutil.which("du") or "du"
    process = await asyncio.create_subprocess_exec(
        *(program, "--total", "--summarize", what, "--one-file-system", "--", *map(str, folders)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"LC_ALL": "C"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WALK_SECONDS):
            said, complaints = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    last = said.splitlines()[-1:]
    # Files that vanish meanwhile are no matter.
    return None if not last or b"Permission denied" in complaints else int(last[0].split()[0])


def _nameless(pids: Callable[[], Iterable[int]], devices: set[int]) -> int:
    """Bytes of files that were deleted while open: no walk finds them."""
    seen: dict[tuple[int, int], int] = {}
    for pid in pids():
        for file in _opened(pid):
            if not file.st_nlink and file.st_dev in devices:
                seen[file.st_dev, file.st_ino] = file.st_blocks * BLOCK
    return sum(seen.values())


def _opened(pid: int) -> Iterator[os.stat_result]:
    """The files that a process has open; it may close one at any moment, and end too."""
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield entry.stat()
