"""The door at which the model proxy and the tools gateway answer: an ASGI application, served by uvicorn's protocol."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from selfheald.sandbox.gate.accepting import accepting

CONNECTIONS = 64
"""That one attempt may have open."""

KEEP_ALIVE_SECONDS = 600
"""Longer than clients keep an unused connection: none is closed just as its next request comes."""

END_SECONDS = 10.0
"""How long requests may take to notice that their attempt is over."""

HEAD_LIMIT = 64 << 10
"""Bytes of a request line and headers."""

_log = logging.getLogger("selfheald.gate.web")
_log.setLevel(logging.ERROR)
"""A malformed request is the agent's affair; an exception of an application is ours."""


class WebDoor:
    """Serves one application at any number of listening sockets."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=HEAD_LIMIT,
        )
        self._config.load()
        self._state = ServerState()
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, listener: socket.socket) -> None:
        """Answer at this socket from now on; it is closed with the door."""
        self._keep(accepting(listener, self._places, self._take, "gate-web"))

    async def aclose(self) -> None:
        """Answer no more: connections are cut, and requests that go on all the same are cancelled."""
        await _cancelled(self._tasks)
        for connection in list(self._state.connections):
            connection.transport.abort()
        running = set(self._state.tasks)
        if running:
            await asyncio.wait(running, timeout=END_SECONDS)
        await _cancelled(running)

    def _take(self, connection: socket.socket, free: Callable[[], None]) -> None:
        def given_up(task: asyncio.Task[None]) -> None:
            if task.cancelled() or task.exception() is not None:
                connection.close()
                free()

        task = asyncio.create_task(self._connect(connection, free), name="gate-web-connection")
        task.add_done_callback(given_up)
        self._keep(task)

    async def _connect(self, connection: socket.socket, free: Callable[[], None]) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: _Connection(free, self._config, self._state, {}), connection
        )

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Connection(H11Protocol):
    """One connection; its place is free when it is lost."""

    def __init__(self, free: Callable[[], None], *args: Any) -> None:
        super().__init__(*args)
        self._free = free
        self.logger = _log
        self.access_log = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._free()


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    running = list(tasks)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
