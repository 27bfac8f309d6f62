"""How much memory processes have, looked at from outside: where no control group counts."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from selfheald.sandbox.family import Process

PAGE = os.sysconf("SC_PAGE_SIZE")
KIB = 1024
BLOCK = 512
"""Bytes of a block, as ``stat`` counts them."""


def shared_memory() -> int:
    """Bytes that all of the machine keeps in shared memory and in file systems in memory."""
    return _figures(Path("/proc/meminfo")).get("Shmem", 0)


def weight(processes: Iterable[Process], scratch: int) -> int:
    """Bytes of these processes together, of shared pages their part only; ``scratch`` is in their file systems.

    What is in shared memory may be mapped or not, or be in a file in memory, or in one without a name: the larger of
    both counts counts.
    """
    own = mapped = 0
    nameless: dict[int, int] = {}
    for process in processes:
        figures = _figures(Path(f"/proc/{process.pid}/smaps_rollup"))
        whole, shared = figures.get("Pss", process.pages * PAGE), figures.get("Pss_Shmem", 0)
        own += whole - shared
        mapped += shared
        nameless.update(_nameless(process.pid))
    return own + max(mapped, sum(nameless.values()) + scratch)


def _figures(file: Path) -> dict[str, int]:
    """The lines of the form ``Name: 12 kB``, in bytes."""
    try:
        lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    except OSError:
        return {}
    return {line[0].rstrip(":"): int(line[1]) * KIB for line in lines if line[-1:] == ["kB"]}


def _nameless(pid: int) -> Iterator[tuple[int, int]]:
    """Number and bytes of each file in memory without a name that the process has open."""
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith("/memfd:"):
                    file = entry.stat()
                    yield file.st_ino, file.st_blocks * BLOCK
