"""OpenAI's Chat Completions API, as opencode uses it and most other providers offer it."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from tests.system.wires.form import Body, bearer
from tests.system.wires.script import Answer, Fail, Refuse, Reject, Say, Used


class Chat:
    """``POST /v1/chat/completions``."""

    paths: tuple[str, ...] = ("/v1/chat/completions",)

    def key(self, request: Request) -> str:
        return bearer(request)

    def streams(self, request: Request, body: Body) -> bool:
        return bool(body.get("stream"))

    def model(self, request: Request, body: Body) -> str:
        return str(body.get("model", ""))

    def results(self, body: Body) -> int:
        return sum(message.get("role") == "tool" for message in body.get("messages", ()))

    def offered(self, body: Body) -> Collection[str]:
        return {str(tool.get("function", {}).get("name")) for tool in body.get("tools", ())}

    def first(self, answer: Answer) -> Iterator[bytes]:
        yield _chunk(answer, {"role": "assistant", "content": ""})

    def rest(self, answer: Answer, body: Body) -> Iterator[bytes]:
        yield _chunk(answer, _delta(answer, index={"index": 0}))
        yield _chunk(answer, {}, reason=_reason(answer))
        if (body.get("stream_options") or {}).get("include_usage"):  # only who asks is told
            yield _data({**_head(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer.used)})
        yield b"data: [DONE]\n\n"

    def broken(self, answer: Answer, step: Reject) -> Iterator[bytes]:
        yield _data(self.error(Fail(status=500, code=step.code, message=step.message)))

    def whole(self, answer: Answer) -> Body:
        message = {"role": "assistant", "content": None, **_delta(answer, index={})}
        choice = {"index": 0, "message": message, "finish_reason": _reason(answer)}
        return {**_head(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer.used)}

    def error(self, fail: Fail) -> Body:
        return {"error": {"message": fail.message, "type": fail.code, "code": fail.code}}


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer.number}", "object": kind, "created": 0, "model": answer.model}


def _chunk(answer: Answer, delta: Body, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _data({**_head(answer, "chat.completion.chunk"), "choices": [choice]})


def _delta(answer: Answer, index: Mapping[str, int]) -> dict[str, Any]:
    if answer.call is None:
        return {"content": answer.words.text if isinstance(answer.words, Say | Refuse) else ""}
    function = {"name": answer.call.name, "arguments": json.dumps(answer.call.arguments)}
    return {"tool_calls": [{**index, "id": f"call_{answer.number}", "type": "function", "function": function}]}


def _reason(answer: Answer) -> str:
    if isinstance(answer.words, Refuse):
        return "content_filter"
    return "tool_calls" if answer.call else "stop"


def _usage(used: Used) -> Body:
    return {
        "prompt_tokens": used.input,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "completion_tokens": used.output,
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.input + used.output,
    }


def _data(body: Body) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()
