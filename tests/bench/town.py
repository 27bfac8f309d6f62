"""The simulated Semaphore, GitHub and git server, in a process of their own: their work is not the daemon's.

One JSON object a line on standard input and output; the end of the input ends the process.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench.origin import BRANCH, Origin

from selfheald.simulator.bare import create_bare_repository
from selfheald.simulator.runner import Outcome, Plan
from selfheald.simulator.state import JobResult
from selfheald.simulator.town import Town, simulate
from selfheald.simulator.world import utc_now

SLUG = "acme/monolith"
PROJECT = "monolith"
START_SECONDS = 300
ANSWER_SECONDS = 120
LINE_BYTES = 16 << 20
"""A line holds the addresses of thousands of requests."""

LOG = "".join(f"tests/test_part{number:03}.py::test_total PASSED\n" for number in range(2_000)) + (
    "E   AssertionError: the total is 4, expected 5\nFAILED tests/test_part007.py::test_rounding\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A pipeline that failed."""

    commit: str
    at: float
    """From when on Semaphore tells it; by the machine's monotonic clock, which all processes share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TownProcess:
    """The town, from the outside."""

    semaphore_url: str
    semaphore_token: str
    github_url: str
    github_token: str
    git_url: str
    process: asyncio.subprocess.Process

    async def fail(self) -> Failed:
        """Push a commit whose pipeline fails at once."""
        return Failed(**await _ask(self.process, "fail"))

    async def requests(self) -> list[str]:
        """The paths with their queries that Semaphore was asked for since the last time."""
        paths: list[str] = await _ask(self.process, "requests")
        return paths


@asynccontextmanager
async def town_process(*, files: int = 0, projects: int = 0) -> AsyncIterator[TownProcess]:
    """Run a town with one repository of so many files, or with so many quiet projects."""
    options = ("--files", str(files), "--projects", str(projects))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.town", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield TownProcess(process=process, **await _heard(process, START_SECONDS))
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _ask(process: asyncio.subprocess.Process, what: str) -> Any:
    assert process.stdin is not None
    process.stdin.write(json.dumps(what).encode() + b"\n")
    await process.stdin.drain()
    return await _heard(process, ANSWER_SECONDS)


async def _heard(process: asyncio.subprocess.Process, seconds: float) -> Any:
    assert process.stdout is not None
    async with asyncio.timeout(seconds):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the simulated town has ended: its standard error says why")
    return json.loads(line)


# ------------------------------------------------------------------------------------------------------- the inside


async def run(files: int, projects: int) -> None:
    """Live until the standard input ends."""
    with tempfile.TemporaryDirectory(prefix="selfheald-bench-town-") as folder:
        async with simulate(Path(folder)) as town:
            _settle_projects(town, projects)
            origin = await _repository(town, files) if files else None
            _say(_addresses(town))
            await _serve(town, origin)


async def _serve(town: Town, origin: Origin | None) -> None:
    asked = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(asked), sys.stdin
    )
    while line := await asked.readline():
        match json.loads(line), origin:
            case "fail", Origin():
                _say(await _fail(town, origin))
            case "requests", _:
                _say([f"{one.path}?{one.query}" for one in town.hooks.requests if one.api == "semaphore"])
                town.hooks.requests.clear()
            case unknown, _:
                raise ValueError(f"asked for {unknown}")
    transport.close()


async def _repository(town: Town, files: int) -> Origin:
    town.project(PROJECT, repository=SLUG)
    town.runner.plans.append(Plan(outcome=Outcome.NEVER_START))
    origin = Origin(await create_bare_repository(town.git_root, SLUG), files)
    await origin.fill()
    return origin


async def _fail(town: Town, origin: Origin) -> dict[str, object]:
    commit = await origin.change()
    await town.runner.on_push(SLUG, BRANCH, "", commit)
    (pipeline,) = await town.finished(commit)
    pipeline.finish(
        "failed",
        jobs=[
            JobResult(name="Lint", log_text="clean\n"),
            JobResult(name="Unit tests", result="failed", log_text=LOG),
        ],
    )
    return {"commit": commit, "at": time.monotonic()}


def _settle_projects(town: Town, count: int) -> None:
    """Each with one or two pipelines that passed some minutes ago."""
    now = utc_now()
    for number in range(count):
        project = town.project(f"project-{number:04}")
        for minutes in (5, 4)[number % 2 :]:
            done = now - timedelta(minutes=minutes)
            pipeline = town.world.push(project, created_at=done - timedelta(minutes=2)).pipeline
            pipeline.finish("passed", done_at=done)


def _addresses(town: Town) -> dict[str, str]:
    names = ("semaphore_url", "semaphore_token", "github_url", "github_token", "git_url")
    return {name: getattr(town, name) for name in names}


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--projects", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.files, arguments.projects))
