"""HTTP over one connection, read and written by h11: what goes on is written anew, never copied."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import h11

CHUNK = 1 << 16
HEAD_LIMIT = 32 << 10
"""Bytes of a request or status line with its headers."""

OF_ONE_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)

Headers = list[tuple[bytes, bytes]]


class Wire:
    """One side of the proxy. ``role`` is ours: ``h11.SERVER`` towards programs. ``alive`` is told of each progress."""

    def __init__(
        self,
        role: type[h11.CLIENT] | type[h11.SERVER],
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        alive: Callable[[], None],
    ) -> None:
        self._reader, self._writer = streams
        self._alive = alive
        self._http = h11.Connection(role, max_incomplete_event_size=HEAD_LIMIT)

    async def next_event(self) -> h11.Event:
        """Read on. Raises h11.RemoteProtocolError and OSError."""
        while not isinstance(event := self._http.next_event(), h11.Event):
            if event is h11.PAUSED:
                raise h11.LocalProtocolError("nothing more is read from this connection")
            self._http.receive_data(await self._reader.read(CHUNK))
            self._alive()
        return event

    async def send(self, *events: h11.Event) -> None:
        """Write, as quickly as the other side reads. Raises h11.LocalProtocolError and OSError."""
        for event in events:
            if data := self._http.send(event):
                self._writer.write(data)
        await self._writer.drain()
        self._alive()

    async def answer(self, status: int, text: str) -> None:
        """Answer the program ourselves, if it waits for an answer. Raises OSError."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"selfheald: {text}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        reason = HTTPStatus(status).phrase.encode()
        response = h11.Response(status_code=status, headers=[*headers, ("Connection", "close")], reason=reason)
        await self.send(response, h11.Data(data=body), h11.EndOfMessage())

    @property
    def left_over(self) -> bytes:
        """What has come after the request that opened a tunnel."""
        return self._http.trailing_data[0]


def end_to_end(headers: Headers) -> Headers:
    """Headers that are for the other end, not for the proxy."""
    named = {token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")}
    return [(name, value) for name, value in headers if name not in OF_ONE_HOP | named]
