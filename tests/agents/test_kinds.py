"""How each kind is started, and how its events are read. The lines are like those that the real programs wrote."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheald.agents.build import COMMAND, KINDS
from selfheald.agents.kind import Order
from selfheald.agents.story import Story, told
from selfheald.agents.words import Did, Done, Failed, Said, Spent, Trouble, Turn, Word, event_of, lines_of
from selfheald.domain.attempt import AttemptOutcome
from selfheald.ports import Layout
from selfheald.settings.values import AgentKind

TOKEN = "selfheald-0123456789abcdef"
MODEL_URL = "http://127.0.0.1:61080/model"
TOOLS_URL = "http://127.0.0.1:61080/mcp"
INSIDE = Layout(tree="/tree", home="/home/agent")
USAGE = {"input_tokens": 600, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 400, "output_tokens": 50}
STATS = {"input_tokens": 1000, "cached": 400, "output_tokens": 50}
TOKENS = {"total": 1050, "input": 600, "output": 40, "reasoning": 10, "cache": {"write": 0, "read": 400}}


def order(**fields: Any) -> Order:
    given: dict[str, Any] = {"model": "m1", "model_url": MODEL_URL, "tools_url": TOOLS_URL, "max_turns": None}
    return Order(inside=INSIDE, token=TOKEN, **{**given, **fields})


def item(when: str, **fields: Any) -> Mapping[str, Any]:
    return {"type": f"item.{when}", "item": fields}


def said(text: str) -> Mapping[str, Any]:
    return {"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}}


def used(name: str, **given: Any) -> Mapping[str, Any]:
    return {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": name, "input": given}]}}


def result(**fields: Any) -> Mapping[str, Any]:
    known = {"type": "result", "subtype": "success", "is_error": False, "result": "Done.", "usage": USAGE}
    return {**known, **fields}


def server(status: str) -> Mapping[str, Any]:
    return {"type": "system", "subtype": "init", "mcp_servers": [{"name": "semaphore", "status": status}]}


def broken(why: str, outcome: AttemptOutcome | None = None) -> list[Word]:
    return [Spent(1010, 400, 50, so_far=True), Failed(why, outcome)]


CODEX = [
    (item("started", type="command_execution", command="pytest"), [Turn(), Did("$ pytest")]),
    (item("started", type="mcp_tool_call", tool="get_job_logs"), [Turn(), Did("asks Semaphore: get_job_logs")]),
    (item("completed", type="command_execution", exit_code=3), [Did("exit code 3")]),
    (item("completed", type="command_execution", exit_code=0), [Did()]),
    (item("completed", type="command_execution", exit_code=None), [Did()]),
    (item("completed", type="agent_message", text="Fixed."), [Said("Fixed.")]),
    (item("completed", type="file_change", changes=[{"path": "/tree/a", "kind": "add"}, {}]), [Did("add /tree/a")]),
    (item("completed", type="error", message="Model metadata for x not found"), [Did()]),
    ({"type": "error", "message": "Reconnecting... 1/5"}, [Trouble("Reconnecting... 1/5")]),
    ({"type": "error", "message": "waiting for network"}, [Trouble("waiting for network", waits=True)]),
    (
        {
            "type": "turn.completed",
            "usage": {"input_tokens": 6000, "cached_input_tokens": 2560, "output_tokens": 210},
        },
        [Spent(6000, 2560, 210), Done()],
    ),
    ({"type": "turn.completed"}, [Spent(None, None, None), Done()]),
    ({"type": "turn.failed", "error": {"message": "status 401"}}, [Failed("status 401")]),
    ({"type": "turn.failed", "error": "?"}, [Failed(None)]),
    (
        {"plain": "Error: required MCP servers failed to initialize: semaphore"},
        [Failed("Error: required MCP servers failed to initialize: semaphore", AttemptOutcome.ERROR)],
    ),
    ({"type": "thread.started"}, []),
]

CLAUDE = [
    (server("connected"), []),
    (server("failed"), [Failed("the server semaphore does not answer", AttemptOutcome.ERROR, final=True)]),
    (
        {"type": "system", "subtype": "api_retry", "error_status": 529, "error": "overloaded"},
        [Trouble("the model answered 529 overloaded")],
    ),
    (said("On it."), [Said("On it.")]),
    (used("Bash", command="pytest"), [Did("$ pytest")]),
    (used("Edit", file_path="/tree/a"), [Did("Edit /tree/a")]),
    (used("mcp__semaphore__get_job_logs"), [Did("mcp__semaphore__get_job_logs")]),
    (result(), [Spent(1010, 400, 50, so_far=True), Done()]),
    (result(usage=None), [Spent(0, 0, None, so_far=True), Done()]),
    (result(usage={"input_tokens": "?"}), [Done()]),
    (result(result=""), broken("the model gave no answer", AttemptOutcome.MODEL_DOWN)),
    (result(is_error=True, api_error_status=401, result="no"), broken("no", AttemptOutcome.AUTH_ERROR)),
    (result(is_error=True, api_error_status=429, result="no"), broken("no", AttemptOutcome.RATE_LIMITED)),
    (result(is_error=True, api_error_status=500, result="API Error: 500"), broken("API Error: 500")),
    (result(is_error=True, stop_reason="refusal", result="no"), broken("no", AttemptOutcome.REFUSED)),
    (
        result(is_error=True, subtype="error_max_turns", errors=["Reached maximum number of turns (2)"]),
        broken("Reached maximum number of turns (2)", AttemptOutcome.TURNS_USED_UP),
    ),
    ({"type": "user"}, []),
]

GEMINI = [
    ({"type": "message", "role": "assistant", "content": "Do", "delta": True}, [Said("Do", more=True)]),
    ({"type": "message", "role": "user", "content": "Fix it."}, []),
    ({"type": "tool_use", "tool_name": "run_shell_command", "parameters": {"command": "ls"}}, [Did("$ ls")]),
    ({"type": "tool_use", "tool_name": "replace", "parameters": {"file_path": "/tree/a"}}, [Did("replace /tree/a")]),
    ({"type": "tool_use", "tool_name": "mcp_semaphore_x", "parameters": {}}, [Did("mcp_semaphore_x")]),
    ({"type": "tool_result", "status": "success"}, [Did()]),
    ({"type": "tool_result", "status": "error"}, [Did("error")]),
    ({"type": "error", "message": "cut"}, [Trouble("cut")]),
    ({"plain": "Attempt 1 failed with status 429. Retrying"}, [Trouble("Attempt 1 failed with status 429. Retrying")]),
    ({"plain": "  status: 503"}, [Trouble("  status: 503")]),
    ({"plain": "YOLO mode is enabled."}, []),
    ({"type": "result", "status": "success", "stats": STATS}, [Spent(1000, 400, 50, so_far=True), Done()]),
    (
        {"type": "result", "status": "error", "error": {"type": "FatalTurnLimitedError", "message": "max"}},
        [Spent(None, None, None, so_far=True), Failed("max", AttemptOutcome.TURNS_USED_UP)],
    ),
    (
        {"type": "result", "status": "error", "error": {"type": "unknown", "message": "no"}},
        [Spent(None, None, None, so_far=True), Failed("no")],
    ),
    (
        {"type": "result", "status": "error"},
        [Spent(None, None, None, so_far=True), Failed("it ended with an error")],
    ),
]

STREAM_ERROR = 'level=ERROR message="stream error" small={} error.error="AI_APICallError: down"'
OPENCODE = [
    ({"type": "step_start", "part": {}}, [Turn()]),
    ({"type": "text", "part": {"text": "Done."}}, [Said("Done.")]),
    ({"type": "tool_use", "part": {"tool": "bash", "state": {"title": "ls"}}}, [Did("$ ls")]),
    ({"type": "tool_use", "part": {"tool": "edit", "state": {"title": "a.py"}}}, [Did("edit a.py")]),
    ({"type": "tool_use", "part": {"tool": "semaphore_x", "state": {"title": ""}}}, [Did("semaphore_x")]),
    ({"type": "step_finish", "part": {"reason": "tool-calls", "tokens": TOKENS}}, [Spent(1000, 400, 50)]),
    ({"type": "step_finish", "part": {"reason": "stop", "tokens": TOKENS}}, [Spent(1000, 400, 50), Done()]),
    ({"type": "step_finish", "part": {"reason": "unknown"}}, [Trouble("the model's answer was cut", waits=True)]),
    (
        {"type": "error", "error": {"name": "APIError", "data": {"message": "no", "statusCode": 401}}},
        [Failed("status 401: no")],
    ),
    (
        {"type": "error", "error": {"name": "ContentFilterError", "data": {"message": "blocked"}}},
        [Failed("status ?: blocked", AttemptOutcome.REFUSED)],
    ),
    ({"type": "error", "error": {"name": "Odd"}}, [Failed("status ?: Odd")]),
    ({"plain": STREAM_ERROR.format("false")}, [Trouble('"AI_APICallError: down"', waits=True)]),
    ({"plain": STREAM_ERROR.format("true")}, []),
]

READ = [
    *(("codex", *case) for case in CODEX),
    *(("claude-code", *case) for case in CLAUDE),
    *(("gemini", *case) for case in GEMINI),
    *(("opencode", *case) for case in OPENCODE),
]


@pytest.mark.parametrize(("kind", "event", "words"), READ)
def test_an_event_is_read_as_shared_words(kind: str, event: Mapping[str, Any], words: list[Word]) -> None:
    assert list(KINDS[kind].read(event)) == words


def test_each_kind_of_the_configuration_is_there() -> None:
    assert {*KINDS, COMMAND} == set(AgentKind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_token_and_no_prompt_is_in_an_argument(kind: str) -> None:
    launch = KINDS[kind].launch(order())

    assert not any(TOKEN in argument for argument in launch.arguments)
    assert not any(TOKEN in content for content in launch.files.values())


@pytest.mark.parametrize("kind", KINDS)
def test_model_and_tools_are_those_of_the_passage(kind: str) -> None:
    launch = KINDS[kind].launch(order())
    known = " ".join((*launch.arguments, *launch.env.values(), *launch.files.values()))

    assert MODEL_URL in known
    assert TOOLS_URL in known
    assert "m1" in known
    assert "semaphore" in known


@pytest.mark.parametrize("kind", KINDS)
def test_without_tools_no_server_is_named(kind: str) -> None:
    launch = KINDS[kind].launch(order(tools_url=""))

    assert '"semaphore"' not in " ".join(launch.files.values())
    assert "mcp_servers.semaphore" not in " ".join(launch.arguments)


@pytest.mark.parametrize(("kind", "where"), [("claude-code", "--max-turns 7"), ("gemini", '"maxSessionTurns": 7')])
def test_a_limit_of_turns_is_passed_on_to_who_has_one(kind: str, where: str) -> None:
    launch = KINDS[kind].launch(order(max_turns=7))

    assert where in " ".join((*launch.arguments, *launch.files.values()))


@pytest.mark.parametrize("kind", ["codex", "claude-code", "gemini"])
def test_an_agent_has_a_model_of_its_own(kind: str) -> None:
    launch = KINDS[kind].launch(order(model=None))

    assert not {"-m", "--model"} & set(launch.arguments)


WORDS = [
    "type",
    "item",
    "message",
    "text",
    "usage",
    "error",
    "changes",
    "command",
    "part",
    "stats",
    "result",
    "content",
]
WORDS += [
    "api_error_status",
    "stop_reason",
    "subtype",
    "errors",
    "is_error",
    "status",
    "tokens",
    "tool",
    "state",
    "title",
]
WORDS += ["data", "name", "parameters", "command", "exit_code", "reason", "mcp_servers", "plain", "role", "input"]
TYPES = ["item.completed", "item.started", "turn.completed", "turn.failed", "error", "agent_message", "result"]
TYPES += ["assistant", "system", "tool_use", "step_finish", "text", "message", "mcp_tool_call", "file_change"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no mistake of the code
@given(event=st.dictionaries(st.sampled_from(WORDS), JSON | st.sampled_from(TYPES)))
def test_no_event_upsets_a_reader(kind: str, event: dict[str, Any]) -> None:
    words = list(KINDS[kind].read(event_of(json.dumps(event).encode())))

    assert isinstance(told(Story(), words), Story)
    assert all(len(line) <= 200 for line in lines_of(words))
