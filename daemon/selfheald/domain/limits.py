"""What one run in the sandbox may use up. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

GIB = 1 << 30
MIB = 1 << 20

LARGEST = 1 << 50
"""A pebibyte: more is a slip of the finger."""

_UNITS = {"k": 1 << 10, "m": MIB, "g": GIB, "t": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,9})([kmgt])")


class Limit(StrEnum):
    """A limit that ends a run when it is reached; the value is its key under ``sandbox_limits``."""

    MEMORY = "memory"
    PROCESSES = "processes"
    CPU_TIME = "cpu_time"
    DISK = "disk"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """All limits of a run but its time, which each agent has by itself."""

    memory: int = 4 * GIB
    """Bytes of all its processes together, its private ``/tmp`` included."""
    processes: int = 2048
    """Processes and threads at once."""
    cpus: float | None = None
    """Processors that it may keep busy; ``None``: all of them."""
    cpu_time: timedelta = timedelta(hours=4)
    """Of all its processes together."""
    open_files: int = 16384
    """Of each process."""
    disk: int = 10 * GIB
    """Bytes of its work tree and its home together."""
    tmp: int = GIB
    """Bytes of its private ``/tmp``, which lives in memory."""
    output: int = 256 * MIB
    """Bytes of its standard output, and some for each line: five times what a transcript keeps."""


def parse_size(text: str) -> int:
    """Read a whole number with its unit: ``k``, ``m``, ``g`` or ``t``, powers of 1024. Raises ``ValueError``."""
    match = _SIZE.fullmatch(text)
    if match is None or not int(match[1]):
        raise ValueError(f"`{text[:40]}` is no size; allowed are 512m, 4g, 1t")
    size = int(match[1]) * _UNITS[match[2]]
    if size > LARGEST:
        raise ValueError(f"`{text[:40]}` is too large; allowed is up to 1024t")
    return size


def reached(limit: Limit) -> str:
    """What to tell people about it."""
    return f"it reached its limit: `sandbox_limits.{limit}`"
