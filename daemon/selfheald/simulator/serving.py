"""Serves an ASGI application on the loopback interface, inside the running event loop."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"

START_SECONDS = 30
"""Opening a port takes milliseconds; a machine this slow is broken."""

LINGER_ZERO = struct.pack("ii", 1, 0)
"""``SO_LINGER`` on, for zero seconds: closing sends a reset instead of an orderly end."""

_log = logging.getLogger("selfheald.simulator")


@asynccontextmanager
async def serve(app: ASGIApp, *, port: int = 0) -> AsyncIterator[str]:
    """Serve ``app`` on 127.0.0.1 and give its base URL, without a slash at the end.

    Port 0 takes a free one. Leaving the context cuts open connections, cancels running requests and frees the port.
    No signal handler is installed and nothing is logged but exceptions of ``app``. Raises ``OSError`` when the port
    is taken.
    """
    with _listening_socket(port) as listener:
        config = uvicorn.Config(
            app, http=_Connection, loop="none", ws="none", lifespan="off", log_config=None, access_log=False
        )
        server = _Server(config)
        # Not a TaskGroup: that would wrap every exception of the caller's body into a group.
        task = asyncio.create_task(server.serve(sockets=[listener]), name="simulator-server")
        try:
            async with asyncio.timeout(START_SECONDS):
                await server.ready.wait()
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.leave.set()
            await task


def cut_connection(scope: Scope) -> None:
    """Reset the client's connection of a request that :func:`serve` brought; the request gets no answer."""
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    transport.abort()


async def gone(receive: Receive) -> None:
    """Wait until the connection is closed: to end before would count as a request that was never answered."""
    while (await receive())["type"] != "http.disconnect":
        pass


@contextlib.contextmanager
def _listening_socket(port: int) -> Iterator[socket.socket]:
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it each answer may wait 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        yield listener


class _Connection(H11Protocol):
    """Lets the application reach its own transport, for :func:`cut_connection`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _log

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """A uvicorn server that starts and ends by events: no ticking, no signals, no waiting for idle clients."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.leave = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's own
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.connections:  # noqa: ASYNC110 - the next turn of the loop completes each abort
            await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        _log.disabled = True  # a request that ends here is cancelled on purpose
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _log.disabled = False
        for server in self.servers:
            await server.wait_closed()
