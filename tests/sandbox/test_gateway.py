"""What an agent meets at the tools gateway: the protocol, and its door."""

import json
from collections.abc import AsyncIterator

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from tests.sandbox.gateway import JOB, SCOPE, TOKEN, Agent, Semaphore, gateway

from selfheald.domain.tools.rules import RULES
from selfheald.sandbox.tools.door import Door
from selfheald.sandbox.tools.gateway import BODY_LIMIT, catalog

MODERN = {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "jobs_logs",
}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
def semaphore() -> Semaphore:
    return Semaphore()


@pytest.fixture
async def agent(semaphore: Semaphore) -> AsyncIterator[Agent]:
    async with gateway(semaphore, SCOPE) as at_the_door:
        yield at_the_door


# ------------------------------------------------------------------------------------------------------- the protocol


async def test_it_introduces_itself_as_semaphore(agent: Agent) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}

    result = (await agent.ask("initialize", hello))["result"]

    assert result["serverInfo"]["name"] == "semaphore"
    assert result["protocolVersion"] == "2025-06-18"
    assert (await agent.post({"jsonrpc": "2.0", "method": "notifications/initialized"})).status_code == 202


async def test_every_read_tool_is_listed_as_one_that_only_reads(agent: Agent) -> None:
    tools = (await agent.ask("tools/list"))["result"]["tools"]

    assert [tool["name"] for tool in tools] == sorted(RULES)
    assert {json.dumps(tool["annotations"], sort_keys=True) for tool in tools} == {
        '{"destructiveHint": false, "idempotentHint": true, "openWorldHint": false, "readOnlyHint": true}'
    }
    assert all(tool["description"] for tool in tools)


def test_every_rule_stands_in_the_schema() -> None:
    for tool in catalog():
        rule, schema = RULES[tool["name"]], tool["inputSchema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        assert {*rule.ids, *rule.texts, *(choice[0] for choice in rule.choices.values())} <= schema["properties"].keys()
        assert ("cursor" in schema["properties"]) or not rule.window


@pytest.mark.parametrize("method", ["server/discover", "prompts/list", "resources/list", "x" * 999])
async def test_a_method_that_is_not_there_is_told(agent: Agent, method: str) -> None:
    assert (await agent.ask(method))["error"]["code"] == -32601


async def test_a_ping_is_answered(agent: Agent) -> None:
    assert (await agent.ask("ping"))["result"] == {}


async def test_both_eras_of_the_protocol_are_served(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "Final": True}
    params = {"name": "jobs_logs", "arguments": {"job_id": JOB}}

    old = (await agent.ask("tools/call", params))["result"]
    new = (await agent.ask("tools/call", {**params, "_meta": ENVELOPE}, **MODERN))["result"]

    assert old["structuredContent"] == new["structuredContent"] == {"jobId": JOB, "Final": True}
    assert new["resultType"] == "complete"


@pytest.mark.parametrize("headers", [{}, MODERN], ids=["old", "new"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        "7",
        "null",
        b"\xff\xfe",
        "[" * 100_000,
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + "[" * 9_000,
    ],
    ids=["empty", "text", "list", "number", "null", "bytes", "deep", "deep params"],
)
async def test_what_is_no_message_is_refused(agent: Agent, body: str | bytes, headers: dict[str, str]) -> None:
    answer = await agent.post(body, **headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {-32700, -32600, -32602}


@pytest.mark.parametrize("headers", [{}, MODERN], ids=["old", "new"])
async def test_a_batch_is_refused(agent: Agent, semaphore: Semaphore, headers: dict[str, str]) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "organizations_list"}}

    answer = await agent.post([call, call], **headers)

    assert answer.status_code == 400
    assert semaphore.asked == []


@pytest.mark.parametrize("params", [{"name": 7}, {"arguments": {}}, {"name": "jobs_logs", "arguments": [JOB]}, []])
async def test_a_call_that_is_none_is_an_error(agent: Agent, semaphore: Semaphore, params: object) -> None:
    answer = await agent.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    assert answer.json()["error"]["code"] == -32602
    assert semaphore.asked == []


async def test_a_request_that_is_too_large_is_refused(agent: Agent) -> None:
    assert (await agent.post(b"x" * (BODY_LIMIT + 1))).status_code == 413


# ----------------------------------------------------------------------------------------------------------- the door


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}", TOKEN, "Bearer \xff"],
)
async def test_without_the_token_of_the_attempt_nothing_is_answered(agent: Agent, shown: str) -> None:
    answer = await agent.http.post("/mcp", headers={b"authorization": shown.encode("latin-1")})

    assert answer.status_code == 401


async def test_two_tokens_are_none(agent: Agent) -> None:
    headers = [("host", "127.0.0.1"), *[("authorization", f"Bearer {TOKEN}")] * 2]

    answer = await agent.http.send(httpx.Request("POST", "http://127.0.0.1/mcp", headers=headers, content=b"{}"))

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:61080", "127.0.0.1.evil.example", "", "169.254.169.254"]
)
async def test_another_name_for_this_machine_is_turned_away(agent: Agent, host: str) -> None:
    assert (await agent.post("{}", host=host)).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:61080", "127.0.0.1", "localhost:1", "[::1]:61080"])
async def test_the_machine_itself_is_served(agent: Agent, host: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}

    assert (await agent.post(message, host=host)).status_code == 200


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("DELETE", 200), ("PUT", 405), ("OPTIONS", 405)])
async def test_there_is_no_stream_and_no_session(agent: Agent, method: str, status: int) -> None:
    assert (await agent.http.request(method, "/mcp")).status_code == status


async def test_requests_are_counted_whatever_they_ask() -> None:
    answered = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answered.append(scope["method"])
        await Response()(scope, receive, send)

    transport = httpx.ASGITransport(app=Door(app, token=TOKEN, most=3))
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
        statuses = [(await http.post("/")).status_code for _ in range(5)]

    assert statuses == [200, 200, 200, 429, 429]
    assert len(answered) == 3
