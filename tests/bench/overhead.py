"""How long it takes from a failed pipeline at Semaphore to a started agent, beside a plain ``git clone``."""

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from tests.bench.daemon import Daemon, daemon
from tests.bench.figures import Sample, Section, table
from tests.bench.town import PROJECT, SLUG, TownProcess, town_process

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.events import AttemptEnded, AttemptPhase, CaseMoved, Event, PipelineSeen
from selfheald.git.repositories import GitRepositories

AIM = 10
"""Times less than a clone."""

ATTEMPT_SECONDS = 300
CLONE_SECONDS = 600

PHASES = {
    "detect": "detect: sweep, record",
    "decide_claim": "decide, open the case, claim it",
    "prepare": "prepare: fetch, check out, read the logs",
    "start": "start: prompt, sandbox, program",
}
TOTAL, CLONE, SHALLOW = "overhead", "clone", "shallow"
KERNEL = (f"{CLONE}_kernel", f"{SHALLOW}_kernel")


@dataclass(slots=True)
class _Stopwatch:
    """Hears the daemon's events and notes when they came."""

    at: dict[str, float] = field(default_factory=dict)
    attempt: Attempt | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        self.at.clear()
        self.ended.clear()

    def __call__(self, event: Event) -> None:
        match event:
            case PipelineSeen():
                self._note("seen")
            case CaseMoved() if event.after.state is CaseState.HEALING:
                self._note("claimed")
            case AttemptPhase(phase="prepare"):
                self._note("prepared")
            case AttemptEnded():
                self.attempt = event.attempt
                self.ended.set()
            case _:
                pass

    def _note(self, name: str) -> None:
        self.at.setdefault(name, time.monotonic())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    town: TownProcess
    daemon: Daemon
    watch: _Stopwatch
    clones: Path

    async def attempt(self) -> dict[str, float]:
        """One failed pipeline, until its agent has started; gives the seconds of each phase."""
        await asyncio.to_thread(os.sync)
        self.watch.reset()
        failed = await self.town.fail()
        await self.daemon.engine.sweeper.once()
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await self.watch.ended.wait()
        repositories, attempt = self.daemon.outside.repositories, self.watch.attempt
        assert isinstance(repositories, GitRepositories)
        assert attempt is not None
        if attempt.outcome is not AttemptOutcome.NO_CHANGE:
            raise RuntimeError(f"the attempt ended as {attempt.outcome}: {attempt.note}")
        await repositories.settled()
        return _phases(failed.at, self.watch.at, float(attempt.message))

    async def clone(self, name: str, *options: str) -> dict[str, float]:
        """Seconds of a clone by the git program as it comes, files and all, and of the kernel's work for it.

        It stays until the end: ext4 looks past every inode that was deleted in the last minutes, so that a clone
        right after the removal of another one takes up to ten times as long, which would flatter us.
        """
        target = self.clones / f"{name}-{len(list(self.clones.iterdir()))}"
        await asyncio.to_thread(os.sync)
        began, before = time.monotonic(), os.times().children_system
        await _run("git", "clone", "--quiet", *options, f"{self.town.git_url}/{SLUG}.git", str(target), env=self._env())
        return {name: time.monotonic() - began, f"{name}_kernel": os.times().children_system - before}

    def _env(self) -> Mapping[str, str]:
        credential = base64.b64encode(f"x-access-token:{self.town.github_token}".encode()).decode()
        return {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credential}",
        }


def _phases(failed: float, at: Mapping[str, float], started: float) -> dict[str, float]:
    moments = [failed, at["seen"], at["claimed"], at["prepared"], started]
    lengths = [after - before for before, after in pairwise(moments)]
    return {**dict(zip(PHASES, lengths, strict=True)), TOTAL: started - failed}


async def _run(*command: str, env: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        async with asyncio.timeout(CLONE_SECONDS):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise RuntimeError(f"{' '.join(command[:2])} ended with {code}")


@asynccontextmanager
async def _bench(folder: Path, files: int) -> AsyncIterator[_Bench]:
    watch, clones = _Stopwatch(), folder / "clones"
    await asyncio.to_thread(clones.mkdir, parents=True)
    async with town_process(files=files) as town, daemon(folder / "daemon", town, [PROJECT]) as ours:
        ours.outside.events.listeners.append(watch)
        async with asyncio.TaskGroup() as group:
            group.create_task(ours.engine.dispatcher.run(), name="dispatch")
            yield _Bench(town=town, daemon=ours, watch=watch, clones=clones)
            await ours.engine.dispatcher.drain(timedelta(seconds=ATTEMPT_SECONDS))


async def measure(folder: Path, *, files: int, rounds: int) -> Section:
    """Heal and clone a repository of ``files`` files in turns."""
    found: dict[str, list[float]] = {name: [] for name in (*PHASES, TOTAL, CLONE, SHALLOW, *KERNEL)}
    async with _bench(folder, files) as bench:
        cold = await bench.attempt()
        await bench.clone(CLONE)  # what the git server keeps in memory, it keeps for all
        for _ in range(rounds):
            seconds = await bench.attempt()
            seconds |= await bench.clone(CLONE) | await bench.clone(SHALLOW, "--depth", "1")
            for name, values in found.items():
                values.append(seconds[name])
    return _section(files, cold, {name: Sample(values) for name, values in found.items()})


def _section(files: int, cold: Mapping[str, float], found: Mapping[str, Sample]) -> Section:
    ratios = {
        kind: Sample([clone / ours for ours, clone in zip(found[TOTAL].values, found[kind].values, strict=True)])
        for kind in (CLONE, SHALLOW)
    }
    shown = table(f"Agent-start overhead ({files:,} files)", "milliseconds", "median", "min - max", "first, cold")
    for name, title in {**PHASES, TOTAL: "overhead: failed pipeline visible → agent runs"}.items():
        shown.add_row(title, *_milliseconds(found[name]), f"{cold[name] * 1000:,.0f}")
    shown.add_section()
    for kind, title in ((CLONE, "git clone"), (SHALLOW, "git clone --depth 1")):
        shown.add_row(title, *_milliseconds(found[kind]))
        shown.add_row("  of it the kernel's CPU time", *_milliseconds(found[f"{kind}_kernel"]))
    shown.add_section()
    shown.add_row(f"git clone ÷ overhead (aim: {AIM} or more)", *ratios[CLONE].shown("{:.1f}"))
    shown.add_row("git clone --depth 1 ÷ overhead", *ratios[SHALLOW].shown("{:.1f}"))
    figures = {f"{name}_seconds": sample.json() for name, sample in found.items()}
    ratio_figures = {"to_clone": ratios[CLONE].json(), "to_shallow": ratios[SHALLOW].json()}
    return Section(
        name="overhead",
        tables=[shown],
        notes=(
            "Without the wait for the next poll: the interval is configuration, not overhead.",
            "Each round pushes a new commit, which is fetched.",
            "The agent's own start (a Python interpreter) is part of the overhead.",
        ),
        figures={"files": files, **figures, "cold_seconds": dict(cold), "ratio": ratio_figures},
    )


def _milliseconds(sample: Sample) -> tuple[str, str]:
    return Sample([value * 1000 for value in sample.values]).shown("{:,.0f}")
