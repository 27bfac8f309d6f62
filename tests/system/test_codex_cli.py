"""The real Codex CLI, in the real sandbox, against a scripted model."""

import asyncio
import json
import socket
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.sandbox.processes import command_lines, none_left, token
from tests.system.scripted_model import Cut, Fail, Reject, Say, ScriptedModel, Shell, Silence, Step, scripted_model

from selfheald.agents.build import make_agent
from selfheald.agents.codex_install import CODEX_TESTED
from selfheald.agents.spec import AgentSpec
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.ids import AgentName
from selfheald.domain.prices import Prices
from selfheald.ports import AgentReport, AgentTask
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.unconfined import Unconfined

pytestmark = pytest.mark.system

LAUNCHER = Path(__file__).parents[2] / ".tools" / "node_modules" / ".bin" / "codex"
KEY = token()


@pytest.fixture
def spec() -> AgentSpec:
    if not LAUNCHER.exists():
        pytest.fail(f"codex {CODEX_TESTED} is not installed: run tests/system/tools.sh")
    return AgentSpec(
        name=AgentName("codex"),
        kind="codex",
        binary=LAUNCHER,
        model="gpt-5.5",
        timeout=timedelta(seconds=100),
        api_key=lambda: KEY,
        prices=Prices(input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(10)),
    )


@pytest.fixture
def task(tmp_path: Path) -> AgentTask:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    variables = {"SEMAPHORE_GIT_SHA": "abc"}
    return AgentTask(prompt="Please fix add().", variables=variables, tree=tree, folder=tmp_path / "attempt")


async def heal(
    spec: AgentSpec, task: AgentTask, *steps: Step, key: str = KEY
) -> tuple[AgentReport, list[str], ScriptedModel]:
    lines: list[str] = []
    async with scripted_model(steps, key=key) as model:
        report = await make_agent(replace(spec, base_url=model.url), Bubblewrap()).run(task, lines.append)
    return report, lines, model


async def test_codex_edits_the_tree_and_reports(spec: AgentSpec, task: AgentTask) -> None:
    edit = "sed -i 's/a - b/a + b/' sums.py && echo 'add adds' > commit-message.txt"

    report, lines, model = await heal(spec, task, Shell(command=edit), Say(text="Fixed add()."))

    assert report == AgentReport(
        outcome=AttemptOutcome.FIXED,
        message="Fixed add().",
        usage=Usage(model="gpt-5.5", input_tokens=2000, cached_input_tokens=800, output_tokens=100),
    )
    assert (task.tree / "sums.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert (task.tree / "commit-message.txt").read_text() == "add adds\n"
    assert any("sed -i" in line for line in lines)
    assert lines[-1] == "Fixed add()."
    assert "Please fix add()." in json.dumps(model.requests[0])


async def test_the_attempts_folder_keeps_prompt_and_transcript_only(spec: AgentSpec, task: AgentTask) -> None:
    await heal(spec, task, Say(text="Nothing to do."))

    assert sorted(path.name for path in task.folder.iterdir()) == ["prompt.md", "transcript.jsonl"]
    assert (task.folder / "prompt.md").read_text() == task.prompt
    kinds = [json.loads(line)["type"] for line in (task.folder / "transcript.jsonl").read_text().splitlines()]
    assert kinds[-1] == "turn.completed"
    assert sorted(path.name for path in task.tree.iterdir()) == ["sums.py"]


async def test_the_cost_follows_the_prices(spec: AgentSpec, task: AgentTask) -> None:
    report, _, _ = await heal(spec, task, Say(text="Nothing to do."))

    assert make_agent(spec, Bubblewrap()).cost_micros(report.usage) == 600 * 2 + 200 + 500


async def test_commands_of_the_agent_do_not_inherit_the_key(spec: AgentSpec, task: AgentTask) -> None:
    report, _, model = await heal(spec, task, Shell(command="env > seen.txt"), Say(text="ok"))

    assert report.outcome is AttemptOutcome.FIXED
    assert KEY not in (task.tree / "seen.txt").read_text()
    assert KEY not in json.dumps(model.requests)


async def test_the_key_is_in_no_command_line_and_is_redacted_when_printed(spec: AgentSpec, task: AgentTask) -> None:
    print_key = "tr '\\0' '\\n' < /proc/$PPID/environ; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
    lines: list[str] = []
    visible: list[str] = []

    def progress(line: str) -> None:
        lines.append(line)
        visible.extend(command_lines().values())

    async with scripted_model([Shell(command=print_key), Say(text=f"The key is {KEY}")], key=KEY) as model:
        report = await make_agent(replace(spec, base_url=model.url), Bubblewrap()).run(task, progress)

    assert KEY in json.dumps(model.requests[1])
    assert report.message == "The key is [redacted]"
    assert KEY not in (task.folder / "transcript.jsonl").read_text()
    assert not any(KEY in line for line in lines + visible)


async def test_no_network_but_the_model_is_asked_for_tools(spec: AgentSpec, task: AgentTask) -> None:
    _, _, model = await heal(spec, task, Say(text="ok"))

    assert "web_search" not in json.dumps(model.requests[0].get("tools"))


async def test_codex_in_its_default_model_works_too(spec: AgentSpec, task: AgentTask) -> None:
    report, _, _ = await heal(replace(spec, model=None), task, Shell(command="echo x > made.txt"), Say(text="Done."))

    assert (report.outcome, report.message) == (AttemptOutcome.FIXED, "Done.")
    assert (task.tree / "made.txt").read_text() == "x\n"


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Fail(status=403), AttemptOutcome.AUTH_ERROR),
        (Fail(status=429), AttemptOutcome.RATE_LIMITED),
        (Fail(status=429, retry_after=1), AttemptOutcome.RATE_LIMITED),
        (Fail(status=429, code="insufficient_quota"), AttemptOutcome.RATE_LIMITED),
        (Fail(status=404, message="The model does not exist or you do not have access"), AttemptOutcome.MODEL_DOWN),
        (Fail(status=500), AttemptOutcome.MODEL_DOWN),
        (Fail(status=503), AttemptOutcome.MODEL_DOWN),
        (Cut(), AttemptOutcome.MODEL_DOWN),
        (Reject(code="insufficient_quota"), AttemptOutcome.RATE_LIMITED),
        (Reject(code="rate_limit_exceeded"), AttemptOutcome.RATE_LIMITED),
        (Reject(code="invalid_prompt", message="Your prompt was flagged"), AttemptOutcome.REFUSED),
        (Reject(code="context_length_exceeded"), AttemptOutcome.CRASHED),
        (Fail(status=400, code="invalid_request_error"), AttemptOutcome.CRASHED),
    ],
)
async def test_what_the_model_answers_decides_the_outcome(
    spec: AgentSpec, task: AgentTask, step: Step, outcome: AttemptOutcome
) -> None:
    report, _, _ = await heal(spec, task, step)

    assert report.outcome is outcome, report.note
    assert report.note


