"""Any program as an agent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.passage import FakePassage
from tests.sandbox.processes import none_left, token

from selfheald.agents.build import make_agent
from selfheald.agents.spec import AgentSpec
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.errors import ConfigError
from selfheald.domain.ids import AgentName
from selfheald.domain.limits import MIB, SandboxLimits
from selfheald.ports import Agent, AgentReport, AgentTask, Sandbox
from selfheald.redaction.redactor import Redactor
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.limiter import Limiter
from selfheald.sandbox.unconfined import Unconfined

SECRET = "a-secret-of-the-daemon-77"


@pytest.fixture(params=[Bubblewrap, Unconfined])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made: Sandbox = request.param()
    return made


@pytest.fixture
def task(tmp_path: Path) -> AgentTask:
    (tmp_path / "tree").mkdir()
    variables = {"SEMAPHORE_GIT_SHA": "abc"}
    return AgentTask(prompt="Fix $it 'now'.", variables=variables, tree=tmp_path / "tree", folder=tmp_path / "attempt")


def agent(sandbox: Sandbox, *command: str, environ: Mapping[str, str] | None = None, **fields: Any) -> Agent:
    spec = AgentSpec(name=AgentName("mine"), kind="command", command=command, timeout=timedelta(seconds=60))
    return make_agent(replace(spec, **fields), sandbox, Redactor(lambda: [SECRET]), environ)


async def run(sandbox: Sandbox, task: AgentTask, script: str, **fields: Any) -> tuple[AgentReport, list[str]]:
    lines: list[str] = []
    report = await agent(sandbox, "sh", "-c", script, "sh", "{prompt_file}", **fields).run(task, lines.append)
    return report, lines


async def test_it_reads_the_prompt_changes_the_tree_and_reports(sandbox: Sandbox, task: AgentTask) -> None:
    report, lines = await run(sandbox, task, 'cp "$1" prompt.copy; echo reading; printf "all\\033[1m done"')

    assert (report.outcome, report.message, report.note) == (AttemptOutcome.FIXED, "reading\nall done", "")
    assert lines == ["reading", "all done"]
    assert (task.tree / "prompt.copy").read_text() == task.prompt
    assert (task.folder / "transcript.txt").read_bytes() == b"reading\nall\x1b[1m done\n"
    assert sorted(path.name for path in task.folder.iterdir()) == ["prompt.md", "transcript.txt"]


async def test_its_environment_is_the_variables_and_what_is_passed_by_name(sandbox: Sandbox, task: AgentTask) -> None:
    environ = {"MODE": "fast", "TOKEN": "hidden"}

    report, _ = await run(sandbox, task, "env | sort", env=("MODE", "ABSENT"), environ=environ)

    assert {"MODE=fast", "SEMAPHORE_GIT_SHA=abc"} <= set(report.message.splitlines())
    assert "hidden" not in report.message


async def test_it_is_told_its_ways_out_and_its_token_is_never_told(sandbox: Sandbox, task: AgentTask) -> None:
    passage = FakePassage(model_url="http://model", tools_url="http://tools", proxy_url="http://proxy")
    script = 'env | sort > env; echo "$SELFHEALD_MODEL_KEY"; echo "$SELFHEALD_MODEL_KEY" >&2; exit 1'

    report, lines = await run(sandbox, replace(task, passage=passage), script)

    told = set((task.tree / "env").read_text().splitlines())
    assert {"SELFHEALD_MODEL_URL=http://model", "SELFHEALD_MCP_URL=http://tools"} <= told
    assert {
        f"SELFHEALD_MODEL_KEY={passage.token}",
        "HTTPS_PROXY=http://proxy",
        "no_proxy=127.0.0.1,localhost,::1",
    } <= told
    assert (report.message, report.note, lines) == ("[redacted]", "exit code 1. [redacted]", ["[redacted]"])
    assert passage.token not in (task.folder / "transcript.txt").read_text()


async def test_without_a_passage_it_is_told_none(sandbox: Sandbox, task: AgentTask) -> None:
    report, _ = await run(sandbox, task, "env")

    assert not any(name in report.message for name in ("SELFHEALD_MODEL", "SELFHEALD_MCP", "PROXY"))


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("exit 0", AttemptOutcome.FIXED),
        ("exit 124", AttemptOutcome.TIMEOUT),
        ("exit 7", AttemptOutcome.CRASHED),
        ("kill -9 $$", AttemptOutcome.CRASHED),
    ],
)
async def test_the_exit_code_is_the_outcome(
    sandbox: Sandbox, task: AgentTask, script: str, outcome: AttemptOutcome
) -> None:
    report, _ = await run(sandbox, task, script)

    assert report.outcome is outcome
    assert bool(report.note) == (outcome is not AttemptOutcome.FIXED)


async def test_a_limit_of_the_sandbox_is_told_by_its_name(task: AgentTask) -> None:
    limiter = Limiter(SandboxLimits(output=MIB))

    report, _ = await run(Bubblewrap(limiter=limiter), task, "head -c 2m /dev/zero")

    assert report.outcome is AttemptOutcome.LIMIT_REACHED
    assert report.note == "it reached its limit: `sandbox_limits.output`"


async def test_the_time_limit_ends_it(sandbox: Sandbox, task: AgentTask) -> None:
    mark = token()

    report, _ = await run(sandbox, task, f"sleep 1000; : {mark}", timeout=timedelta(seconds=1))

    assert report.outcome is AttemptOutcome.TIMEOUT
    none_left(mark)


async def test_its_message_is_the_bounded_end_of_its_output(sandbox: Sandbox, task: AgentTask) -> None:
    report, lines = await run(sandbox, task, "seq 20000; echo; echo the end")

    assert report.message.endswith("20000\n\nthe end")
    assert len(report.message) == 4096
    assert len(lines) == 20001


async def test_a_program_that_is_not_there_is_missing(sandbox: Sandbox, task: AgentTask) -> None:
    report = await agent(sandbox, "no-such-agent").run(task, lambda _: None)

    assert report.outcome is AttemptOutcome.AGENT_MISSING
    assert "no-such-agent" in report.note


async def test_a_sandbox_that_does_not_start_is_our_own_fault(task: AgentTask, tmp_path: Path) -> None:
    broken = Bubblewrap(program=str(tmp_path / "bwrap"))

    report, _ = await run(broken, task, "true")

    assert report.outcome is AttemptOutcome.ERROR
    assert "bubblewrap" in report.note
    assert not (await agent(broken, "sh").probe()).ok


async def test_a_mount_that_is_refused_is_our_own_fault(task: AgentTask) -> None:
    wide = agent(Bubblewrap(), "true", mounts=(Path("/"),))

    report = await wide.run(task, lambda _: None)

    assert (report.outcome, "too wide" in report.note) == (AttemptOutcome.ERROR, True)
    assert "too wide" in (await wide.probe()).found


async def test_the_probe_finds_the_program_inside(sandbox: Sandbox) -> None:
    assert (await agent(sandbox, "sh").probe()).found.endswith("/sh")
    assert not (await agent(sandbox, "no-such-agent").probe()).ok


async def test_the_probe_of_a_program_outside_names_the_mounts(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)

    hidden = await agent(Bubblewrap(), str(tool)).probe()
    shown = await agent(Bubblewrap(), str(tool), mounts=(tool,)).probe()

    assert (hidden.ok, shown.ok) == (False, True)
    assert "mounts" in hidden.found


def test_it_has_its_name(sandbox: Sandbox) -> None:
    made = agent(sandbox, "true")

    assert made.name == "mine"


def test_an_unknown_kind_is_a_mistake_of_the_configuration(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match="no kind 'cobol', only codex, claude-code, gemini, opencode, command"):
        agent(sandbox, "true", kind="cobol")


def test_a_kind_without_a_model_of_its_own_needs_one(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match="no model of its own"):
        agent(sandbox, kind="opencode")


def test_the_kind_command_needs_a_command(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match="needs a command"):
        agent(sandbox)


async def test_no_secret_that_it_says_is_kept_or_told(sandbox: Sandbox, task: AgentTask) -> None:
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", "Ab3/" * 16, "Cd4+" * 16, "-----END PRIVATE KEY-----"])
    (task.tree / "key.pem").write_text(key + "\n")

    report, progress = await run(
        sandbox, task, f"echo it is {SECRET}; cat key.pem; printf '\\377 %s\\n' {SECRET}; echo {SECRET} >&2; exit 3"
    )

    transcript = (task.folder / "transcript.txt").read_bytes()
    assert transcript == b"it is [redacted]\n[redacted]\n[redacted]\n[redacted]\n[redacted]\n\xff [redacted]\n"
    assert SECRET not in f"{report}{progress}"
    assert "Ab3/" not in f"{report}{progress}"
    assert "[redacted]" in report.note
