"""A model's provider on the loopback interface that answers as it is told, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from selfheald.simulator.serving import cut_connection, serve

Answer = Callable[["Seen", Scope, Receive, Send], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as the provider got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """Its body."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass(slots=True, kw_only=True)
class Provider:
    """A running provider."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    """One for each request, in order; the last one stands for all further ones."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody hung up on an answer that goes on for ever."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = scope["query_string"].decode()
        seen = Seen(
            method=scope["method"],
            target=scope["raw_path"].decode() + (f"?{query}" if query else ""),
            headers={name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        self.seen.append(seen)
        answer = self.answers[min(len(self.seen), len(self.answers)) - 1]
        await answer(seen, scope, receive, send)


@asynccontextmanager
async def provider(*answers: Answer) -> AsyncIterator[Provider]:
    """Serve a provider."""
    one = Provider(answers=list(answers))
    async with serve(one) as url:
        one.url = url
        yield one


def says(told: Any, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """Answer with a JSON text."""
    body = json.dumps(told).encode()
    return sends([body], status=status, headers=(("content-type", "application/json"), *headers))


def streams(*events: Any) -> Answer:
    """Answer with a stream of events, each in a chunk of its own."""
    return sends([event_text(event) for event in events], headers=(("content-type", "text/event-stream"),))


def event_text(event: Any) -> bytes:
    """An event as it is sent."""
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def sends(
    chunks: Sequence[bytes], *, status: int = 200, headers: Sequence[tuple[str, str]] = (), cut: bool = False
) -> Answer:
    """Answer with these chunks; ``cut``: the connection breaks off then."""

    async def answer(_: Seen, scope: Scope, __: Receive, send: Send) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)
        if cut:
            cut_connection(scope)
            return
        await send({"type": "http.response.body", "body": b""})

    return answer


def goes_on(model: Provider, *chunks: bytes) -> Answer:
    """Begin an answer, and say nothing more until somebody hangs up."""

    async def answer(_: Seen, __: Scope, receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        model.hung_up.set()

    return answer
