"""A coding agent's command line, run once: what all kinds have in common."""

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from selfheald.agents.desk import Desk, Redacted, desk, write_private
from selfheald.agents.ends import outcome_of
from selfheald.agents.install import Installed, find
from selfheald.agents.kind import Kind, Launch, Order
from selfheald.agents.report import noted, reported
from selfheald.agents.spec import AgentSpec
from selfheald.agents.story import NOTE_LIMIT, Story, told
from selfheald.agents.ways import ways_out
from selfheald.agents.words import event_of, lines_of
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.errors import ConfigError, NotFoundError, SelfhealdError
from selfheald.domain.ids import AgentName
from selfheald.domain.plain import last_part
from selfheald.ports import AgentReport, AgentTask, Command, Exit, Passage, Probe, Redact, Sandbox

TRANSCRIPT = "transcript.jsonl"

START = 'test -z "$1" || PATH="$1:$PATH"; export PATH; shift; exec "$@" 2>&1'
"""A shell's script: only the sandbox knows the PATH inside, where agents look for ripgrep. What they write to standard
error is part of the transcript, and some tell there alone that they wait for the model."""

PROBE_TIMEOUT = timedelta(seconds=30)
"""The program answers in a tenth of a second; a cold disk takes longer."""


class CliAgent:
    """An agent of one kind. Gives a report for whatever happens; raises nothing but on cancellation."""

    def __init__(
        self, kind: Kind, spec: AgentSpec, sandbox: Sandbox, redact: Redact, environ: Mapping[str, str] | None = None
    ) -> None:
        self._kind = kind
        self._spec = spec
        self._sandbox = sandbox
        self._redact = redact
        self._environ = os.environ if environ is None else environ

    @property
    def name(self) -> AgentName:
        """Its name in the configuration."""
        return self._spec.name

    async def run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        """Work on the tree until done."""
        return await reported(self._run(task, progress))

    async def probe(self) -> Probe:
        """Ask the program inside the sandbox for its version."""
        package = self._kind.package
        try:
            version = await self._version(await self._installed())
        except SelfhealdError as error:
            return Probe(ok=False, found=error.message)
        if version == package.tested:
            return Probe(ok=True, found=f"{package.program} {version}")
        return Probe(ok=True, found=f"{package.program} {version}; selfheald is tested with {package.tested}")

    async def _run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        installed = await self._installed()
        passage = task.passage
        if passage is None or not passage.model_url:
            raise ConfigError(f"starting agent {self.name}: there is no model for it to ask")
        async with desk(task.folder, prompt=task.prompt, transcript=TRANSCRIPT) as place:
            command = self._command(task, passage, place, installed)
            redacted = Redacted(self._redact, own=passage.token)
            hearing = _Hearing(self._kind, self._spec, place, redacted, progress)
            ended, idle = await _watched(self._sandbox, command, hearing, self._spec.idle_timeout)
            report = hearing.report(ended, idle=idle)
        return noted(report, place.note)

    def _command(self, task: AgentTask, passage: Passage, place: Desk, installed: Installed) -> Command:
        order = Order(
            inside=self._sandbox.layout(task.tree, place.home),
            model=self._spec.model,
            model_url=passage.model_url,
            tools_url=passage.tools_url,
            token=passage.token,
            max_turns=self._spec.max_turns,
        )
        launch = self._kind.launch(order)
        _lay(launch, place.home)
        return Command(
            argv=("/bin/sh", "-c", START, "sh", str(installed.tools or ""), *installed.argv, *launch.arguments),
            env={
                **self._spec.inherited(self._environ),
                **task.variables,
                **ways_out(passage),
                **launch.env,
            },
            tree=task.tree,
            home=place.home,
            mounts=(*self._spec.mounts, *installed.mounts),
            stdin=task.prompt.encode(errors="replace"),
            timeout=self._spec.timeout,
            passage=passage,
        )

    async def _installed(self) -> Installed:
        search = self._environ.get("PATH", os.defpath)
        return await asyncio.to_thread(find, self._kind.package, self._spec.binary, search)

    async def _version(self, installed: Installed) -> str:
        said: list[bytes] = []
        with tempfile.TemporaryDirectory(prefix="selfheald-probe-") as folder:
            tree, home = Path(folder) / "tree", Path(folder) / "home"
            tree.mkdir()
            home.mkdir()
            asked = (*installed.argv, "--version")
            command = Command(argv=asked, tree=tree, home=home, mounts=installed.mounts, timeout=PROBE_TIMEOUT)
            ended = await self._sandbox.run(command, said.append)
        version = re.search(r"\d+\.\d+\.[^\s()]+", b" ".join(said).decode(errors="replace"))
        if ended.code != 0 or version is None:
            advice = self._kind.package.advice
            raise NotFoundError(f"{installed.argv[-1]} does not work in the sandbox: {ended.stderr.strip()}; {advice}")
        return version[0]


class _Hearing:
    """Listens to one run."""

    def __init__(
        self, kind: Kind, spec: AgentSpec, place: Desk, redacted: Redacted, progress: Callable[[str], None]
    ) -> None:
        self._kind = kind
        self._max_turns = spec.max_turns
        self._place = place
        self._redacted = redacted
        self._progress = progress
        self._story = Story(usage=Usage(model=spec.model or ""))
        self._plain = ""
        """The end of what was no event: a log, last words."""

    def line(self, line: bytes) -> bool:
        """Take a line; ``False``: there is no use in going on."""
        self._place.transcript.write(self._redacted.line(line))
        # What was redacted may be no event any more; what is told of it is redacted where it is told.
        event = event_of(self._redacted.own(line))
        if set(event) == {"plain"}:
            self._plain = last_part(f"{self._plain}{event['plain']}\n", NOTE_LIMIT)
        words = tuple(self._kind.read(event))
        self._story = told(self._story, words)
        for text in lines_of(words):
            self._progress(text)
        return not (self._story.hopeless or self._story.over or self._turned)

    @property
    def _turned(self) -> bool:
        """Whether it has begun a turn more than it may."""
        return self._max_turns is not None and self._story.turns > self._max_turns

    def report(self, ended: Exit, *, idle: timedelta | None) -> AgentReport:
        """What became of it."""
        story = self._story
        stderr = self._plain + self._redacted.text(ended.stderr)
        outcome, note = outcome_of(story, replace(ended, stderr=stderr), idle=idle)
        if self._turned:
            outcome, note = AttemptOutcome.TURNS_USED_UP, f"it was ended after {self._max_turns} turns"
        return AgentReport(outcome=outcome, message=story.message, note=note, usage=story.usage)


async def _watched(
    sandbox: Sandbox, command: Command, hearing: _Hearing, limit: timedelta
) -> tuple[Exit, timedelta | None]:
    """Run a program, and end it when it says nothing for too long; gives that time then."""
    loop = asyncio.get_running_loop()

    def on_line(line: bytes) -> bool:
        quiet.reschedule(loop.time() + limit.total_seconds())
        return hearing.line(line)

    try:
        async with asyncio.timeout(limit.total_seconds()) as quiet:
            return await sandbox.run(command, on_line), None
    except TimeoutError:
        if not quiet.expired():
            raise
    return Exit(code=None, timed_out=True, seconds=command.timeout.total_seconds(), stderr=""), limit


def _lay(launch: Launch, home: Path) -> None:
    """Put the files of a start into the private home, which is new and empty."""
    for name, content in launch.files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, content)
