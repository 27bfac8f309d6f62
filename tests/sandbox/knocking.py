"""Knocks at a sandbox's door: ``python -m tests.sandbox.knocking FOLDER``. Prints who it is, and what was answered."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import click
from tests.fakes.passage import passage

from selfheald.ports import Command
from selfheald.sandbox.bubblewrap import Bubblewrap


async def main(folder: Path) -> None:
    tree, home = folder / "tree", folder / "home"
    tree.mkdir()
    home.mkdir()
    async with passage(61080) as way:
        asked = ("bash", "-c", "cat < /dev/tcp/127.0.0.1/61080")
        command = Command(argv=asked, tree=tree, home=home, timeout=timedelta(seconds=60), passage=way)
        await Bubblewrap().run(command, lambda line: click.echo(line.decode()))


if __name__ == "__main__":
    click.echo(os.geteuid())
    click.echo(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")))
    asyncio.run(main(Path(sys.argv[1])))
