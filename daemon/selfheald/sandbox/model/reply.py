"""The answer to one request of the agent, as ASGI sends it."""

import json
from collections.abc import Sequence

from starlette.types import Receive, Send

from selfheald.sandbox.model.forms import Form, error_body
from selfheald.sandbox.model.problems import Problem, bad_request

LARGEST_REQUEST = 16 * 1024 * 1024
"""Bytes: far above the context of any model."""


class Reply:
    """Begins once, goes on, ends once."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Send status and headers."""
        self.begun = True
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def go_on(self, chunk: bytes) -> None:
        """Send bytes; waits as long as the agent is slow to take them."""
        if chunk:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """End it."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def problem(self, form: Form, problem: Problem) -> None:
        """Answer in the provider's place."""
        body = json.dumps(error_body(form, problem.status, problem.code, problem.message)).encode()
        await self.begin(problem.status, [("content-type", "application/json"), ("content-length", str(len(body)))])
        await self.go_on(body)
        await self.end()


async def read_body(receive: Receive) -> bytes:
    """All of a request's body. Raises :class:`Problem` when it is too large, ``ConnectionError`` when it breaks off."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > LARGEST_REQUEST:
            raise bad_request(f"the request is larger than {LARGEST_REQUEST} bytes", "a request that is too large")
        if not message.get("more_body", False):
            return b"".join(pieces)


async def hung_up(receive: Receive) -> None:
    """Wait until the agent hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
