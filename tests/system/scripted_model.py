"""A model server that follows a script, for driving real coding agents without a provider.

It speaks OpenAI's Responses API as a stream, as Codex 0.169 uses it: with function tools, and in "code mode", where the
model writes JavaScript. It is stateless: the step is the number of tool results in the request, so that retries do not
shift the script.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from selfheald.simulator.serving import serve

USAGE = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 400},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 10},
    "total_tokens": 1050,
}
"""The made-up usage of each answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The model runs a shell command."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """The model ends its turn with a text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The server answers with an HTTP error instead."""

    status: int
    code: str = "error"
    message: str = "scripted"
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The stream begins and ends too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The stream begins and says nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The stream ends with ``response.failed``."""

    code: str
    message: str = "scripted"


Step = Shell | Say | Fail | Cut | Silence | Reject


@dataclass(slots=True, kw_only=True)
class ScriptedModel:
    """A running server: where it is, and what it was asked."""

    url: str = ""
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    """The bodies of the requests that had the right key."""
    refused: int = 0
    """Requests without it."""


@asynccontextmanager
async def scripted_model(steps: Sequence[Step], *, key: str) -> AsyncIterator[ScriptedModel]:
    """Serve a script on the loopback interface; the last step stands for all further ones."""
    model = ScriptedModel()

    async def respond(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {key}":
            model.refused += 1
            return _error(Fail(status=401, code="invalid_api_key", message="Incorrect API key"))
        body = json.loads(await request.body())
        model.requests.append(body)
        step = steps[min(_results(body), len(steps) - 1)]
        if isinstance(step, Fail):
            return _error(step)
        return StreamingResponse(_stream(step, body), media_type="text/event-stream")

    app = Starlette(routes=[Route("/v1/responses", respond, methods=["POST"])])
    async with serve(app) as base:
        model.url = f"{base}/v1"
        yield model


def _results(body: Mapping[str, Any]) -> int:
    return sum(str(item.get("type", "")).endswith("_call_output") for item in body["input"])


def _error(fail: Fail) -> Response:
    headers = {} if fail.retry_after is None else {"retry-after": str(fail.retry_after)}
    error = {"message": fail.message, "type": fail.code, "code": fail.code}
    return JSONResponse({"error": error}, status_code=fail.status, headers=headers)


async def _stream(step: Step, body: Mapping[str, Any]) -> AsyncIterator[bytes]:
    answer = {"id": f"resp_{_results(body)}", "object": "response", "status": "in_progress", "output": []}
    yield _event({"type": "response.created", "response": answer})
    match step:
        case Cut():
            return
        case Silence():
            await asyncio.Event().wait()
        case Reject(code=code, message=message):
            failed = {**answer, "status": "failed", "error": {"code": code, "message": message}}
            yield _event({"type": "response.failed", "response": failed})
        case Shell() | Say():
            item = _item(step, body)
            yield _event({"type": "response.output_item.done", "output_index": 0, "item": item})
            completed = {**answer, "status": "completed", "output": [item], "usage": USAGE}
            yield _event({"type": "response.completed", "response": completed})


def _item(step: Shell | Say, body: Mapping[str, Any]) -> Mapping[str, Any]:
    number = _results(body)
    if isinstance(step, Say):
        content = [{"type": "output_text", "text": step.text, "annotations": []}]
        return {"type": "message", "role": "assistant", "id": f"msg_{number}", "content": content}
    call = {"id": f"call_item_{number}", "call_id": f"call_{number}"}
    if _code_mode(body):
        script = f"const r = await tools.exec_command({json.dumps({'cmd': step.command})}); text(r.output);"
        return {**call, "type": "custom_tool_call", "name": "exec", "input": script}
    arguments = json.dumps({"cmd": step.command})
    return {**call, "type": "function_call", "name": "exec_command", "arguments": arguments}


def _code_mode(body: Mapping[str, Any]) -> bool:
    """Whether the tools came as an input item: the model is offered JavaScript only."""
    return any(item.get("type") == "additional_tools" for item in body["input"])


def _event(event: Mapping[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
