"""What the benchmarks found, and on what machine."""

import os
import platform
import sqlite3
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure, measured several times."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def shown(self, pattern: str) -> tuple[str, str]:
        """The median, and the least to the most."""
        low, high = pattern.format(min(self.values)), pattern.format(max(self.values))
        return pattern.format(self.median), f"{low} - {high}"

    def json(self) -> Json:
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One benchmark's results."""

    name: str
    tables: Sequence[Table]
    notes: Sequence[str]
    figures: Json


def table(title: str, *columns: str) -> Table:
    """A table whose columns but the first hold figures."""
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def machine(folder: Path) -> dict[str, object]:
    """What the figures depend on besides the code."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "file_system": _said("stat", "--file-system", "--format=%T", str(folder)),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "git": _said("git", "--version"),
        "sandbox": _said("bwrap", "--version"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()
