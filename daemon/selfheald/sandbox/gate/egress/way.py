"""The way to an allowed host: resolved outside, and connected to the very address that was looked at."""

import asyncio
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from selfheald.sandbox.gate.egress.allowed import Address, Egress, Host

RESOLVE_SECONDS = 15.0
CONNECT_SECONDS = 10.0
MOST_ADDRESSES = 4
"""Of one name that are tried."""

RESOLVERS = 4
"""Threads that wait for the resolver, which cannot be interrupted. Of their own: the daemon's other work goes on."""

Resolve = Callable[[Host], Awaitable[Sequence[Address]]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


CLOSE_SECONDS = 30.0
"""How long the other side may take to read what was written last."""


class OffLimitsError(Exception):
    """It may not be reached; the message says what, for people."""


class UnreachableError(Exception):
    """It could not be reached; the message says why."""


class Way:
    """Leads to the hosts of ``egress``. One for all attempts; close it at the end.

    ``resolve`` gives a name's addresses; unless given it is the machine's own resolver. Raises OSError.
    """

    def __init__(self, egress: Egress, *, resolve: Resolve | None = None) -> None:
        self._egress = egress
        self._resolve = resolve or self._looked_up
        self._threads = ThreadPoolExecutor(RESOLVERS, "egress-resolver")
        self._under_way: dict[Host, asyncio.Task[Sequence[Address]]] = {}

    def close(self) -> None:
        """Look up nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect(self, host: Host) -> Streams:
        """Connect to a host. Raises OffLimitsError and UnreachableError."""
        if not self._egress.allows(host):
            raise OffLimitsError(str(host))
        addresses = await self._addresses(host)
        reachable = [address for address in addresses if self._egress.reaches(host, address)]
        if not reachable:
            raise OffLimitsError(f"{host} at {', '.join(map(str, addresses[:MOST_ADDRESSES]))}")
        problem = ""
        for address in reachable[:MOST_ADDRESSES]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(str(address), host.port)
            except TimeoutError:
                problem = f"no answer within {CONNECT_SECONDS:.0f} s"
            except OSError as error:
                problem = os.strerror(error.errno) if error.errno else type(error).__name__
        raise UnreachableError(f"{host}: {problem}")

    async def _addresses(self, host: Host) -> Sequence[Address]:
        if host.address is not None:
            return [host.address]
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await asyncio.shield(self._resolving(host))
        except TimeoutError as error:
            raise UnreachableError(f"{host}: the resolver gave no answer within {RESOLVE_SECONDS:.0f} s") from error
        except OSError as error:
            raise UnreachableError(f"{host}: {error.strerror or 'the name does not resolve'}") from error
        if not found:
            raise UnreachableError(f"{host}: the name has no address")
        return found

    def _resolving(self, host: Host) -> asyncio.Task[Sequence[Address]]:
        """The same question is asked once, however many wait for its answer."""
        if host not in self._under_way:
            task = asyncio.ensure_future(_awaited(self._resolve(host)))
            self._under_way[host] = task
            task.add_done_callback(lambda done: self._resolved(host, done))
        return self._under_way[host]

    def _resolved(self, host: Host, task: asyncio.Task[Sequence[Address]]) -> None:
        del self._under_way[host]
        if not task.cancelled():
            task.exception()  # whoever waits for it has it; maybe nobody does any more

    async def _looked_up(self, host: Host) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        asked = (host.name, host.port, socket.AF_UNSPEC, socket.SOCK_STREAM)
        infos = await loop.run_in_executor(self._threads, socket.getaddrinfo, *asked)
        return [ipaddress.ip_address(info[4][0]) for info in infos]


async def _awaited(answer: Awaitable[Sequence[Address]]) -> Sequence[Address]:
    return await answer


@asynccontextmanager
async def closing(streams: Streams) -> AsyncIterator[Streams]:
    """Close a connection at the end: orderly, once all is written; at once when something went wrong."""
    _, writer = streams
    try:
        yield streams
        writer.close()
        async with asyncio.timeout(CLOSE_SECONDS):
            await writer.wait_closed()
    finally:
        writer.transport.abort()
