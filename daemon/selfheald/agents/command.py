"""Any program as an agent: it reads the prompt from a file, changes the tree, and says by its exit code how it went."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from selfheald.agents.desk import PROMPT, Desk, Redacted, desk
from selfheald.agents.report import noted, reported
from selfheald.agents.spec import AgentSpec
from selfheald.agents.ways import ways_out
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.ids import AgentName
from selfheald.domain.limits import reached
from selfheald.domain.plain import last_part, one_line, plain
from selfheald.ports import AgentReport, AgentTask, Command, Exit, Probe, Redact, Sandbox

TRANSCRIPT = "transcript.txt"
PROMPT_FILE = "{prompt_file}"
"""Stands in the configured command for the path of the prompt."""

MESSAGE_LIMIT = 4096
"""Characters of the end of standard output that are the agent's message."""

NOTE_LIMIT = 1000
"""Characters of the end of standard error that are told."""

PROGRESS_LIMIT = 200
"""Characters of a progress line."""

TIMED_OUT = 124
"""The exit code of timeout(1), which the command may use by itself."""

PROBE_TIMEOUT = timedelta(seconds=30)


class CommandAgent:
    """An agent of the kind ``command``. Gives a report for whatever happens."""

    def __init__(
        self, spec: AgentSpec, sandbox: Sandbox, redact: Redact, environ: Mapping[str, str] | None = None
    ) -> None:
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

    async def _run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        async with desk(task.folder, prompt=task.prompt, transcript=TRANSCRIPT) as place:
            report = await self._work(task, place, progress)
        return noted(report, place.note)

    async def probe(self) -> Probe:
        """Look for the program inside the sandbox, without running it."""
        found: list[bytes] = []
        with tempfile.TemporaryDirectory(prefix="selfheald-probe-") as folder:
            tree, home = Path(folder) / "tree", Path(folder) / "home"
            tree.mkdir()
            home.mkdir()
            asked = ("sh", "-c", 'command -v -- "$1"', "sh", self._spec.command[0])
            command = Command(argv=asked, tree=tree, home=home, mounts=self._spec.mounts, timeout=PROBE_TIMEOUT)
            try:
                ended = await self._sandbox.run(command, found.append)
            except SelfhealdError as error:
                return Probe(ok=False, found=error.message)
        if ended.code == 0:
            return Probe(ok=True, found=b" ".join(found).decode(errors="replace"))
        hint = "add its folder to the agent's mounts" if shutil.which(self._spec.command[0]) else "install it"
        return Probe(ok=False, found=f"there is no program {self._spec.command[0]} inside the sandbox: {hint}")

    async def _work(self, task: AgentTask, place: Desk, progress: Callable[[str], None]) -> AgentReport:
        redacted = Redacted(self._redact, own=task.passage.token if task.passage else "")
        said = ""

        def on_line(line: bytes) -> None:
            nonlocal said
            line = redacted.line(line)
            place.transcript.write(line)
            text = line.decode(errors="replace")
            said = last_part(f"{said}{text}\n", 2 * MESSAGE_LIMIT)
            if shown := one_line(text, PROGRESS_LIMIT):
                progress(shown)

        ended = await self._sandbox.run(self._command(task, place), on_line)
        outcome, note = _outcome(ended, redacted.text(ended.stderr))
        message = last_part(plain(said).strip(), MESSAGE_LIMIT)
        return AgentReport(outcome=outcome, message=message, note=note, usage=Usage(model=self._spec.model or ""))

    def _command(self, task: AgentTask, place: Desk) -> Command:
        shutil.copyfile(task.folder / PROMPT, place.home / PROMPT)
        inside = self._sandbox.layout(task.tree, place.home)
        prompt_file = f"{inside.home}/{PROMPT}"
        return Command(
            argv=tuple(part.replace(PROMPT_FILE, prompt_file) for part in self._spec.command),
            env={
                **self._spec.inherited(self._environ),
                **task.variables,
                **ways_out(task.passage),
            },
            tree=task.tree,
            home=place.home,
            mounts=self._spec.mounts,
            timeout=self._spec.timeout,
            passage=task.passage,
        )


def _outcome(ended: Exit, stderr: str) -> tuple[AttemptOutcome, str]:
    """How it ended by its exit code. Whether the tree changed is looked at by those who asked."""
    if ended.limit:
        return AttemptOutcome.LIMIT_REACHED, reached(ended.limit)
    if ended.timed_out or ended.code == TIMED_OUT:
        return AttemptOutcome.TIMEOUT, f"it was ended after {ended.seconds:.0f} s"
    if ended.code == 0:
        return AttemptOutcome.FIXED, ""
    return AttemptOutcome.CRASHED, f"exit code {ended.code}. {last_part(plain(stderr).strip(), NOTE_LIMIT)}".strip()
