"""The benchmarks: ``python -m tests.bench``. They print what they find, and judge nothing."""

import argparse
import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tests.bench import conditions, overhead, proxy, sweeping, zone
from tests.bench.figures import Section, machine

from selfheald import logs
from selfheald.redaction.redactor import Redactor

NAMES = ("overhead", "sweep", "conditions", "proxy", "zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    files: int
    projects: int
    rounds: int
    requests: int = 100


FULL = Sizes(files=20_000, projects=1_000, rounds=7)
QUICK = Sizes(files=20_000, projects=1_000, rounds=3)


IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ROOM_BYTES = 6 << 30
"""Clones and work trees of all rounds lie there until the end."""


def usual_folder() -> Path:
    """In memory when there is room: a disk's file system remembers what was removed from it before, and slows down."""
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES:
        return IN_MEMORY
    return Path(tempfile.gettempdir())


async def sections(names: Sequence[str], sizes: Sizes, within: Path) -> AsyncIterator[Section]:
    """Measure one after the other."""
    with tempfile.TemporaryDirectory(prefix="selfheald-bench-", dir=within) as folder:
        if "overhead" in names:
            yield await overhead.measure(Path(folder, "overhead"), files=sizes.files, rounds=sizes.rounds)
        if "sweep" in names:
            yield await sweeping.measure(Path(folder, "sweep"), projects=sizes.projects, rounds=sizes.rounds)
        if "conditions" in names:
            yield conditions.measure(rounds=sizes.rounds)
        if "zone" in names:
            yield await zone.measure(Path(folder, "zone"), rounds=3 * sizes.rounds)
        if "proxy" in names:
            yield await proxy.measure(requests=sizes.requests, rounds=sizes.rounds)


async def run(names: Sequence[str], sizes: Sizes, within: Path) -> dict[str, object]:
    """Measure and print; gives the figures."""
    console, about = Console(), machine(within)
    console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in about.items()), highlight=False)
    console.print(f"{sizes.rounds} rounds; the median, and the least to the most", highlight=False)
    figures: dict[str, object] = {"machine": about, "rounds": sizes.rounds}
    async for section in sections(names, sizes, within):
        for shown in section.tables:
            console.print()
            console.print(shown)
        for note in section.notes:
            console.print(note, highlight=False)
        figures[section.name] = section.figures
    return figures


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.rounds} rounds instead of {FULL.rounds}")
    parser.add_argument("--only", choices=NAMES, action="append", help="this one; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--files", type=int, help=f"files of the repository ({FULL.files})")
    parser.add_argument("--projects", type=int, help=f"projects to sweep ({FULL.projects})")
    parser.add_argument("--requests", type=int, help=f"to the model, of each kind in a round ({FULL.requests})")
    parser.add_argument("--rounds", type=int, help="measurements of each kind")
    parser.add_argument("--folder", type=Path, default=usual_folder(), help="work in there (%(default)s)")
    asked = parser.parse_args()
    usual = QUICK if asked.quick else FULL
    sizes = Sizes(
        files=asked.files or usual.files,
        projects=asked.projects or usual.projects,
        rounds=asked.rounds or usual.rounds,
        requests=asked.requests or usual.requests,
    )
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        # As a daemon logs: every line is made, and goes where nobody reads it.
        logs.configure("json", "info", Redactor(list), stream=nowhere)
        figures = asyncio.run(run(asked.only or NAMES, sizes, asked.folder))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
