"""The whole product in one house: a simulated town, a configuration, and the real daemon as a process of its own."""

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

import yaml

from selfheald.cli.demo_daemon import Daemon, daemon
from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case, CaseState
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.ids import CaseId, PipelineId
from selfheald.domain.reasons import Reason
from selfheald.ports import CaseEvent, Verdict
from selfheald.simulator.bare import branches
from selfheald.simulator.github_world import SimulatedPullRequest
from selfheald.simulator.state import Project
from selfheald.simulator.town import GITHUB_TOKEN, SEMAPHORE_TOKEN, Town, simulate
from selfheald.store.open import FILE_NAME, open_store

T = TypeVar("T")

PROJECT = "billing"
SLUG = "acme/billing"
PATIENCE = 60.0
"""Seconds for anything that the daemon does by itself: ten times what it takes on a busy machine."""

LOOK_SECONDS = 0.05
"""Between two looks at a condition."""

PIPELINE = """\
name: Tests
blocks: [{name: Tests, task: {jobs: [{name: Unit tests, commands: [checkout, sh test.sh]}]}}]
"""
TEST = """\
grep -qx right answer.txt && exit 0
echo "FAILED: the answer is $(cat answer.txt)"
exit 1
"""
FILES = {".semaphore/semaphore.yml": PIPELINE, "test.sh": TEST, "answer.txt": "right\n"}
BROKEN = {"answer.txt": "wrong\n"}

SUMMARY = "put the right answer back"
FIX = f"echo right > answer.txt; echo '{SUMMARY}' > commit-message.txt; echo 'The answer is right again.'"


