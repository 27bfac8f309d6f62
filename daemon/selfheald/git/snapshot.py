"""What an agent changed: its tree compared with the base commit."""

import asyncio

from selfheald.domain.errors import RefusedError, TransientError
from selfheald.domain.proposal import TreeChanges
from selfheald.git.base import base_of
from selfheald.git.folders import Folders
from selfheald.git.ignored import ignored_of
from selfheald.git.mirror import Mirror
from selfheald.git.reading import Reading
from selfheald.ports import WorkTree

MOST_CHANGED = 20_000
"""Files: far more than anybody reads. A million would keep the daemon busy for minutes."""


async def changes_in(mirror: Mirror, folders: Folders, tree: WorkTree) -> TreeChanges:
    """Read a work tree whose processes have all ended. Raises as :meth:`GitProgram.run` does."""
    base = await base_of(mirror, tree.commit)
    reading = Reading(base)
    await _walk(reading, tree, seconds=mirror.timeouts.local)
    ignored = await ignored_of(mirror, folders, base, reading.ignorable)
    files = await asyncio.to_thread(reading.files, ignored)
    if len(files) > MOST_CHANGED:
        raise RefusedError(
            f"reading the work tree: {len(files):,} files have changed, and at most {MOST_CHANGED:,} can be proposed"
        )
    left_out = await asyncio.to_thread(reading.left_out, ignored)
    return TreeChanges(files=files, summary=reading.summary, left_out=left_out)


async def _walk(reading: Reading, tree: WorkTree, *, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await asyncio.to_thread(reading.walk, tree.path)
    except TimeoutError as error:
        raise TransientError(f"reading the work tree of {tree.repository}: longer than {seconds:.0f} s") from error
    finally:
        reading.stop.set()  # a thread cannot be cancelled: it is asked to end
