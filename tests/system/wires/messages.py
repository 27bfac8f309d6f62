"""Anthropic's Messages API, as Claude Code uses it."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from tests.system.wires.form import Body, bearer
from tests.system.wires.script import Answer, Fail, Refuse, Reject, Say, Used

KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
KINDS |= {413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}


class Messages:
    """``POST /v1/messages``."""

    paths: tuple[str, ...] = ("/v1/messages",)

    def key(self, request: Request) -> str:
        return request.headers.get("x-api-key") or bearer(request)

    def streams(self, request: Request, body: Body) -> bool:
        return bool(body.get("stream"))

    def model(self, request: Request, body: Body) -> str:
        return str(body.get("model", ""))

    def results(self, body: Body) -> int:
        contents = (message.get("content") for message in body.get("messages", ()))
        blocks = (block for content in contents if isinstance(content, list) for block in content)
        return sum(block.get("type") == "tool_result" for block in blocks)

    def offered(self, body: Body) -> Collection[str]:
        return {str(tool.get("name")) for tool in body.get("tools", ())}

    def first(self, answer: Answer) -> Iterator[bytes]:
        yield _event(
            {"type": "message_start", "message": {**_head(answer), "usage": {**_input(answer.used), **_out(1)}}}
        )
        yield _event({"type": "ping"})

    def rest(self, answer: Answer, body: Body) -> Iterator[bytes]:
        block, delta = _block(answer)
        yield _event({"type": "content_block_start", "index": 0, "content_block": block})
        yield _event({"type": "content_block_delta", "index": 0, "delta": delta})
        yield _event({"type": "content_block_stop", "index": 0})
        stop = {"stop_reason": _reason(answer), "stop_sequence": None}
        yield _event({"type": "message_delta", "delta": stop, "usage": _out(answer.used.output)})
        yield _event({"type": "message_stop"})

    def broken(self, answer: Answer, step: Reject) -> Iterator[bytes]:
        yield _event({"type": "error", "error": {"type": step.code, "message": step.message}})

    def whole(self, answer: Answer) -> Body:
        usage = {**_input(answer.used), **_out(answer.used.output)}
        block, _ = _block(answer)
        if answer.call:
            block = {**block, "input": answer.call.arguments}
        elif isinstance(answer.words, Say | Refuse):
            block = {**block, "text": answer.words.text}
        return {**_head(answer), "content": [block], "stop_reason": _reason(answer), "usage": usage}

    def error(self, fail: Fail) -> Body:
        kind = KINDS.get(fail.status, "api_error") if fail.code == "error" else fail.code
        return {"type": "error", "error": {"type": kind, "message": fail.message}}


def _head(answer: Answer) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.number}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _input(used: Used) -> Mapping[str, int]:
    """What was cached is counted apart."""
    return {
        "input_tokens": used.input - used.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": used.cached,
    }


def _out(tokens: int) -> Mapping[str, int]:
    return {"output_tokens": tokens}


def _reason(answer: Answer) -> str:
    if isinstance(answer.words, Refuse):
        return "refusal"
    return "tool_use" if answer.call else "end_turn"


def _block(answer: Answer) -> tuple[dict[str, Any], Body]:
    """The only block: how it begins, and what comes then."""
    if answer.call is None:
        text = answer.words.text if isinstance(answer.words, Say | Refuse) else ""
        return {"type": "text", "text": ""}, {"type": "text_delta", "text": text}
    begun = {"type": "tool_use", "id": f"toolu_{answer.number}", "name": answer.call.name, "input": {}}
    return begun, {"type": "input_json_delta", "partial_json": json.dumps(answer.call.arguments)}


def _event(event: Body) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
