"""What the files that differ between two commits hold, read from the object store, never from a work tree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfheald.domain.guards.change import Change
from selfheald.domain.ids import Sha
from selfheald.domain.proposal import ChangeKind
from selfheald.git.base import SUBMODULE
from selfheald.git.diff import KINDS, raw_diff
from selfheald.git.mirror import Mirror

MOST_BYTES = 64_000_000
"""Of all texts together; files beyond that are told as cut."""

_LOOK_FOR_NUL = 8_000
"""git takes a file for binary when one of this many first bytes is NUL."""


@dataclass(frozen=True, slots=True)
class _Side:
    mode: str
    blob: str

    @property
    def has_text(self) -> bool:
        return self.mode not in ("000000", SUBMODULE) and self.blob.strip("0") != ""


async def changed_texts_between(
    mirror: Mirror, base: Sha, commit: Sha, *, limit: int, most: int = MOST_BYTES
) -> tuple[Change, ...]:
    """The paths that differ, in git's order, with their texts; those of more than ``limit`` bytes are left out."""
    records = [_record(about, path) for about, path in await raw_diff(mirror, base, commit)]
    sides = [side for *_, before, after in records for side in (before, after) if side.has_text]
    sizes = await _sizes(mirror, [side.blob for side in sides])
    texts = await _contents(mirror, list(_chosen(sides, sizes, limit=limit, most=most)))
    return tuple(_change(path, kind, (before, after), sizes, texts) for path, kind, before, after in records)


def _record(about: str, path: str) -> tuple[str, ChangeKind, _Side, _Side]:
    """One record of ``git help diff-format``: ``:old-mode new-mode old-id new-id status``."""
    old_mode, mode, old, new, status = about.lstrip(":").split()
    return path, KINDS[status[0]], _Side(old_mode, old), _Side(mode, new)


def _chosen(sides: Sequence[_Side], sizes: Mapping[str, int], *, limit: int, most: int) -> Iterator[str]:
    """The contents that are small enough to be read, each once."""
    for blob in dict.fromkeys(side.blob for side in sides):
        most -= sizes[blob]
        if sizes[blob] <= limit and most >= 0:
            yield blob


async def _sizes(mirror: Mirror, blobs: Sequence[str]) -> dict[str, int]:
    if not blobs:
        return {}
    options = ("cat-file", "--batch-check=%(objectname) %(objectsize)")
    answer = await mirror.run(mirror.call("measuring what changed", *options, stdin=_asked(blobs)))
    return {blob: int(size) for blob, size in (line.split() for line in answer.stdout.decode().splitlines())}


async def _contents(mirror: Mirror, blobs: Sequence[str]) -> dict[str, bytes]:
    if not blobs:
        return {}
    call = mirror.call("reading what changed", "cat-file", "--batch=%(objectname) %(objectsize)", stdin=_asked(blobs))
    left, found = (await mirror.run(call)).stdout, {}
    at = 0
    while at < len(left):
        end = left.index(b"\n", at)
        blob, size = left[at:end].decode().split()
        found[blob] = left[end + 1 : end + 1 + int(size)]
        at = end + 1 + int(size) + 1
    return found


def _asked(blobs: Sequence[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in dict.fromkeys(blobs)).encode()


def _change(
    path: str, kind: ChangeKind, sides: tuple[_Side, _Side], sizes: Mapping[str, int], texts: Mapping[str, bytes]
) -> Change:
    before, after = sides
    contents = [texts.get(side.blob) if side.has_text else None for side in sides]
    binary = any(content is not None and b"\0" in content[:_LOOK_FOR_NUL] for content in contents)
    old, new = (None if content is None or binary else content.decode(errors="replace") for content in contents)
    return Change(
        path=path,
        kind=kind,
        old_mode="" if kind is ChangeKind.ADDED else before.mode,
        mode="" if kind is ChangeKind.DELETED else after.mode,
        before=old,
        after=new,
        size=sizes.get((before if kind is ChangeKind.DELETED else after).blob, 0),
        binary=binary,
        cut=any(side.has_text and side.blob not in texts for side in sides),
    )
