"""The probe against a server that speaks as Semaphore's does: JSON replies, sessions by the shape of their id."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from tests.semaphore.tooling import TOKEN as SCENE_TOKEN
from tests.semaphore.tooling import scene

from selfheald.ports import Probe
from selfheald.semaphore.mcp import READ_TOOLS, found_tools, probe_mcp
from selfheald.simulator.serving import serve

TOKEN = "canary-token-4444"
SESSION = {"mcp-session-id": "mcp-session-00000000-0000-4000-8000-000000000000"}


def semaphore(pages: Sequence[Sequence[str]]) -> ASGIApp:
    """An MCP server with these pages of tools."""

    async def mcp(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "invalid_token"}, 401)
        if request.method != "POST":
            return Response(status_code=405 if request.method == "GET" else 200)
        call = json.loads(await request.body())
        if "id" not in call:
            return Response(status_code=202)
        return JSONResponse({"jsonrpc": "2.0", "id": call["id"], "result": _result(call, pages)}, headers=SESSION)

    return Starlette(routes=[Route("/mcp", mcp, methods=["GET", "POST", "DELETE"])])


def _result(call: dict[str, object], pages: Sequence[Sequence[str]]) -> dict[str, object]:
    if call["method"] == "initialize":
        server = {"name": "semaphore-mcp-server", "version": "0.1.0"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server}
    params = call.get("params")
    page = int(str(params.get("cursor") or 0)) if isinstance(params, dict) else 0
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in pages[page]]
    return {"tools": tools, **({"nextCursor": str(page + 1)} if page + 1 < len(pages) else {})}


async def probed(app: ASGIApp, *, token: str = TOKEN, path: str = "/mcp", seconds: float = 20) -> Probe:
    async with serve(app) as url:
        return await probe_mcp(url + path, lambda: token, timedelta(seconds=seconds))


async def test_a_server_with_all_reading_tools_is_fine() -> None:
    probe = await probed(semaphore([READ_TOOLS[:5], [*READ_TOOLS[5:], "workflows_run"]]))

    assert probe.ok
    assert probe.found == f"{len(READ_TOOLS) + 1} tools, all {len(READ_TOOLS)} that read among them"


async def test_a_refused_token_is_told_apart() -> None:
    probe = await probed(semaphore([READ_TOOLS]), token="wrong")

    assert not probe.ok
    assert "refused the token (401)" in probe.found


async def test_a_token_that_no_header_can_hold_is_not_shown() -> None:
    probe = await probed(semaphore([READ_TOOLS]), token=f"{TOKEN}\r\nx: y")

    assert not probe.ok
    assert TOKEN not in probe.found


async def test_a_wrong_path_is_told_apart() -> None:
    probe = await probed(semaphore([READ_TOOLS]), path="/elsewhere")

    assert not probe.ok
    assert "is no MCP server (404)" in probe.found


async def test_a_server_in_trouble_is_told_apart() -> None:
    async def broken(_: Request) -> Response:
        return Response("upstream connect error", 503)

    probe = await probed(Starlette(routes=[Route("/mcp", broken, methods=["POST"])]))

    assert probe == Probe(ok=False, found=probe.found)
    assert "answered 503" in probe.found


async def test_an_unreachable_server_is_no_exception() -> None:
    async with serve(semaphore([])) as url:
        pass

    probe = await probe_mcp(f"{url}/mcp", lambda: TOKEN)

    assert not probe.ok
    assert "cannot be reached" in probe.found
    assert TOKEN not in probe.found


async def test_a_silent_server_is_given_up() -> None:
    probe = await probe_mcp("http://127.0.0.1:9/mcp", lambda: TOKEN, timedelta(0))

    assert not probe.ok
    assert "did not answer within 0 s" in probe.found
    assert "REST answers agents' tools in its place" in probe.found


@pytest.mark.parametrize(("organization", "told"), [("acme", True), ("umbrella", False)])
async def test_tools_that_are_switched_off_are_told_with_what_stands_in(*, organization: str, told: bool) -> None:
    async with scene(mcp=True) as made:
        made.organization.features.discard("mcp_server_read_tools")

        probe = await probe_mcp(f"{made.url}/mcp", lambda: SCENE_TOKEN, organization=organization)

    assert probe.ok
    assert ("they are switched off for acme: REST answers agents' tools" in probe.found) is told


async def test_tools_that_are_switched_on_need_no_other_word() -> None:
    async with scene(mcp=True) as made:
        probe = await probe_mcp(f"{made.url}/mcp", lambda: SCENE_TOKEN, organization="acme")

    assert probe == Probe(ok=True, found="17 tools, all 14 that read among them")


@pytest.mark.parametrize(
    ("tools", "ok", "told"),
    [
        (READ_TOOLS[1:], True, "13 tools, without artifact_job_logs"),
        (["echo"], False, "none of Semaphore's"),
        ([], False, "0 tools"),
    ],
)
def test_missing_tools_are_named(tools: Sequence[str], *, ok: bool, told: str) -> None:
    probe = found_tools(tools)

    assert probe.ok is ok
    assert told in probe.found