async def test_a_wrong_key_is_an_auth_error(spec: AgentSpec, task: AgentTask) -> None:
    report, _, model = await heal(spec, task, Say(text="never"), key="another")

    assert report.outcome is AttemptOutcome.AUTH_ERROR
    assert "401" in report.note
    assert model.refused > 0


async def test_a_model_that_refuses_connections_is_down(spec: AgentSpec, task: AgentTask) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        report = await make_agent(replace(spec, base_url=url), Bubblewrap()).run(task, lambda _: None)

    assert report.outcome is AttemptOutcome.MODEL_DOWN
    assert "cannot be reached" in report.note


async def test_a_silent_model_runs_into_the_time_limit(spec: AgentSpec, task: AgentTask) -> None:
    report, _, _ = await heal(replace(spec, timeout=timedelta(seconds=3)), task, Silence())

    assert report.outcome is AttemptOutcome.TIMEOUT


async def test_the_time_limit_ends_the_agents_commands_too(spec: AgentSpec, task: AgentTask) -> None:
    mark = token()
    step = Shell(command=f"(setsid sh -c 'sleep 1000; : {mark}' &); sleep 1000; : {mark}")

    report, lines, _ = await heal(replace(spec, timeout=timedelta(seconds=4)), task, step)

    assert report.outcome is AttemptOutcome.TIMEOUT
    assert any(mark in line for line in lines)
    none_left(mark)


async def test_cancelling_ends_codex_and_removes_its_home(spec: AgentSpec, task: AgentTask) -> None:
    mark, began = token(), asyncio.Event()
    async with scripted_model([Shell(command=f"sleep 1000; : {mark}")], key=KEY) as model:
        agent = make_agent(replace(spec, base_url=model.url), Bubblewrap())
        running = asyncio.create_task(agent.run(task, lambda _: began.set()))
        await asyncio.wait_for(began.wait(), 60)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    none_left(mark)
    assert not (task.folder / "home").exists()


async def test_codex_works_unconfined_as_well(spec: AgentSpec, task: AgentTask) -> None:
    async with scripted_model([Shell(command="echo x > made.txt"), Say(text="Done.")], key=KEY) as model:
        report = await make_agent(replace(spec, base_url=model.url), Unconfined()).run(task, lambda _: None)

    assert report.outcome is AttemptOutcome.FIXED
    assert (task.tree / "made.txt").read_text() == "x\n"


async def test_a_codex_that_is_not_there_is_missing(spec: AgentSpec, task: AgentTask, tmp_path: Path) -> None:
    agent = make_agent(replace(spec, binary=tmp_path / "codex"), Bubblewrap())

    report = await agent.run(task, lambda _: None)

    assert report.outcome is AttemptOutcome.AGENT_MISSING
    assert f"npm install --global @openai/codex@{CODEX_TESTED}" in report.note


async def test_the_probe_names_the_version(spec: AgentSpec) -> None:
    probe = await make_agent(spec, Bubblewrap()).probe()

    assert (probe.ok, probe.found) == (True, f"codex {CODEX_TESTED}")
