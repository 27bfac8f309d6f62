"""The doors of a sandbox: listening sockets inside its network, at which the daemon itself answers.

The network of a sandbox has nothing but a loopback interface of its own. While bubblewrap is held, a helper process
(:mod:`selfheald.sandbox.opener`) opens listening sockets in there and hands them out; they are served by the daemon's
event loop like any other. So nothing has to run inside, and no path leads from inside to a socket of the host.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from selfheald.domain.errors import TransientError
from selfheald.domain.zone import Metered
from selfheald.ports import Passage
from selfheald.sandbox import opener
from selfheald.sandbox.process import readable

OPEN_SECONDS = 20.0
"""How long the helper may take: a Python interpreter starts in tens of milliseconds, on a busy machine in seconds."""

ANSWER_LIMIT = 1024
"""Bytes of what the helper says."""

OPENING = "opening the sandbox's doors"

PROGRAM = Path(opener.__file__)


class Doors:
    """A context manager for one sandbox. Its helper is started at once, to be ready when the sandbox is."""

    def __init__(self, passage: Passage | None) -> None:
        self._passage = passage
        self._ports = passage.doors if passage is not None else ()
        self._helper: _Helper | None = None

    def __enter__(self) -> Self:
        if self._ports:
            self._helper = _Helper(self._ports)
        return self

    def __exit__(self, *_: object) -> None:
        if self._helper is not None:
            self._helper.close()

    async def open(self, pid: int, pidfd: int) -> None:
        """Open the doors in the network of this process, which is held, and have the passage answer at them.

        When the process has died meanwhile nothing is opened: bubblewrap itself tells why. Raises TransientError.
        """
        if self._helper is None or self._passage is None:
            return
        try:
            sockets = await _listeners(self._helper, pid, pidfd)
        except TransientError:
            if _dead(pidfd):
                return
            raise
        handed_over = 0
        try:
            for door, listener in zip(self._ports, sockets, strict=True):
                handed_over += 1
                await self._passage.serve(door, listener)
        finally:
            for one in sockets[handed_over:]:
                one.close()


async def _listeners(helper: "_Helper", pid: int, pidfd: int) -> list[socket.socket]:
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            with _network_of(pid, pidfd) as network:
                return await helper.listeners(network)
    except TimeoutError as error:
        raise TransientError(f"{OPENING}: no answer within {OPEN_SECONDS:.0f} s") from error
    except OSError as error:
        raise TransientError(f"{OPENING}: {error.strerror}") from error


@contextlib.contextmanager
def _network_of(pid: int, pidfd: int) -> Iterator[int]:
    """The network namespace of a process. Raises OSError, and TransientError when it is the daemon's own."""
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        signal.pidfd_send_signal(pidfd, 0)  # it lives, so this number was not another process's
        _refuse_our_own(network)
        yield network
    finally:
        os.close(network)


def _refuse_our_own(network: int) -> None:
    if os.path.samestat(os.fstat(network), Path("/proc/self/ns/net").stat()):
        raise TransientError(f"{OPENING}: it has no network of its own")


class NoPassage:
    """Has a door at which nobody answers: to try whether doors can be opened."""

    model_url = tools_url = proxy_url = token = ""
    doors = (61080,)

    async def serve(self, door: int, listener: socket.socket) -> None:  # noqa: ARG002 - a passage's own
        """Close it again."""
        listener.close()

    def metered(self) -> Metered:
        """Nothing went through."""
        return Metered()


def _dead(pidfd: int) -> bool:
    look = select.poll()
    look.register(pidfd, select.POLLIN)
    return bool(look.poll(0))


class _Helper:
    """The helper process."""

    def __init__(self, ports: Sequence[int]) -> None:
        # A sequence of packets: an answer comes whole, with all its file descriptors.
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)  # noqa: FBT003 - the socket module's own
        self._count = len(ports)
        try:
            self._popen = subprocess.Popen(
                # Isolated, and without site-packages: nothing but the standard library is loaded.
                [sys.executable, "-I", "-S", str(PROGRAM), *map(str, ports)],
                env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._channel.close()
            raise TransientError(f"starting {sys.executable}, for the sandbox's doors: {error.strerror}") from error
        finally:
            theirs.close()

    async def listeners(self, network: int) -> list[socket.socket]:
        """Have the listening sockets opened in this network namespace. Raises OSError and TransientError."""
        socket.send_fds(self._channel, [b"n"], [network])
        await readable(self._channel.fileno())
        said, fds, _, _ = socket.recv_fds(self._channel, ANSWER_LIMIT, self._count, socket.MSG_CMSG_CLOEXEC)
        with contextlib.ExitStack() as received:
            sockets = [received.enter_context(socket.socket(fileno=fd)) for fd in fds]
            if said != opener.OPENED:
                raise TransientError(f"{OPENING}: {said.decode(errors='replace') or 'the helper died'}")
            if len(sockets) != self._count:
                raise TransientError(f"{OPENING}: the daemon has too many files open")
            received.pop_all()
        self.close()
        return sockets

    def close(self) -> None:
        """End the process; after SIGKILL it is gone at once."""
        self._channel.close()
        self._popen.kill()
        self._popen.wait()
