"""How command lines are started and what comes of it, with a stand-in for Codex; tests/system drives the real ones."""

import json
import platform
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.passage import FakePassage
from tests.sandbox.processes import none_left, token

from selfheald.agents.build import make_agent
from selfheald.agents.codex import Codex
from selfheald.agents.spec import AgentSpec
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.ids import AgentName
from selfheald.ports import Agent, AgentReport, AgentTask
from selfheald.sandbox.bubblewrap import Bubblewrap

KEY = token()
CODEX_TESTED = Codex.package.tested
DONE = """echo '{"type":"turn.completed","usage":{"input_tokens":7}}'"""
NO_NETWORK = """echo '{"type":"error","message":"Reconnecting... waiting for network"}'"""


@pytest.fixture
def task(tmp_path: Path) -> AgentTask:
    (tmp_path / "tree").mkdir()
    variables = {"SEMAPHORE_GIT_SHA": "abc"}
    passage = FakePassage(model_url="http://127.0.0.1:1/v1")
    passage.token = KEY
    return AgentTask(
        prompt="Fix it 'now'.",
        variables=variables,
        tree=tmp_path / "tree",
        folder=tmp_path / "attempt",
        passage=passage,
    )


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Agent]:
    """Install a script in the place of npm's program, with ripgrep beside it."""

    def installed(script: str, **fields: Any) -> Agent:
        modules = tmp_path / "npm" / "@openai"
        vendor = (modules.parent / Codex.package.natives[platform.machine()]).parent.parent
        for path in (modules / "codex" / "bin" / "codex.js", vendor / "bin" / "codex", vendor / "codex-path" / "rg"):
            path.parent.mkdir(parents=True)
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        spec = AgentSpec(
            name=AgentName("codex"),
            kind="codex",
            binary=modules / "codex" / "bin" / "codex.js",
            timeout=timedelta(seconds=60),
        )
        return make_agent(replace(spec, **fields), Bubblewrap(), str, {"PATH": "/usr/bin", "MODE": "fast"})

    return installed


async def run(agent: Agent, task: AgentTask) -> tuple[AgentReport, list[str]]:
    lines: list[str] = []
    return await agent.run(task, lines.append), lines


async def test_the_prompt_comes_by_standard_input_and_settings_by_arguments(
    install: Callable[..., Agent], task: AgentTask
) -> None:
    agent = install(f'cat > prompt; printf "%s\\n" "$@" > arguments; {DONE}', model="gpt-5.5")

    report, _ = await run(agent, task)

    assert report == AgentReport(outcome=AttemptOutcome.FIXED, message="", usage=Usage(model="gpt-5.5", input_tokens=7))
    assert (task.tree / "prompt").read_text() == task.prompt
    arguments = (task.tree / "arguments").read_text().splitlines()
    assert arguments[0] == "exec"
    assert arguments[-1] == "-"
    assert {"--ephemeral", "--ignore-user-config", 'web_search="disabled"', "analytics.enabled=false"} <= set(arguments)
    assert arguments[arguments.index("-m") + 1] == "gpt-5.5"
    provider = next(text for text in arguments if text.startswith("model_providers.selfheald="))
    assert 'base_url="http://127.0.0.1:1/v1"' in provider
    assert KEY not in "".join(arguments)


async def test_its_environment_has_the_key_its_home_and_its_tools(
    install: Callable[..., Agent], task: AgentTask
) -> None:
    agent = install(f"env > seen; command -v rg >> seen; ls -d $CODEX_HOME >> seen; {DONE}", env=("MODE",))

    await run(agent, task)

    seen = (task.tree / "seen").read_text().splitlines()
    assert {f"SELFHEALD_MODEL_KEY={KEY}", "MODE=fast", "SEMAPHORE_GIT_SHA=abc", "/home/agent/.codex"} <= set(seen)
    assert any(line.endswith("/codex-path/rg") for line in seen)


async def test_the_key_is_taken_out_of_all_that_it_says(install: Callable[..., Agent], task: AgentTask) -> None:
    said = json.dumps({"type": "error", "message": f"sent {KEY}"})
    agent = install(f"echo '{said}'; echo {KEY} >&2")

    report, lines = await run(agent, task)

    assert report.note.endswith("exit code 0. [redacted]")
    assert lines == ["sent [redacted]"]
    assert KEY not in (task.folder / "transcript.jsonl").read_text()


async def test_it_is_ended_when_it_waits_for_the_network_in_vain(
    install: Callable[..., Agent], task: AgentTask
) -> None:
    mark = token()
    agent = install(f"for i in 1 2 3 4 5; do {NO_NETWORK}; done; sh -c 'sleep 1000; : {mark}'")

    report, _ = await run(agent, task)

    assert report.outcome is AttemptOutcome.MODEL_DOWN
    none_left(mark)


async def test_a_codex_that_is_not_there_is_missing(
    install: Callable[..., Agent], task: AgentTask, tmp_path: Path
) -> None:
    agent = install("true", binary=tmp_path / "nowhere")

    report, _ = await run(agent, task)

    assert report.outcome is AttemptOutcome.AGENT_MISSING
    assert "npm install" in report.note
    assert "npm install" in (await agent.probe()).found


@pytest.mark.parametrize(
    ("script", "ok", "found"),
    [
        (f"echo codex-cli {CODEX_TESTED}", True, f"codex {CODEX_TESTED}"),
        ("echo codex-cli 0.200.1", True, f"codex 0.200.1; selfheald is tested with {CODEX_TESTED}"),
        ("echo broken >&2; exit 1", False, "does not work in the sandbox: broken"),
        ("echo no version", False, "does not work in the sandbox"),
    ],
)
async def test_the_probe_tells_the_version(install: Callable[..., Agent], script: str, *, ok: bool, found: str) -> None:
    probe = await install(script).probe()

    assert probe.ok is ok
    assert found in probe.found


def test_it_has_its_name(install: Callable[..., Agent]) -> None:
    agent = install("true")

    assert agent.name == "codex"
