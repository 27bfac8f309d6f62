"""How many projects one CPU second sweeps, beside a bare httpx loop that makes the very same requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.bench.daemon import Daemon, daemon
from tests.bench.figures import Sample, Section, table
from tests.bench.town import TownProcess, town_process

from selfheald.engine.sweep import LOOKS_AT_ONCE
from selfheald.semaphore.client import CONNECTIONS, KEEP_ALIVE_SECONDS, USER_AGENT

AIM = 0.6
"""Of the bare loop's projects a CPU second."""

FIRST, STEADY, BODY, JSON = "first sweep", "steady state", "bare loop, body read", "bare loop, json()"
ROWS = {
    FIRST: "selfheald, first sweep (everything is new)",
    STEADY: "selfheald, steady state (nothing is new)",
    BODY: "bare httpx loop, body read only",
    JSON: "bare httpx loop with response.json()",
}


@dataclass(slots=True, kw_only=True)
class _Bare:
    """What the sweep is held against: the same requests by the same library, and nothing else."""

    client: httpx.AsyncClient
    headers: dict[str, str]
    urls: Sequence[str] = ()

    async def sweep(self, *, decode: bool) -> None:
        waiting = iter(self.urls)
        async with asyncio.TaskGroup() as group:
            for _ in range(LOOKS_AT_ONCE):
                group.create_task(self._ask_all(waiting, decode=decode))

    async def _ask_all(self, waiting: Iterator[str], *, decode: bool) -> None:
        for url in waiting:
            response = await self.client.get(url, headers=self.headers)
            response.raise_for_status()
            if decode:
                response.json()


@dataclass(slots=True, kw_only=True)
class _Race:
    town: TownProcess
    projects: int
    bare: _Bare
    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in ROWS})
    """CPU seconds of this process for a sweep of all projects."""

    async def round(self, number: int) -> None:
        """One sweep of each kind. Those that are compared take turns at coming first."""
        names = [f"project-{index:04}" for index in range(self.projects)]
        async with daemon(self.folder / str(number), self.town, names) as ours:
            await self._time(FIRST, lambda: self._swept(ours))
            await self.town.requests()
            await self._swept(ours)
            paths = await self.town.requests()
            if len(paths) != self.projects:
                raise RuntimeError(f"{len(paths)} requests for {self.projects} projects")
            self.bare.urls = [f"{self.town.semaphore_url}{path}" for path in paths]
            runs: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                (STEADY, lambda: self._swept(ours)),
                (BODY, lambda: self.bare.sweep(decode=False)),
                (JSON, lambda: self.bare.sweep(decode=True)),
            ]
            for name, work in runs[number % 3 :] + runs[: number % 3]:
                await self._time(name, work)

    async def _swept(self, ours: Daemon) -> None:
        await ours.engine.sweeper.once()

    async def _time(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        began = time.process_time()
        await work()
        self.seconds[name].append(time.process_time() - began)


async def measure(folder: Path, *, projects: int, rounds: int) -> Section:
    """Sweep ``projects`` projects ``rounds`` times each way."""
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS
    )
    async with town_process(projects=projects) as town, httpx.AsyncClient(limits=limits) as client:
        headers = {
            "authorization": f"Token {town.semaphore_token}",
            "user-agent": USER_AGENT,
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
        }
        race = _Race(town=town, projects=projects, bare=_Bare(client=client, headers=headers), folder=folder)
        await race.round(0)  # fills caches and opens connections
        race.seconds = {name: [] for name in ROWS}
        for number in range(1, rounds + 1):
            await race.round(number)
    return _section(race)


def _section(race: _Race) -> Section:
    rates = {name: Sample([race.projects / one for one in seconds]) for name, seconds in race.seconds.items()}
    ratios = {
        kind: Sample([bare / ours for ours, bare in zip(race.seconds[STEADY], race.seconds[kind], strict=True)])
        for kind in (BODY, JSON)
    }
    shown = table(f"Projects swept per CPU second ({race.projects} projects)", "", "median", "min - max")
    for name, title in ROWS.items():
        shown.add_row(title, *rates[name].shown("{:,.0f}"))
    shown.add_section()
    for kind, ratio in ratios.items():
        shown.add_row(f"steady state ÷ {kind} (aim: {AIM} or more)", *ratio.shown("{:.2f}"))
    figures = {name.replace(",", "").replace(" ", "_").replace("()", ""): rate.json() for name, rate in rates.items()}
    ratio_figures = {"to_body": ratios[BODY].json(), "to_json": ratios[JSON].json()}
    return Section(
        name="sweep",
        tables=[shown],
        notes=(
            "CPU time of all threads of this process; the simulated Semaphore runs in another one.",
            f"{LOOKS_AT_ONCE} requests at once in all variants; `requests_per_second` lifted out of the way.",
        ),
        figures={"projects": race.projects, **figures, "ratio": ratio_figures},
    )
