"""OpenAI's Codex CLI, started as ``codex exec`` and read by its events."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from selfheald.agents.codex_events import Story, event_of, line_about, outcome_of, told
from selfheald.agents.codex_install import CODEX_TESTED, INSTALL, Installed, find_codex
from selfheald.agents.desk import Desk, Redactor, desk
from selfheald.agents.report import noted, reported
from selfheald.agents.spec import KEY_NAME, AgentSpec
from selfheald.domain.attempt import Usage
from selfheald.domain.errors import NotFoundError, SelfhealdError
from selfheald.domain.ids import AgentName
from selfheald.domain.prices import cost_micros
from selfheald.ports import AgentReport, AgentTask, Command, Layout, Probe, Sandbox

TRANSCRIPT = "transcript.jsonl"
CODEX_HOME = ".codex"
WITH_TOOLS = 'PATH="$1:$PATH"; export PATH; shift; exec "$@"'
"""A shell's script: only the sandbox knows the PATH inside, and Codex looks there for ripgrep."""

PROBE_TIMEOUT = timedelta(seconds=30)
"""The program answers in a tenth of a second; a cold disk takes longer."""

PROVIDER: Mapping[str, object] = {
    "name": "selfheald",
    "wire_api": "responses",
    # A provider of our own speaks plain HTTPS; the built-in one tries WebSockets first, for seconds.
    "request_max_retries": 2,
    "stream_max_retries": 3,
    # Reasoning may be silent for minutes. Codex's own limit is longer than an attempt.
    "stream_idle_timeout_ms": 300_000,
}

SETTINGS: Mapping[str, object] = {
    "model_provider": "selfheald",
    "analytics.enabled": False,
    "features.plugins": False,
    # It would run at the provider, where no sandbox stops it.
    "web_search": "disabled",
    "shell_environment_policy.inherit": "core",
}

FLAGS = (
    *("--json", "--ephemeral", "--ignore-user-config", "--skip-git-repo-check"),
    # The sandbox around it is ours.
    "--dangerously-bypass-approvals-and-sandbox",
)


class Codex:
    """An agent of the kind ``codex``. Gives a report for whatever happens; raises nothing but on cancellation."""

    def __init__(self, spec: AgentSpec, sandbox: Sandbox, environ: Mapping[str, str] | None = None) -> None:
        self._spec = spec
        self._sandbox = sandbox
        self._environ = os.environ if environ is None else environ

    @property
    def name(self) -> AgentName:
        """Its name in the configuration."""
        return self._spec.name

    async def run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        """Work on the tree until done."""
        return await reported(self._run(task, progress))

    async def _run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        installed, key = self._installed(), self._spec.key()
        async with desk(task.folder, prompt=task.prompt, transcript=TRANSCRIPT) as place:
            report = await self._work(task, place, installed, key, progress)
        return noted(report, place.note)

    def cost_micros(self, usage: Usage) -> int:
        """The cost of this usage by the configured prices."""
        return cost_micros(usage, self._spec.prices)

    async def probe(self) -> Probe:
        """Ask the program inside the sandbox for its version."""
        try:
            version = await self._version(self._installed())
        except SelfhealdError as error:
            return Probe(ok=False, found=error.message)
        if version == CODEX_TESTED:
            return Probe(ok=True, found=f"codex {version}")
        return Probe(ok=True, found=f"codex {version}; selfheald is tested with {CODEX_TESTED}")

    async def _work(
        self, task: AgentTask, place: Desk, installed: Installed, key: str, progress: Callable[[str], None]
    ) -> AgentReport:
        redacted = Redactor(key)
        story = Story(usage=Usage(model=self._spec.model or ""))

        def on_line(line: bytes) -> bool:
            nonlocal story
            line = redacted(line)
            place.transcript.write(line)
            event = event_of(line)
            story = told(story, event)
            if text := line_about(event):
                progress(text)
            return not story.hopeless

        ended = await self._sandbox.run(self._command(task, place, installed, key), on_line)
        outcome, note = outcome_of(story, replace(ended, stderr=redacted.text(ended.stderr)))
        return AgentReport(outcome=outcome, message=story.message, note=note, usage=story.usage)

    def _command(self, task: AgentTask, place: Desk, installed: Installed, key: str) -> Command:
        (place.home / CODEX_HOME).mkdir()
        inside = self._sandbox.layout(task.tree, place.home)
        return Command(
            argv=(*_start(installed), "exec", *FLAGS, *self._choices(inside, with_key=bool(key)), "-"),
            env={
                **self._spec.inherited(self._environ),
                **task.variables,
                "CODEX_HOME": f"{inside.home}/{CODEX_HOME}",
                **({KEY_NAME: key} if key else {}),
            },
            tree=task.tree,
            home=place.home,
            mounts=(*self._spec.mounts, installed.folder),
            stdin=task.prompt.encode(errors="replace"),
            timeout=self._spec.timeout,
        )

    def _choices(self, inside: Layout, *, with_key: bool) -> list[str]:
        key = {"env_key": KEY_NAME} if with_key else {}
        provider = {**PROVIDER, "base_url": self._spec.base_url, **key}
        settings = {**SETTINGS, "model_providers.selfheald": provider}
        chosen = ["-C", inside.tree, *(["-m", self._spec.model] if self._spec.model else [])]
        for name, value in settings.items():
            chosen += ["-c", f"{name}={_toml(value)}"]
        return chosen

    def _installed(self) -> Installed:
        search = self._environ.get("PATH", os.defpath)
        found = find_codex(self._spec.binary, search)
        if found is None:
            raise NotFoundError(f"codex is not installed: {INSTALL}")
        return found

    async def _version(self, installed: Installed) -> str:
        said: list[bytes] = []
        with tempfile.TemporaryDirectory(prefix="selfheald-probe-") as folder:
            tree, home = Path(folder) / "tree", Path(folder) / "home"
            tree.mkdir()
            home.mkdir()
            asked = (str(installed.program), "--version")
            command = Command(argv=asked, tree=tree, home=home, mounts=(installed.folder,), timeout=PROBE_TIMEOUT)
            ended = await self._sandbox.run(command, said.append)
        version = re.search(r"\d+\.\d+\.\S+", b" ".join(said).decode(errors="replace"))
        if ended.code != 0 or version is None:
            raise NotFoundError(f"{installed.program} does not work in the sandbox: {ended.stderr.strip()}; {INSTALL}")
        return version[0]


def _start(installed: Installed) -> tuple[str, ...]:
    program = str(installed.program)
    if installed.tools is None:
        return (program,)
    return ("/bin/sh", "-c", WITH_TOOLS, "sh", str(installed.tools), program)


def _toml(value: object) -> str:
    """Write a value as TOML, whose strings, numbers and booleans are JSON's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={_toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