def agent(script: str, **more: object) -> dict[str, object]:
    """An agent that is a line of shell; ``$1`` is the prompt's path."""
    return {"kind": "command", "command": ["sh", "-c", script, "agent", "{prompt_file}"], "timeout": "30s", **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command of the command line that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed with ``--json``."""
        return json.loads(self.out)


@dataclass(slots=True, kw_only=True)
class House:
    """A town with one project, and selfheald beside it."""

    town: Town
    folder: Path
    project: Project
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.folder / "selfheald.yaml"

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    def write(self) -> Path:
        """Write the settings into the configuration file."""
        self.configuration.write_text(yaml.safe_dump(self.settings, sort_keys=False))
        return self.configuration

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Daemon]:
        """The daemon, started; stopped at the end."""
        async with daemon(self.write(), self.environment) as running:
            await until(lambda: running.address or running.process.returncode is not None)
            running.check()
            yield running

    async def selfheald(self, *arguments: str, config: bool = True) -> Done:
        """A command of the command line, from its start to its end."""
        return await run_selfheald(
            *arguments, *(("--config", str(self.write())) if config else ()), environment=self.environment
        )

    async def break_main(self, branch: str = "main") -> str:
        """Push a change that fails; gives its commit once CI has said so."""
        commit = await self.town.push_files(SLUG, branch, BROKEN, f"Break {branch}")
        (pipeline,) = await self.town.finished(commit)
        assert pipeline.result == "failed"
        return commit

    async def cases(self) -> Sequence[Case]:
        """All cases, newest first; none while there is no store."""
        with suppress(SelfhealdError):
            async with await open_store(self.state / FILE_NAME, read_only=True) as store:
                return await store.cases.cases()
        return []

    async def history(self, case: Case | None = None) -> tuple[Sequence[Attempt], Sequence[CaseEvent]]:
        """A case's attempts and history; of the first case unless told otherwise."""
        case_id = case.id if case else CaseId(1)
        async with await open_store(self.state / FILE_NAME, read_only=True) as store:
            return await store.cases.attempts(case_id), await store.cases.events(case_id)

    async def case(self, state: CaseState, number: int = 1, seconds: float = PATIENCE) -> Case:
        """The case of this number, as soon as it is in this state. An end that was not wanted is told at once."""

        async def reached() -> Case | None:
            case = next((case for case in await self.cases() if case.id == number), None)
            if case is None or (case.state is not state and not case.state.is_end):
                return None
            assert case.state is state, await self.told(case)
            return case

        return await until(reached, seconds, what=self.told)

    async def skipped(self, pipeline_id: str) -> Reason | None:
        """Why a pipeline is not healed, as soon as that is decided."""

        async def decided() -> Verdict | None:
            async with await open_store(self.state / FILE_NAME, read_only=True) as store:
                verdict = await store.journal.verdict(PipelineId(pipeline_id))
            return verdict if verdict and verdict.decision == "skip" else None

        return (await until(decided, what=self.told)).reason

    async def told(self, case: Case | None = None) -> object:
        """What a failed test wants to know."""
        cases = [case] if case else await self.cases()
        lines = [f"{one.id} {one.state} {one.reason} tries {one.tries} due {one.due_at}" for one in cases]
        for one in cases:
            lines += [f"  {event.at} {event.after} {event.note}" for event in (await self.history(one))[1]]
        return "\n".join(lines)

    async def branches(self) -> dict[str, str]:
        """The branches that selfheald pushed."""
        known = await branches(self.town.github.path(SLUG))
        return {name: commit for name, commit in known.items() if name.startswith("selfheal-")}

    @property
    def pull_requests(self) -> list[SimulatedPullRequest]:
        """All pull requests, oldest first."""
        return list(self.town.github.pull_requests[SLUG].values())

    @property
    def leftovers(self) -> list[str]:
        """Work trees and private homes of attempts."""
        folders = (*self.state.glob("attempts/*/tree"), *self.state.glob("attempts/*/home"))
        return [str(path.relative_to(self.state)) for path in folders]


async def run_selfheald(*arguments: str, environment: Mapping[str, str]) -> Done:
    """``selfheald ARGUMENTS``; no command may print a traceback."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "selfheald", *arguments),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    done = Done(code=process.returncode or 0, out=out.decode(), err=err.decode())
    assert "Traceback" not in done.out + done.err, done.err
    return done


@overload
async def until(
    condition: Callable[[], Awaitable[T | None]], seconds: float = PATIENCE, *, what: Callable[[], object] = str
) -> T: ...


@overload
async def until(
    condition: Callable[[], T | None], seconds: float = PATIENCE, *, what: Callable[[], object] = str
) -> T: ...


async def until(condition: Callable[[], Any], seconds: float = PATIENCE, *, what: Callable[[], object] = str) -> Any:
    """Wait until a condition gives something true, and give it back; ``what`` tells a failed test more."""
    never, deadline = asyncio.Event(), asyncio.get_running_loop().time() + seconds
    while not (found := await _answer(condition)):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s: {await _answer(what)}")
        with suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), LOOK_SECONDS)
    return found


async def _answer(question: Callable[[], Any]) -> Any:
    answer = question()
    return await answer if isinstance(answer, Awaitable) else answer


async def page(running: Daemon, path: str) -> tuple[int, str]:
    """One of the daemon's pages: status and text."""

    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{running.address}{path}", timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(get)


async def stop(running: Daemon, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
    """Send a signal and wait for the end; gives the exit status."""
    running.process.send_signal(number)
    return await asyncio.wait_for(running.process.wait(), seconds)


def events(running: Daemon, name: str) -> list[dict[str, Any]]:
    """All log lines of an event, oldest first."""
    return [line for line in running.lines if line.get("event") == name]


def basic_settings(town: Town, folder: Path) -> dict[str, Any]:
    """The configuration of most tests: fast, and with limits that do not get in the way."""
    return {
        "organizations": [{"name": "acme", "url": town.semaphore_url, "token_env": "SEMAPHORE_API_TOKEN"}],
        "github": {"api_url": town.github_url, "git_url": town.git_url, "token_env": "GITHUB_TOKEN"},
        "agents": {"fixer": agent(FIX)},
        "state_dir": str(folder / "state"),
        "listen": "127.0.0.1:0",
        "poll": {"interval": "1s", "idle_interval": "1s", "requests_per_second": 50, "follow": "1s"},
        "log": {"format": "json"},
        "drain_timeout": "1s",
        "defaults": {"limits": {"cooldown": "0s"}},
        "projects": [{"name": PROJECT, "organization": "acme"}],
    }


@asynccontextmanager
async def house(
    folder: Path,
    *,
    files: Iterable[tuple[str, str]] = (),
    semaphore_token: str = SEMAPHORE_TOKEN,
    github_token: str = GITHUB_TOKEN,
) -> AsyncIterator[House]:
    """A town with the project ``billing``, whose tests pass so far."""
    async with simulate(
        folder / "town", job_seconds=30, semaphore_token=semaphore_token, github_token=github_token
    ) as town:
        await town.create_repository(SLUG, {**FILES, **dict(files)})
        tokens = {"SEMAPHORE_API_TOKEN": town.semaphore_token, "GITHUB_TOKEN": town.github_token}
        yield House(
            town=town,
            folder=folder,
            project=town.project(PROJECT),
            settings=basic_settings(town, folder),
            environment={**os.environ, **tokens},
        )
