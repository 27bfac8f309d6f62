"""Serves an application on a configured address, inside the running loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from selfheald.domain.errors import ConfigError

_END_SECONDS = 3
"""How long open requests may still take at the end: the pages answer in less."""

_MOST_CONNECTIONS = 100
"""At once; a scraper and a few probes need no more."""


class Address(Protocol):
    """Where to listen. Port 0 takes a free one."""

    @property
    def host(self) -> str:
        """A name or an address."""

    @property
    def port(self) -> int:
        """0 to 65535."""


@asynccontextmanager
async def serve_web(app: ASGIApp, listen: Address) -> AsyncIterator[str]:
    """Serve the application while the context is open; gives the address, such as ``http://127.0.0.1:9464``.

    Installs no signal handlers. Raises :class:`ConfigError` when the address cannot be had.
    """
    with await _listener(listen) as listener:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_END_SECONDS,
        )
        server = _Server(config)
        # Not a TaskGroup: that would wrap every exception of the caller's body into a group.
        task = asyncio.create_task(server.serve(sockets=[listener]), name="web")
        try:
            yield _url(listener)
        finally:
            server.should_exit = True
            await task


async def _listener(listen: Address) -> socket.socket:
    """Open the port at once, so that connections wait from now on."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = infos[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        what = error.strerror or "no such address"
        raise ConfigError(f"listen: {listen.host}:{listen.port} cannot be had: {what}; choose another one") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Signals are the daemon's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's handlers as they are."""
        yield
