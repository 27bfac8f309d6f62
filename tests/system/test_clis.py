"""The real command lines of all kinds: how each comes to its end, and what selfheald calls that."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sandbox.processes import command_lines, none_left, token
from tests.system.scripted_model import Cut, Fail, Refuse, Reject, Say, Shell, Silence, Step, scripted_model
from tests.system.zone import KEY, base_url, made, nobody_listens, run, task

from selfheald.agents.build import KINDS
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.zone import Budget
from selfheald.sandbox.unconfined import Unconfined

pytestmark = [pytest.mark.system, pytest.mark.slow]

EDIT = "sed -i 's/a - b/a + b/' sums.py && echo 'add adds' > commit-message.txt"
FIXED = "def add(a, b):\n    return a + b\n"
LIMIT = "Rate limit reached for requests"
ONE_ANSWER = Budget(attempt_micros=100)
"""What no answer of a model fits in: the first one is asked for, and none after it."""


@pytest.mark.parametrize("kind", KINDS)
async def test_it_edits_the_tree_and_reports(kind: str, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [Shell(command=EDIT), Say(text="Fixed add().")])

    assert (ran.report.outcome, ran.report.message) == (AttemptOutcome.FIXED, "Fixed add()."), ran.told()
    assert (ran.tree / "sums.py").read_text() == FIXED
    assert sorted(path.name for path in ran.tree.iterdir()) == ["commit-message.txt", "sums.py"]
    assert sorted(path.name for path in ran.folder.iterdir()) == ["prompt.md", "transcript.jsonl"]
    assert any("sed -i" in line for line in ran.lines)
    assert "Please fix add()." in json.dumps(ran.model.requests)
    assert "web_search" not in json.dumps([request.get("tools") for request in ran.model.requests])


@pytest.mark.parametrize("kind", KINDS)
async def test_what_it_used_is_metered_outside_and_agrees_with_its_own_count(kind: str, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [Shell(command="true"), Say(text="Done.")])

    asked = len(ran.model.requests)
    assert sum(usage.input_tokens for usage in ran.metered.usages) == 1000 * asked
    assert ran.metered.cost_micros == asked * (600 * 2 + 200 + 500)
    assert ran.report.usage.input_tokens in (2000, 1000 * asked), ran.told()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_real_key_is_nowhere_inside_and_the_token_in_no_command_line(kind: str, tmp_path: Path) -> None:
    look = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > seen.txt; env >> seen.txt"
    visible: list[str] = []
    async with (
        scripted_model([Shell(command=look), Say(text="ok")], key=KEY) as model,
        task(kind, base_url(kind, model), tmp_path) as (wanted, _),
    ):
        await made(kind).run(wanted, lambda _: visible.extend(command_lines().values()))

    assert wanted.passage is not None
    seen = (wanted.tree / "seen.txt").read_text()
    assert wanted.passage.token in seen  # it looked where something is to be seen
    assert KEY not in seen + json.dumps(model.requests)
    assert visible
    assert not any(wanted.passage.token in line or KEY in line for line in visible)
    assert wanted.passage.token not in (wanted.folder / "transcript.jsonl").read_text()


@pytest.mark.parametrize(
    ("kind", "read"),
    [("codex", {"AGENTS.md"}), ("claude-code", set()), ("gemini", {"GEMINI.md"}), ("opencode", set())],
)
async def test_of_the_repository_it_reads_these_words_and_starts_no_programs(
    kind: str, read: set[str], tmp_path: Path
) -> None:
    words = {name: token() for name in ("AGENTS.md", "CLAUDE.md", "GEMINI.md")}
    mark = {"command": "touch started-by-the-repository"}
    server = {"mcpServers": {"theirs": {"command": "touch", "args": ["started-by-the-repository"]}}}
    files = {
        **{name: f"Remember {word}." for name, word in words.items()},
        ".mcp.json": json.dumps(server),
        ".claude/settings.json": json.dumps({"hooks": {"SessionStart": [{"hooks": [{"type": "command", **mark}]}]}}),
        ".gemini/settings.json": json.dumps(server),
        ".codex/config.toml": '[mcp_servers.theirs]\ncommand = "touch"\nargs = ["started-by-the-repository"]\n',
        "opencode.json": json.dumps({"mcp": {"theirs": {"type": "local", "command": ["touch", "started"]}}}),
    }
    async with (
        scripted_model([Say(text="Done.")], key=KEY) as model,
        task(kind, base_url(kind, model), tmp_path) as (wanted, _),
    ):
        for name, content in files.items():
            (wanted.tree / name).parent.mkdir(exist_ok=True, parents=True)
            (wanted.tree / name).write_text(content)
        report = await made(kind).run(wanted, lambda _: None)

    assert report.outcome is AttemptOutcome.FIXED, report
    asked = json.dumps(model.requests)
    assert {name for name, word in words.items() if word in asked} == read
    assert not list(wanted.tree.glob("started*"))


STEPS: list[tuple[str, Step, AttemptOutcome]] = [
    ("wrong key", Fail(status=401), AttemptOutcome.AUTH_ERROR),
    ("forbidden", Fail(status=403), AttemptOutcome.AUTH_ERROR),
    ("rate limit", Fail(status=429, message=LIMIT), AttemptOutcome.RATE_LIMITED),
    ("server error", Fail(status=503), AttemptOutcome.MODEL_DOWN),
    ("unknown model", Fail(status=404), AttemptOutcome.MODEL_DOWN),
    ("cut answer", Cut(), AttemptOutcome.MODEL_DOWN),
    ("bad request", Fail(status=400, message="bad"), AttemptOutcome.CRASHED),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("step", "outcome"), [case[1:] for case in STEPS], ids=[case[0] for case in STEPS])
async def test_what_the_model_answers_decides_the_outcome(
    kind: str, step: Step, outcome: AttemptOutcome, tmp_path: Path
) -> None:
    ran = await run(kind, tmp_path, [step])

    assert ran.report.outcome is outcome, ran.told()
    assert ran.report.note


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("codex", Reject(code="invalid_prompt", message="Your prompt was flagged")),
        ("claude-code", Refuse()),
        ("gemini", Refuse()),
        ("opencode", Refuse()),
    ],
)
async def test_a_model_that_will_not_is_a_refusal(kind: str, step: Step, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [step])

    assert ran.report.outcome is AttemptOutcome.REFUSED, ran.told()


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Fail(status=429), AttemptOutcome.RATE_LIMITED),
        (Fail(status=429, code="insufficient_quota"), AttemptOutcome.RATE_LIMITED),
        (Reject(code="insufficient_quota"), AttemptOutcome.RATE_LIMITED),
        (Reject(code="rate_limit_exceeded"), AttemptOutcome.RATE_LIMITED),
        (Reject(code="context_length_exceeded"), AttemptOutcome.CRASHED),
    ],
)
async def test_codex_names_the_providers_own_words(step: Step, outcome: AttemptOutcome, tmp_path: Path) -> None:
    ran = await run("codex", tmp_path, [step])

    assert ran.report.outcome is outcome, ran.told()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_that_refuses_connections_is_down(kind: str, tmp_path: Path) -> None:
    async with task(kind, nobody_listens(), tmp_path) as (wanted, _):
        report = await made(kind).run(wanted, lambda _: None)

    assert report.outcome is AttemptOutcome.MODEL_DOWN, report


@pytest.mark.parametrize("kind", KINDS)
async def test_its_turns_are_bounded_and_its_work_is_kept(kind: str, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [Shell(command="date >> made.txt")], max_turns=2)

    assert ran.report.outcome is AttemptOutcome.TURNS_USED_UP, ran.told()
    assert (ran.tree / "made.txt").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_budget_that_is_used_up_ends_it(kind: str, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [Shell(command="date >> made.txt")], budget=ONE_ANSWER)

    assert ran.metered.over_budget == "attempt", ran.told()
    assert ran.report.outcome is not AttemptOutcome.FIXED


@pytest.mark.parametrize("kind", KINDS)
async def test_a_silent_model_runs_into_the_limit_of_silence(kind: str, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [Silence()], idle_timeout=timedelta(seconds=12))

    assert ran.report.outcome is AttemptOutcome.TIMEOUT, ran.told()
    assert "said nothing for 12 s" in ran.report.note


@pytest.mark.parametrize("kind", KINDS)
async def test_an_end_by_selfheald_ends_its_commands_too(kind: str, tmp_path: Path) -> None:
    mark = token()
    step = Shell(command=f"(setsid sh -c 'sleep 1000; : {mark}' &) ; touch began; sleep 1000; : {mark}")

    ran = await run(kind, tmp_path, [step], idle_timeout=timedelta(seconds=30))

    assert ran.report.outcome is AttemptOutcome.TIMEOUT, ran.told()
    assert (ran.tree / "began").exists()
    none_left(mark)


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_is_killed_has_crashed(kind: str, tmp_path: Path) -> None:
    ran = await run(kind, tmp_path, [Shell(command="kill -9 $PPID")])

    assert ran.report.outcome is AttemptOutcome.CRASHED, ran.told()


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_is_not_there_is_missing(kind: str, tmp_path: Path) -> None:
    async with task(kind, nobody_listens(), tmp_path) as (wanted, _):
        report = await made(kind, binary=tmp_path / "nowhere").run(wanted, lambda _: None)

    package = KINDS[kind].package
    assert report.outcome is AttemptOutcome.AGENT_MISSING
    assert f"npm install --global {package.name}@{package.tested}" in report.note


@pytest.mark.parametrize("kind", KINDS)
async def test_the_probe_names_the_version(kind: str) -> None:
    package = KINDS[kind].package
    probe = await made(kind).probe()

    assert (probe.ok, probe.found) == (True, f"{package.program} {package.tested}")


@pytest.mark.parametrize("kind", ["codex", "claude-code"])
async def test_it_works_unconfined_as_well(kind: str, tmp_path: Path) -> None:
    async with (
        scripted_model([Shell(command=EDIT), Say(text="Done.")], key=KEY) as model,
        task(kind, base_url(kind, model), tmp_path, confined=False) as (wanted, _),
    ):
        report = await made(kind, Unconfined()).run(wanted, lambda _: None)

    assert report.outcome is AttemptOutcome.FIXED, report
    assert (wanted.tree / "sums.py").read_text() == FIXED


async def test_codex_in_its_default_model_works_too(tmp_path: Path) -> None:
    ran = await run("codex", tmp_path, [Shell(command=EDIT), Say(text="Done.")], model=None)

    assert (ran.report.outcome, ran.report.message) == (AttemptOutcome.FIXED, "Done."), ran.told()
    assert (ran.tree / "sums.py").read_text() == FIXED


async def test_cancelling_ends_codex_and_removes_its_home(tmp_path: Path) -> None:
    mark, began = token(), asyncio.Event()
    async with (
        scripted_model([Shell(command=f"sleep 1000; : {mark}")], key=KEY) as model,
        task("codex", model.url, tmp_path) as (wanted, _),
    ):
        running = asyncio.create_task(made("codex").run(wanted, lambda _: began.set()))
        await asyncio.wait_for(began.wait(), 60)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    none_left(mark)
    assert not (wanted.folder / "home").exists()
