"""Where git's part of the state folder keeps what."""

import asyncio
import time
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from selfheald.domain.ids import Slug

_ABANDONED = 24 * 3600.0
"""Seconds after which something in the scratch folder belongs to a process that was killed."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Folders:
    """``mirrors/``, ``spares/`` and ``scratch/`` under one root, on one file system, so that renaming is instant."""

    def __init__(self, root: Path) -> None:
        self._mirrors = root / "mirrors"
        self._scratch = root / "scratch"
        # After a power cut a file may have the right size and the wrong content: spares are of this boot only.
        self.all_spares = root / "spares"
        self.spares = self.all_spares / _boot()

    def mirror(self, repository: Slug) -> Path:
        """The bare mirror of a repository."""
        return self._mirrors / f"{repository}.git"

    def scratch(self, kind: str) -> Path:
        """A path that nobody else has, for something unfinished; it does not exist yet."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch / f"{kind}-{uuid4().hex}"

    async def remove(self, *paths: Path) -> None:
        """Remove folders of any depth and with any permissions inside; what does not exist is fine.

        By ``rm``: :func:`shutil.rmtree` recurses, and gives up on trees that are some thousand levels deep.
        """
        if not paths:
            return
        arguments = ("rm", "-rf", "--one-file-system", "--", *map(str, paths))
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is for the daemon, which still cleans up then
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def sweep(self) -> None:
        """Remove what killed processes left behind, and the spares of earlier boots."""
        abandoned = [path for path in _listed(self._scratch) if _age(path) > _ABANDONED]
        await self.remove(*abandoned, *(path for path in _listed(self.all_spares) if path != self.spares))


def _boot() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return "unknown"


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime
    return 0.0
