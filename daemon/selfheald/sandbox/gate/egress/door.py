"""The door at which the proxy answers: ``CONNECT host:port`` and ``GET http://host/path``."""

import asyncio
import socket
from collections.abc import Callable

import h11
import structlog

from selfheald.domain.refusal import RefusalKind
from selfheald.sandbox.gate.accepting import accepting
from selfheald.sandbox.gate.egress.forward import forward
from selfheald.sandbox.gate.egress.target import Target, absolute_target, tunnel_target
from selfheald.sandbox.gate.egress.tunnel import tunnel
from selfheald.sandbox.gate.egress.way import OffLimitsError, Streams, UnreachableError, Way, closing
from selfheald.sandbox.gate.egress.wire import Wire
from selfheald.sandbox.gate.refusals import Refused

log = structlog.get_logger()

CONNECTIONS = 64
"""That one attempt may have open at once. Each takes two of the daemon's file descriptors."""

HEAD_SECONDS = 30.0
"""How long a program may take to say what it wants."""

IDLE_SECONDS = 300.0
"""How long a connection may stay without a byte in either direction."""

NO_REQUEST = "a request that names no host"


class EgressDoor:
    """The proxy, for one attempt."""

    def __init__(self, way: Way, refused: Refused, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._way = way
        self._refused = refused
        self._idle_seconds = idle_seconds
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, listener: socket.socket) -> None:
        """Answer at this socket from now on; it is closed with the door."""
        self._keep(accepting(listener, self._places, self._take, "gate-egress"))

    async def aclose(self) -> None:
        """Answer no more: all connections are cut."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self, connection: socket.socket, free: Callable[[], None]) -> None:
        def ended(_: asyncio.Task[None]) -> None:
            connection.close()
            free()

        task = asyncio.create_task(self._serve(connection), name="gate-egress-connection")
        task.add_done_callback(ended)
        self._keep(task)

    async def _serve(self, connection: socket.socket) -> None:
        """One connection, from its first byte to its end."""
        loop = asyncio.get_running_loop()
        try:
            async with closing(await asyncio.open_connection(sock=connection)) as streams:
                async with asyncio.timeout(self._idle_seconds) as timer:

                    def alive() -> None:
                        timer.reschedule(loop.time() + self._idle_seconds)

                    await self._converse(streams, Wire(h11.SERVER, streams, alive), alive)
        except (OSError, TimeoutError, h11.ProtocolError) as error:
            log.debug("egress_connection_ended", why=type(error).__name__)

    async def _converse(self, streams: Streams, program: Wire, alive: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                target, request = await _asked(program)
        except (ValueError, h11.RemoteProtocolError):
            self._refused(RefusalKind.EGRESS, NO_REQUEST)
            await program.answer(400, "this is a proxy: CONNECT host:port, or an address with http://")
            return
        try:
            far = await self._way.connect(target.host)
        except OffLimitsError as error:
            self._refused(RefusalKind.EGRESS, str(error))
            await program.answer(403, f"{target.host} is not in egress, or leads to where nobody may go")
            return
        except UnreachableError as error:
            await program.answer(502, str(error))
            return
        async with closing(far):
            await _connected(target, request, (streams, program), far, alive)


async def _asked(program: Wire) -> tuple[Target, h11.Request]:
    """Read what a program wants. Raises ValueError, h11.RemoteProtocolError and OSError."""
    request = await program.next_event()
    if not isinstance(request, h11.Request):
        raise ConnectionError("it has hung up")
    text = request.target.decode("ascii")
    if request.method != b"CONNECT":
        return absolute_target(text), request
    if type(await program.next_event()) is not h11.EndOfMessage:
        raise ValueError("CONNECT has no body")
    return tunnel_target(text), request


async def _connected(
    target: Target, request: h11.Request, near: tuple[Streams, Wire], far: Streams, alive: Callable[[], None]
) -> None:
    streams, program = near
    if not target.path:
        await program.send(h11.Response(status_code=200, headers=[], reason=b"Connection established"))
        await tunnel(streams, far, alive, first=program.left_over)
        return
    try:
        await forward(request, target, program, Wire(h11.CLIENT, far, alive))
    except (OSError, h11.RemoteProtocolError):
        await program.answer(502, f"{target.host}: it broke off")
