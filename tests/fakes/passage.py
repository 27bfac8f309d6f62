"""A passage that answers with a word at each of its doors."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from selfheald.domain.errors import TransientError
from selfheald.domain.zone import Metered


class FakePassage:
    """Says ``hello from PORT`` to whoever connects. ``model_url`` and the like are what it is given."""

    def __init__(self, *doors: int, model_url: str = "", tools_url: str = "", proxy_url: str = "") -> None:
        self.doors = doors
        self.model_url = model_url
        self.tools_url = tools_url
        self.proxy_url = proxy_url
        self.token = "token-of-this-attempt"
        self.broken = False
        self.met = Metered()
        self.served: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []

    async def serve(self, door: int, listener: socket.socket) -> None:
        if self.broken:
            listener.close()
            raise TransientError("this passage is closed")

        async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"hello from {door}\n".encode())
            writer.close()

        self.served.append(listener)
        server = await asyncio.start_server(hello, sock=listener, start_serving=False)
        self._servers.append(server)  # before it is awaited: who cancels that has it closed all the same
        await server.start_serving()

    def metered(self) -> Metered:
        return self.met

    async def close(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()


@asynccontextmanager
async def passage(*doors: int) -> AsyncIterator[FakePassage]:
    """A passage with these doors."""
    made = FakePassage(*doors)
    try:
        yield made
    finally:
        await made.close()
