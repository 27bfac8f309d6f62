"""Google's Gemini API, as the Gemini CLI uses it."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from starlette.requests import Request
from tests.system.wires.form import Body
from tests.system.wires.script import Answer, Fail, Refuse, Reject, Say, Used

STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUSES |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


class Gemini:
    """``POST /v1beta/models/MODEL:streamGenerateContent`` and ``:generateContent``."""

    paths: tuple[str, ...] = ("/v1beta/models/{model}:streamGenerateContent", "/v1beta/models/{model}:generateContent")

    def key(self, request: Request) -> str:
        return request.headers.get("x-goog-api-key") or request.query_params.get("key", "")

    def streams(self, request: Request, body: Body) -> bool:
        return request.url.path.endswith(":streamGenerateContent")

    def model(self, request: Request, body: Body) -> str:
        return str(request.path_params["model"])

    def results(self, body: Body) -> int:
        return sum("functionResponse" in part for content in body.get("contents", ()) for part in content["parts"])

    def offered(self, body: Body) -> Collection[str]:
        tools = body.get("tools", ())
        return {str(one.get("name")) for tool in tools for one in tool.get("functionDeclarations", ())}

    def first(self, answer: Answer) -> Iterator[bytes]:
        yield _data(_part(answer, None, reason=None))

    def rest(self, answer: Answer, body: Body) -> Iterator[bytes]:
        yield _data(self.whole(answer))

    def broken(self, answer: Answer, step: Reject) -> Iterator[bytes]:
        yield _data({"error": {"code": 500, "message": step.message, "status": step.code}})

    def whole(self, answer: Answer) -> Body:
        if answer.call:
            call = {"name": answer.call.name, "args": answer.call.arguments}
            return _part(answer, {"functionCall": call}, reason="STOP")
        if isinstance(answer.words, Refuse):
            return _part(answer, None, reason="SAFETY")
        return _part(answer, {"text": answer.words.text if isinstance(answer.words, Say) else ""}, reason="STOP")

    def error(self, fail: Fail) -> Body:
        status = STATUSES.get(fail.status, "UNKNOWN") if fail.code == "error" else fail.code
        return {"error": {"code": fail.status, "message": fail.message, "status": status, "details": []}}


def _part(answer: Answer, part: Body | None, reason: str | None) -> Body:
    candidate: dict[str, Any] = {"index": 0}
    if part is not None:
        candidate["content"] = {"role": "model", "parts": [part]}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "usageMetadata": _usage(answer.used), "modelVersion": answer.model}


def _usage(used: Used) -> Body:
    """What was thought is counted apart."""
    return {
        "promptTokenCount": used.input,
        "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": used.output - used.reasoning,
        "thoughtsTokenCount": used.reasoning,
        "totalTokenCount": used.input + used.output,
    }


def _data(body: Body) -> bytes:
    return f"data: {json.dumps(body)}\r\n\r\n".encode()
