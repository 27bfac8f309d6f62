"""A proxy with a door on the loopback interface, and servers to be reached by it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from selfheald.domain.refusal import RefusalKind
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.door import EgressDoor
from selfheald.sandbox.gate.egress.way import Resolve, Way

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SECONDS = 20.0
"""For anything that has to happen: far more than it takes."""


def listening() -> socket.socket:
    """A listening socket at a free port of the loopback interface."""
    return socket.create_server(("127.0.0.1", 0))


@dataclass(slots=True)
class Proxy:
    """A proxy's door, its port, and what it refused."""

    door: EgressDoor
    port: int
    refused: list[str] = field(default_factory=list)

    async def connect(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, request: bytes) -> bytes:
        """Send something, and give all that is answered."""
        reader, writer = await self.connect()
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(-1), SECONDS)
        writer.close()
        return answer

    async def tunnel(self, host: str) -> Streams:
        """Open a tunnel."""
        reader, writer = await self.connect()
        writer.write(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        assert head.startswith(b"HTTP/1.1 200 "), head
        return reader, writer


@asynccontextmanager
async def proxy(
    *egress: tuple[str, int], resolve: Resolve | None = None, idle_seconds: float = SECONDS
) -> AsyncIterator[Proxy]:
    """A proxy to these hosts."""
    way = Way(Egress(egress), resolve=resolve)
    refused: list[str] = []

    def refuse(kind: RefusalKind, what: str) -> None:
        assert kind is RefusalKind.EGRESS
        refused.append(what)

    door, listener = EgressDoor(way, refuse, idle_seconds=idle_seconds), listening()
    made = Proxy(door, listener.getsockname()[1], refused)
    door.serve(listener)
    try:
        yield made
    finally:
        await door.aclose()
        way.close()


@asynccontextmanager
async def server(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A server of a few lines; gives its port."""
    listener = listening()
    served = await asyncio.start_server(answer, sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        served.close()
        await served.wait_closed()
