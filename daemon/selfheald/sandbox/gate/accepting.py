"""Accepts connections at a listening socket, no more at a time than there are places."""

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

from selfheald.sandbox.gate.pace import Pace

log = structlog.get_logger()

PAUSE_SECONDS = 1.0
"""After the machine had no file descriptor, or no memory, for another connection."""

SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


Take = Callable[[socket.socket, Callable[[], None]], None]


def accepting(listener: socket.socket, places: asyncio.Semaphore, take: Take, name: str) -> asyncio.Task[None]:
    """Give each connection, and what frees its place, to ``take``, until the task is cancelled.

    Further ones, and those that come too often, wait in the kernel's queue. The socket is closed with the task.
    """
    task = asyncio.create_task(_accept(listener, places, take), name=name)
    task.add_done_callback(lambda _: listener.close())
    return task


async def _accept(listener: socket.socket, places: asyncio.Semaphore, take: Take) -> None:
    loop = asyncio.get_running_loop()
    pace = Pace()
    listener.setblocking(False)  # noqa: FBT003 - the socket module's own
    while True:
        await pace.turn()
        await places.acquire()
        free = _once(places.release)
        try:
            connection, _ = await loop.sock_accept(listener)
        except OSError as error:
            free()
            if error.errno in SHORTAGE:
                log.warning("gate_cannot_accept", error=error.strerror)
                await asyncio.sleep(PAUSE_SECONDS)
            continue  # it was given up before it was accepted
        except BaseException:
            free()
            raise
        take(connection, free)


def _once(release: Callable[[], None]) -> Callable[[], None]:
    """A place is freed once, however often somebody says so."""
    left = [release]

    def free() -> None:
        if left:
            left.pop()()

    return free
