"""OpenAI's Responses API, as Codex uses it: function tools, and "code mode", where the model writes JavaScript."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from tests.system.wires.form import Body, bearer
from tests.system.wires.script import Answer, Ask, Call, Fail, Refuse, Reject, Say, Used


class Responses:
    """``POST /v1/responses``."""

    paths: tuple[str, ...] = ("/v1/responses",)

    def key(self, request: Request) -> str:
        return bearer(request)

    def streams(self, request: Request, body: Body) -> bool:
        return bool(body.get("stream"))

    def model(self, request: Request, body: Body) -> str:
        return str(body.get("model", ""))

    def results(self, body: Body) -> int:
        return sum(str(item.get("type", "")).endswith("_call_output") for item in _items(body))

    def offered(self, body: Body) -> Collection[str]:
        if _code_mode(body):
            return {"exec_command"}
        return {str(tool.get("name", tool.get("type"))) for tool in body.get("tools", ())}

    def first(self, answer: Answer) -> Iterator[bytes]:
        yield _event({"type": "response.created", "response": _head(answer)})

    def rest(self, answer: Answer, body: Body) -> Iterator[bytes]:
        item = _item(answer, code_mode=_code_mode(body))
        yield _event({"type": "response.output_item.done", "output_index": 0, "item": item})
        done = {**_head(answer), "status": "completed", "output": [item], "usage": _usage(answer.used)}
        yield _event({"type": "response.completed", "response": done})

    def broken(self, answer: Answer, step: Reject) -> Iterator[bytes]:
        error = {"code": step.code, "message": step.message}
        yield _event({"type": "response.failed", "response": {**_head(answer), "status": "failed", "error": error}})

    def whole(self, answer: Answer) -> Body:
        output = [_item(answer, code_mode=False)]
        return {**_head(answer), "status": "completed", "output": output, "usage": _usage(answer.used)}

    def error(self, fail: Fail) -> Body:
        return {"error": {"message": fail.message, "type": fail.code, "code": fail.code}}


def _items(body: Body) -> list[Mapping[str, Any]]:
    items = body.get("input", [])
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _head(answer: Answer) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.number}",
        "object": "response",
        "status": "in_progress",
        "model": answer.model,
        "output": [],
    }


def _usage(used: Used) -> Body:
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cached},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.input + used.output,
    }


def _item(answer: Answer, *, code_mode: bool) -> Body:
    if answer.call is None:
        return _message(answer)
    call = {"id": f"call_item_{answer.number}", "call_id": f"call_{answer.number}"}
    if code_mode:
        return {**call, "type": "custom_tool_call", "name": "exec", "input": _script(answer, answer.call)}
    arguments = json.dumps(answer.call.arguments)
    function = {**call, "type": "function_call", "name": answer.call.name, "arguments": arguments}
    # Codex hides the tools of MCP servers behind a search; they are called in their server's namespace.
    return {**function, "namespace": "mcp__semaphore"} if isinstance(answer.words, Ask) else function


def _message(answer: Answer) -> Body:
    content: dict[str, Any] = {}
    match answer.words:
        case Refuse(text=text):
            content = {"type": "refusal", "refusal": text}
        case Say(text=text):
            content = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": "assistant", "id": f"msg_{answer.number}", "content": [content]}


def _script(answer: Answer, call: Call) -> str:
    if isinstance(answer.words, Ask):
        return f"const r = await tools.mcp__semaphore__{call.name}({json.dumps(call.arguments)}); text(r);"
    return f"const r = await tools.exec_command({json.dumps(call.arguments)}); text(r.output);"


def _code_mode(body: Body) -> bool:
    """Whether the tools came as an input item: the model is offered JavaScript only."""
    return any(item.get("type") == "additional_tools" for item in _items(body))


def _event(event: Body) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
