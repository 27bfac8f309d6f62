"""The example in the documents is a kind of agent that works."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.passage import FakePassage

from selfheald.agents.cli import CliAgent
from selfheald.agents.spec import AgentSpec
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.ids import AgentName
from selfheald.ports import Agent, AgentReport, AgentTask
from selfheald.sandbox.bubblewrap import Bubblewrap

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
(SOURCE,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

WORKS = """
cat > prompt; cat $HOME/.mender.json > settings; printf '%s\\n' "$@" > arguments; env > environment
echo '{"kind": "asked"}'; echo '{"kind": "ran", "command": "make"}'; echo '{"kind": "text", "text": "Mended."}'
echo '{"kind": "end", "ok": true, "tokens": {"in": 7, "out": 2}}'
"""


@pytest.fixture
def task(tmp_path: Path) -> AgentTask:
    (tmp_path / "tree").mkdir()
    passage = FakePassage(model_url="http://127.0.0.1:1", tools_url="http://127.0.0.1:2")
    return AgentTask(
        prompt="Fix it.", variables={}, tree=tmp_path / "tree", folder=tmp_path / "attempt", passage=passage
    )


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Agent]:
    def installed(script: str, **fields: Any) -> Agent:
        program = tmp_path / "mender"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        names: dict[str, Any] = {}
        exec(SOURCE, names)  # noqa: S102 - the documents are ours
        spec = AgentSpec(name=AgentName("mine"), kind="mender", binary=program, timeout=timedelta(seconds=60))
        return CliAgent(names["Mender"](), replace(spec, **fields), Bubblewrap(), str, {})

    return installed


async def run(agent: Agent, task: AgentTask) -> tuple[AgentReport, list[str]]:
    lines: list[str] = []
    return await agent.run(task, lines.append), lines


def test_it_is_below_a_hundred_lines() -> None:
    assert len(SOURCE.splitlines()) < 100


async def test_it_works_on_the_tree_and_reports(install: Callable[..., Agent], task: AgentTask) -> None:
    report, lines = await run(install(WORKS, model="m1"), task)

    usage = Usage(model="m1", input_tokens=7, output_tokens=2)
    assert report == AgentReport(outcome=AttemptOutcome.FIXED, message="Mended.", usage=usage)
    assert lines == ["$ make", "Mended."]
    assert (task.tree / "prompt").read_text() == task.prompt
    assert "http://127.0.0.1:2" in (task.tree / "settings").read_text()
    assert "m1" in (task.tree / "arguments").read_text().splitlines()
    assert task.passage is not None
    assert f"MENDER_KEY={task.passage.token}" in (task.tree / "environment").read_text()


async def test_its_failure_is_named_by_its_words(install: Callable[..., Agent], task: AgentTask) -> None:
    report, _ = await run(install("""echo '{"kind": "end", "ok": false, "why": "status 429"}'; exit 1"""), task)

    assert (report.outcome, report.note) == (AttemptOutcome.RATE_LIMITED, "status 429")


async def test_it_is_ended_when_it_says_nothing(install: Callable[..., Agent], task: AgentTask) -> None:
    report, _ = await run(install("sleep 1000", idle_timeout=timedelta(seconds=1)), task)

    assert (report.outcome, report.note) == (AttemptOutcome.TIMEOUT, "it said nothing for 1 s.")


async def test_its_turns_are_counted(install: Callable[..., Agent], task: AgentTask) -> None:
    asks = """for i in 1 2 3; do echo '{"kind": "asked"}'; done; sleep 1000"""

    report, _ = await run(install(asks, max_turns=2), task)

    assert (report.outcome, report.note) == (AttemptOutcome.TURNS_USED_UP, "it was ended after 2 turns")


async def test_without_a_model_to_ask_it_is_not_started(install: Callable[..., Agent], task: AgentTask) -> None:
    report, _ = await run(install(WORKS), replace(task, passage=None))

    assert (report.outcome, "no model" in report.note) == (AttemptOutcome.ERROR, True)
    assert not (task.tree / "prompt").exists()
