"""Semaphore's MCP server as its library, mcp-go, speaks: not as the specification has it.

- Answers are plain JSON with status 200, errors of JSON-RPC too; notifications get 202.
- A session's id is checked by its shape alone: it is stored nowhere, never expires, and survives everything.
- GET opens a stream on which nothing ever comes; DELETE is always fine.
- Tools are listed for everybody alike, and refused when they are called.
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from selfheald.simulator.semaphore_asking import Answer, as_json, as_text
from selfheald.simulator.semaphore_edge import credential
from selfheald.simulator.semaphore_mcp_tools import TOOLS, Call, ToolError
from selfheald.simulator.world import World

PATH = "/mcp"

VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
"""What it speaks; whoever asks for another one gets the first."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602

_SESSION = re.compile(r"mcp-session-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_JSON = {"content-type": "application/json"}

Json = Mapping[str, Any]


class _RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def is_mcp(path: str) -> bool:
    """Whether a path leads to the MCP server."""
    return path == PATH or path.startswith(f"{PATH}/")


def mcp_answer(world: World, method: str, headers: Mapping[str, str], body: bytes) -> tuple[str, Answer]:
    """What was asked, and the answer. A GET is not answered here: see :data:`STREAM`."""
    token = credential(headers)
    refused = _unauthorized(world, token)
    if refused is not None:
        return "unauthorized", refused
    if method == "DELETE":
        return "delete", Answer()
    if method == "GET":
        return "stream", STREAM
    if method != "POST":
        return "unknown", as_text("404 page not found", status=404)
    return _post(world, token or "", headers, body)


STREAM = Answer(status=200, headers={"content-type": "text/event-stream"})
"""The beginning of an answer that does not end."""


def _unauthorized(world: World, token: str | None) -> Answer | None:
    if token is None:
        told = {"error": "unauthorized", "error_description": "Bearer token or oauth2 required"}
        resource = "http://127.0.0.1/.well-known/oauth-protected-resource"
        header = {"www-authenticate": f'Bearer resource_metadata="{resource}"'}
        return as_json(told, status=401, headers={**_JSON, **header})
    if not any(token in organization.tokens for organization in world.organizations.values()):
        told = {"error": "invalid_token", "error_description": "The access token is invalid or expired"}
        return as_json(told, status=401, headers=_JSON)
    return None


def _post(world: World, token: str, headers: Mapping[str, str], body: bytes) -> tuple[str, Answer]:
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return "unknown", as_text("Invalid content type: must be 'application/json'", status=400)
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        return "unknown", _rpc(None, error=(PARSE_ERROR, "request body is not valid json"), status=400)
    method, params = str(message.get("method", "")), message.get("params")
    operation = _operation(method, params)
    if method == "initialize":
        session = {"mcp-session-id": f"mcp-session-{uuid.uuid4()}"}
        return operation, _rpc(message.get("id"), result=_initialized(params), headers=session)
    if not _SESSION.fullmatch(headers.get("mcp-session-id", "")):
        return operation, as_text("Invalid session ID", status=400)
    if "id" not in message:
        return operation, Answer(status=202)
    return operation, _answered(world, token, headers, message)


def _operation(method: str, params: object) -> str:
    """What a request is counted as: a call as its tool."""
    name = params.get("name") if isinstance(params, dict) else None
    return name if method == "tools/call" and isinstance(name, str) else method


def _answered(world: World, token: str, headers: Mapping[str, str], message: Json) -> Answer:
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    try:
        if message.get("method") == "tools/call":
            return _rpc(message["id"], result=_called(world, token, headers.get("host", ""), params))
        return _rpc(message["id"], result=_done(str(message.get("method")), params))
    except _RpcError as error:
        return _rpc(message["id"], error=(error.code, str(error)))


def _done(name: str, params: Json) -> Json:
    method = METHODS.get(name)
    if method is None:
        raise _RpcError(METHOD_NOT_FOUND, f"Method {name} not found")
    return method(params)


def _called(world: World, token: str, host: str, params: Json) -> Json:
    name, given = params.get("name"), params.get("arguments")
    tool = TOOLS.get(str(name))
    if tool is None:
        raise _RpcError(INVALID_PARAMS, f"tool '{name}' not found: tool not found")
    arguments = given if isinstance(given, dict) else {}
    try:
        structured = tool(Call(world=world, token=token, host=host, name=str(name), given=arguments))
    except ToolError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    text = f"# {name}\n\n{json.dumps(structured, indent=1)}"[:25_000]
    return {"content": [{"type": "text", "text": text}], "structuredContent": structured}


def _initialized(params: object) -> Json:
    asked = params.get("protocolVersion") if isinstance(params, dict) else ""
    version = "2025-03-26" if not asked else asked if asked in VERSIONS else VERSIONS[0]
    return {
        "protocolVersion": version,
        "capabilities": {"tools": {"listChanged": True}, "prompts": {"listChanged": True}},
        "serverInfo": {"name": "semaphore-mcp-server", "version": "0.1.0"},
    }


def _no_resources(_: Json) -> Json:
    raise _RpcError(METHOD_NOT_FOUND, "resources not supported")


def _no_prompt(params: Json) -> Json:
    raise _RpcError(INVALID_PARAMS, f"prompt '{params.get('name')}' not found: prompt not found")


@cache
def _tools() -> Json:
    written = files("selfheald.simulator").joinpath("semaphore_mcp_tools.json").read_text(encoding="utf-8")
    listed: Json = json.loads(written)
    return listed


METHODS: Mapping[str, Callable[[Json], Json]] = {
    "ping": lambda _: {},
    "tools/list": lambda _: _tools(),
    "prompts/list": lambda _: {"prompts": [{"name": "mcp_setup", "description": "Sets a project up."}]},
    "prompts/get": _no_prompt,
    "resources/list": _no_resources,
    "resources/templates/list": _no_resources,
    "resources/read": _no_resources,
}


def _rpc(
    number: object,
    *,
    result: Json | None = None,
    error: tuple[int, str] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    told: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
    told |= {"result": result} if error is None else {"error": {"code": error[0], "message": error[1]}}
    return as_json(told, status=status, headers={**_JSON, **(headers or {})})
