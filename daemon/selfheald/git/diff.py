"""The difference between two commits, for people."""

import os

from selfheald.domain.ids import Sha
from selfheald.domain.proposal import ChangeKind, FileChange
from selfheald.git.mirror import Mirror

LARGEST_DIFF = 200_000
"""Bytes."""
_CUT = "\n… the rest of the diff is cut off here\n"
KINDS = {"A": ChangeKind.ADDED, "D": ChangeKind.DELETED, "M": ChangeKind.MODIFIED, "T": ChangeKind.MODIFIED}


async def diff_between(mirror: Mirror, base: Sha, commit: Sha) -> str:
    """The unified diff, renames found, nothing of the repository's configuration obeyed; bounded."""
    options = ("-r", "-p", "-M", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "--full-index")
    answer = await mirror.run(
        mirror.call(
            f"comparing {base} with {commit}",
            *("diff-tree", *options, base, commit),
            limit=LARGEST_DIFF,
            may_be_cut=True,
        )
    )
    text = answer.stdout.decode(errors="replace")
    return f"{text.rsplit(chr(10), 1)[0]}{_CUT}" if answer.cut else text


async def changed_files_between(mirror: Mirror, base: Sha, commit: Sha) -> tuple[FileChange, ...]:
    """The paths that differ, in git's order; a renamed file is one that went and one that came."""
    return tuple(_change(about, path) for about, path in await raw_diff(mirror, base, commit))


async def raw_diff(mirror: Mirror, base: Sha, commit: Sha) -> list[tuple[str, str]]:
    """The records of ``git help diff-format``, without renames, each with its path."""
    options = ("-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--no-abbrev")
    doing = f"comparing {base} with {commit}"
    answer = await mirror.run(mirror.call(doing, *("diff-tree", *options, base, commit)))
    fields = answer.stdout.split(b"\0")
    return [(about.decode(), os.fsdecode(path)) for about, path in zip(fields[::2], fields[1::2], strict=False)]


def _change(about: str, path: str) -> FileChange:
    """One record: ``:old-mode new-mode old-id new-id status``."""
    before, after, _, _, status = about.lstrip(":").split()
    kind = KINDS[status[0]]
    return FileChange(path=path, kind=kind, mode=before if kind is ChangeKind.DELETED else after)
