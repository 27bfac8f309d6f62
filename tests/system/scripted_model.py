"""A model server that follows a script, for driving real coding agents without a provider.

It speaks OpenAI's Responses and Chat Completions, Anthropic's Messages and Google's Gemini API, as streams or in one
piece. It is stateless: the step is the number of tool results in the request, so that retries do not shift the script.
A request that offers no tools (some agents ask for a title that way) gets a text in place of a tool's call.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.system.wires.chat import Chat
from tests.system.wires.form import Body, Form
from tests.system.wires.gemini import Gemini
from tests.system.wires.messages import Messages
from tests.system.wires.responses import Responses
from tests.system.wires.script import (
    Answer,
    Ask,
    Cut,
    Fail,
    Refuse,
    Reject,
    Say,
    Shell,
    Silence,
    Step,
    Used,
    Words,
    call_of,
)

from selfheald.simulator.serving import serve

__all__ = [
    "Ask",
    "Asked",
    "Cut",
    "Fail",
    "Refuse",
    "Reject",
    "Say",
    "ScriptedModel",
    "Shell",
    "Silence",
    "Step",
    "Used",
    "scripted_model",
]

FORMS: tuple[Form, ...] = (Responses(), Messages(), Chat(), Gemini())
WRONG_KEY = Fail(status=401, message="Incorrect API key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass(slots=True, kw_only=True)
class ScriptedModel:
    """A running server: where it is, and what it was asked."""

    origin: str = ""
    """Scheme, host and port: the base address for Anthropic's and Google's clients."""
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    """The bodies of the requests for an answer that had the right key."""
    refused: int = 0
    """Requests without it."""
    asked: list[Asked] = field(default_factory=list)
    """All requests, whatever became of them."""

    @property
    def url(self) -> str:
        """The base address for OpenAI's clients."""
        return f"{self.origin}/v1"


@asynccontextmanager
async def scripted_model(
    steps: Sequence[Step], *, key: str, used: Used | None = None, port: int = 0
) -> AsyncIterator[ScriptedModel]:
    """Serve a script on the loopback interface; the last step stands for all further ones."""
    model, script = ScriptedModel(), _Script(steps, used or Used())

    def guarded(answer: Callable[[Request, Body], Response], form: Form) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            path, headers = request.url.path, dict(request.headers)
            model.asked.append(Asked(method=request.method, path=path, headers=headers))
            if form.key(request) != key:
                model.refused += 1
                return _failed(form, WRONG_KEY)
            return answer(request, json.loads(await request.body() or b"{}"))

        return respond

    def answering(form: Form) -> Callable[[Request, Body], Response]:
        def answer(request: Request, body: Body) -> Response:
            model.requests.append(body)
            return script.answer(form, request, body)

        return answer

    routes = [Route(path, guarded(answering(form), form), methods=["POST"]) for form in FORMS for path in form.paths]
    for path, form, method, body in ASIDES:
        routes.append(Route(path, guarded(lambda *_, body=body: JSONResponse(body), form), methods=[method]))
    async with serve(Starlette(routes=routes), port=port) as model.origin:
        yield model


class _Script:
    """The steps, and the answer to a request."""

    def __init__(self, steps: Sequence[Step], used: Used) -> None:
        self._steps = steps
        self._used = used

    def answer(self, form: Form, request: Request, body: Body) -> Response:
        number, offered = form.results(body), form.offered(body)
        step = self._step(number, aside=not offered)
        if isinstance(step, Fail):
            return _failed(form, step)
        call = call_of(step, offered, json.dumps(body)) if isinstance(step, Shell | Ask) else None
        words: Words = step if isinstance(step, Shell | Ask | Say | Refuse) else Say(text="")
        answer = Answer(number=number, words=words, call=call, used=self._used, model=form.model(request, body))
        if form.streams(request, body):
            return StreamingResponse(_stream(form, step, answer, body), media_type="text/event-stream")
        return JSONResponse(form.whole(answer))

    def _step(self, number: int, *, aside: bool) -> Step:
        step = self._steps[min(number, len(self._steps) - 1)]
        if aside and isinstance(step, Shell | Ask):
            return Say(text="A title")
        if isinstance(step, Shell) and number >= len(self._steps):
            return Shell(command=f"{step.command} # {number}")  # agents stop a model that repeats itself
        return step


async def _stream(form: Form, step: Step, answer: Answer, body: Body) -> AsyncIterator[bytes]:
    for piece in form.first(answer):
        yield piece
    match step:
        case Cut():
            return
        case Silence():
            await asyncio.Event().wait()
        case Reject():
            pieces = form.broken(answer, step)
        case _:
            pieces = form.rest(answer, body)
    for piece in pieces:
        yield piece


def _failed(form: Form, fail: Fail) -> Response:
    headers = {} if fail.retry_after is None else {"retry-after": str(fail.retry_after)}
    return JSONResponse(form.error(fail), status_code=fail.status, headers=headers)


class _AnyKey(Responses):
    """For lists of models, which every provider has at the same place."""

    def key(self, request: Request) -> str:
        return next(filter(None, (form.key(request) for form in FORMS)), "")


MODELS = {"object": "list", "data": [{"id": "m1", "object": "model", "type": "model"}], "has_more": False}
ASIDES: tuple[tuple[str, Form, str, Body], ...] = (
    ("/v1/models", _AnyKey(), "GET", MODELS),
    ("/v1/messages/count_tokens", Messages(), "POST", {"input_tokens": 1000}),
    ("/v1beta/models", Gemini(), "GET", {"models": [{"name": "models/m1"}]}),
    ("/v1beta/models/{model}:countTokens", Gemini(), "POST", {"totalTokens": 1000}),
)
"""What is asked beside the answers."""
