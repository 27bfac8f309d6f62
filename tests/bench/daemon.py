"""The daemon's own parts, wired by its own composition root, against a simulated town."""

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from tests.bench.town import TownProcess

from selfheald.app.outside import Outside, open_outside
from selfheald.app.wiring import Engine, wire
from selfheald.domain.ids import OrganizationName
from selfheald.settings.loading import load
from selfheald.settings.values import Configuration

ORGANIZATION = OrganizationName("acme")

UNLIMITED = 1_000_000.0
"""Requests a second: the rate is configuration, and would hide what is measured."""

CLOCK = "import time; print(time.monotonic())"
"""The agent: all that it does is to tell when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """The parts behind the ports, and the engine."""

    outside: Outside
    engine: Engine


@asynccontextmanager
async def daemon(folder: Path, town: TownProcess, projects: Sequence[str]) -> AsyncIterator[Daemon]:
    """Everything that ``selfheald run`` has but its clock, its signals and its web pages."""
    async with open_outside(_configuration(folder, town, projects)) as outside:
        engine = wire(outside, owner="bench")
        await engine.targets.refresh(ORGANIZATION)
        yield Daemon(outside=outside, engine=engine)


def _configuration(folder: Path, town: TownProcess, projects: Sequence[str]) -> Configuration:
    folder.mkdir(parents=True)
    path = folder / "selfheald.yaml"
    path.write_text(yaml.safe_dump(_settings(folder, town, projects)), encoding="utf-8")
    environ = {"SEMAPHORE": town.semaphore_token, "GITHUB": town.github_token}
    read = load(path, environ)
    return replace(read, poll=replace(read.poll, requests_per_second=UNLIMITED))


def _settings(folder: Path, town: TownProcess, projects: Sequence[str]) -> dict[str, object]:
    python = os.path.realpath(sys.executable)
    mounts = [] if Path(python).is_relative_to("/usr") else [os.path.realpath(sys.base_prefix)]
    agent = {"kind": "command", "command": [python, "-I", "-S", "-c", CLOCK], "mounts": mounts, "timeout": "1m"}
    # Each round opens a case on the same branch, and ends it without a fix.
    limits = {"cases_per_branch": "1000000 per 24h", "cases_per_project": "1000000 per 24h", "cooldown": "0s"}
    return {
        "organizations": [{"name": ORGANIZATION, "url": town.semaphore_url, "token_env": "SEMAPHORE"}],
        "github": {"api_url": town.github_url, "git_url": town.git_url, "token_env": "GITHUB"},
        "agents": {"clock": agent},
        "state_dir": str(folder / "state"),
        "defaults": {"agent": "clock", "limits": limits},
        "projects": [{"name": name, "organization": ORGANIZATION} for name in projects],
    }
