"""Which new files the repository itself does not want: asked of git, by the base commit's own rules.

An agent could hide files from us, or show us its build results, by changing ``.gitignore``; so only the base's files
of that name count. They are written to a folder of ours, and git is asked about names alone.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from selfheald.git.base import Base
from selfheald.git.folders import Folders
from selfheald.git.mirror import Mirror

_LARGEST = 1_000_000
"""Bytes of a ``.gitignore`` that is read."""


async def ignored_of(mirror: Mirror, folders: Folders, base: Base, paths: Sequence[str]) -> frozenset[str]:
    """Those of the paths that the base's rules ignore. Raises as :meth:`GitProgram.run` does."""
    rules = {path: file.blob for path, file in base.items() if _is_rules(path) and file.is_file}
    rules = {path: blob for path, blob in rules.items() if base[path].size <= _LARGEST}
    if not rules or not paths:
        return frozenset()
    scratch = folders.scratch("ignored")
    try:
        await _write_rules(mirror, scratch, rules)
        return await _ask(mirror, scratch, paths)
    finally:
        await folders.remove(scratch)


def _is_rules(path: str) -> bool:
    *folders, name = path.split("/")
    return name == ".gitignore" and not {"", ".", ".."}.intersection(folders)


async def _write_rules(mirror: Mirror, scratch: Path, rules: dict[str, str]) -> None:
    wanted = "".join(f"{blob}\n" for blob in rules.values()).encode()
    answer = await mirror.run(mirror.call("reading ignore rules", "cat-file", "--batch", stdin=wanted))
    await asyncio.to_thread(_write_out, scratch, rules, answer.stdout)


def _write_out(scratch: Path, rules: dict[str, str], rest: bytes) -> None:
    scratch.mkdir()
    for path in rules:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])
        place = scratch / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(rest[:size])
        rest = rest[size + 1 :]


async def _ask(mirror: Mirror, scratch: Path, paths: Sequence[str]) -> frozenset[str]:
    answer = await mirror.run(
        mirror.call(
            "asking for ignored files",
            *("check-ignore", "-z", "--stdin", "--no-index"),
            # check-ignore takes no literal paths; after "./" nothing is magic any more.
            env={"GIT_WORK_TREE": str(scratch), "GIT_LITERAL_PATHSPECS": "0"},
            stdin=b"".join(b"./%s\0" % os.fsencode(path) for path in paths),
            accept=(0, 1),
        )
    )
    return frozenset(os.fsdecode(path.removeprefix(b"./")) for path in answer.stdout.split(b"\0") if path)
