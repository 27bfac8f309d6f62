"""Work trees: the files of a commit, written by us, with the index outside of the tree.

Writing 20,000 files is what takes long. So a spare is kept per repository: a tree that no agent ever saw, made in
the background after each checkout. The next checkout renames it into place and writes only the files that differ.
"""

import asyncio
import os
from pathlib import Path

from selfheald.domain.ids import Sha
from selfheald.git.mirror import Mirror

INDEX = "index"
TREE = "tree"
COMMIT = "commit"
"""Beside a spare's tree: the commit at which it is."""
_WORKERS = 4 * (os.cpu_count() or 1)
"""Processes that write files: creating them waits for the file system more than it computes."""
_SETTLED_SECONDS = 2
"""How much later than its files an index is dated; one second is the coarsest that git compares."""


async def write_tree(mirror: Mirror, commit: Sha, *, tree: Path, index: Path, gentle: bool = False) -> None:
    """Bring a tree and its index to a commit; only files that differ are written.

    Each file is compared with the index by size and times, inode included, and written again if it is not as git left
    it. A tree that does not exist is written whole.
    """
    await asyncio.to_thread(tree.mkdir, exist_ok=True)
    await _read_tree(mirror, "--reset", "-u", commit, tree=tree, index=index, gentle=gentle)


async def move_tree(mirror: Mirror, old: Sha, new: Sha, *, tree: Path, index: Path) -> None:
    """Bring a tree that is at ``old``, and was looked at just now, to ``new``: only what differs is looked at again."""
    if old != new:
        await _read_tree(mirror, "-m", "-u", old, new, tree=tree, index=index)


async def _read_tree(mirror: Mirror, *words: str, tree: Path, index: Path, gentle: bool = False) -> None:
    settings = ("-c", f"checkout.workers={_WORKERS}", "-c", "checkout.thresholdForParallelism=200")
    await mirror.run(
        mirror.call(
            f"checking out {words[-1]}",
            *(*settings, "read-tree", *words),
            env={"GIT_WORK_TREE": str(tree), "GIT_INDEX_FILE": str(index)},
            gentle=gentle,
        )
    )


def settle(index: Path) -> None:
    """Date an index later than the files that it describes.

    git reads every file again that is as new as its index, for it cannot tell whether that was changed right after.
    Nobody but us writes to a spare, so the later date is true.
    """
    after = index.stat().st_mtime + _SETTLED_SECONDS
    os.utime(index, (after, after))
