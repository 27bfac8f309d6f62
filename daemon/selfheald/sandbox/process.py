"""One program from its start until every process of it is gone.

It is started by the thread of the event loop: the kernel ties "die with the parent" to the *thread* that started a
process, and this thread lives as long as the daemon. Endings are SIGKILL: nothing inside has a say in them.
"""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Protocol

from selfheald.domain.errors import TransientError
from selfheald.ports import Exit
from selfheald.sandbox.lines import TOTAL_LIMIT, Lines, Tail

OnLine = Callable[[bytes], bool | None]

CHUNK = 1 << 16
"""Bytes read at once: a pipe's capacity."""

END_SECONDS = 10.0
"""How long SIGKILL may take. A process that outlives it hangs in the kernel."""

LIMITS: Mapping[str, int] = {"core": 0, "nofile": 16384, "fsize": 4 << 30}
"""Resource limits by prlimit's names: no core dumps, open files, bytes of one file. Never the address space ("as"):
a few gigabytes of it break Codex without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is started, in the words of the host."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None
    stdin: bytes
    fds: tuple[int, ...] = ()
    """File descriptors that it inherits besides the standard three."""


class Keeper(Protocol):
    """Knows which processes belong to a program, so that none is left."""

    async def begun(self, pid: int) -> None:
        """Get hold of the program that was just started, and let it go ahead."""

    def kill(self) -> None:
        """Send SIGKILL to all that is known of it. Called any number of times."""

    async def end(self) -> None:
        """Kill all of it and wait until it is gone, the started process itself aside. Raises TimeoutError."""


def limited(argv: Sequence[str]) -> list[str]:
    """The command with :data:`LIMITS` set, none above what the daemon itself has. Needs util-linux's ``prlimit``."""
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        raise TransientError("starting a sandbox: the program prlimit is missing (Debian package util-linux)")
    settings = [f"--{name}={_within_ours(name, limit)}" for name, limit in LIMITS.items()]
    return [prlimit, *settings, "--", *argv]


def _within_ours(name: str, wanted: int) -> int:
    _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def in_memory(name: str, content: bytes) -> int:
    """Open a file that exists in memory only, at its beginning. The caller closes it."""
    fd = os.memfd_create(name)
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


async def died(pidfd: int, within: float | None = None) -> None:
    """Wait until the process behind a pidfd is dead, reaped or not. Raises TimeoutError."""
    async with asyncio.timeout(within):
        await readable(pidfd)


async def readable(fd: int) -> None:
    """Wait until there is something to read, or the end of it."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def notice() -> None:
        loop.remove_reader(fd)
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, notice)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def run(start: Start, keeper: Keeper, on_line: OnLine, limit: timedelta) -> Exit:
    """Run a program until all of it is gone: by itself, by ``on_line``, by the time limit or by cancellation.

    Raises TransientError when it cannot be started, or cannot be ended.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as resources:
        running = _spawn(start, resources)
        try:
            async with asyncio.timeout(limit.total_seconds()) as timer:
                await keeper.begun(running.pid)
                await running.listen(on_line, keeper.kill)
        except TimeoutError:
            if not timer.expired():
                raise
        finally:
            await _end(running, keeper)
        return Exit(
            code=None if timer.expired() or running.stopped else running.code(),
            timed_out=timer.expired(),
            seconds=time.monotonic() - began,
            stderr=running.tail.text(),
        )


def _spawn(start: Start, resources: contextlib.ExitStack) -> "_Running":
    stdin = in_memory("stdin", start.stdin)
    try:
        popen = subprocess.Popen(
            start.argv,
            env=dict(start.env),
            cwd=start.cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=start.fds,
            start_new_session=True,
        )
    except OSError as error:
        raise TransientError(f"starting {start.argv[0]}: {error.strerror}") from error
    finally:
        os.close(stdin)
    running = _Running(popen)
    resources.callback(running.close)
    return running


async def _end(running: "_Running", keeper: Keeper) -> None:
    try:
        try:
            await keeper.end()
        finally:
            running.kill()
        await died(running.pidfd, END_SECONDS)
    except TimeoutError as error:
        raise TransientError(f"ending a sandbox: process {running.pid} outlives SIGKILL") from error


class _Running:
    """A started program, its pipes and what was read of them."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid
        self.pidfd = os.pidfd_open(popen.pid)
        self.tail = Tail()
        self.stopped = False
        self._transports: list[asyncio.ReadTransport] = []

    async def listen(self, on_line: OnLine, kill: Callable[[], None]) -> None:
        """Read both outputs to their ends, and see the program die; then whatever it left behind is killed."""
        loop = asyncio.get_running_loop()
        assert self._popen.stdout is not None  # noqa: S101 - asked for above
        assert self._popen.stderr is not None  # noqa: S101 - asked for above
        reader = asyncio.StreamReader(limit=CHUNK)
        await self._connect(asyncio.StreamReaderProtocol(reader), self._popen.stdout)
        await self._connect(_Feeding(self.tail), self._popen.stderr)
        loop.add_reader(self.pidfd, self._end_the_rest, kill)
        await self._each_line(reader, on_line, kill)
        loop.remove_reader(self.pidfd)
        await died(self.pidfd)

    def _end_the_rest(self, kill: Callable[[], None]) -> None:
        """The program is dead: nothing that it left may hold the pipes open."""
        asyncio.get_running_loop().remove_reader(self.pidfd)
        kill()

    async def _connect(self, protocol: asyncio.BaseProtocol, pipe: IO[bytes]) -> None:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        self._transports.append(transport)

    async def _each_line(self, reader: asyncio.StreamReader, on_line: OnLine, kill: Callable[[], None]) -> None:
        """Everything is read, also after the stop: some programs panic when their output is closed."""
        lines, total = Lines(), 0
        while chunk := await reader.read(CHUNK):
            total += len(chunk)
            if self.stopped:
                continue
            if total > TOTAL_LIMIT:
                self.tail.feed(b"\nended by selfheald: more than %d bytes of output\n" % TOTAL_LIMIT)
            if total > TOTAL_LIMIT or any(on_line(line) is False for line in lines.feed(chunk)):
                self.stopped = True
                kill()
        if not self.stopped:
            self.stopped = any(on_line(line) is False for line in lines.close())

    def kill(self) -> None:
        """End the started process itself."""
        if self._popen.returncode is None:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def code(self) -> int:
        """The exit code of the dead process; negative for a signal. Reaps it."""
        return self._popen.wait(timeout=END_SECONDS)

    def close(self) -> None:
        """Reap the process and close every file descriptor."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.pidfd)
        for transport in self._transports:
            transport.close()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
        self._popen.poll()
        os.close(self.pidfd)


class _Feeding(asyncio.Protocol):
    """Keeps the end of what a pipe says."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail

    def data_received(self, data: bytes) -> None:
        self._tail.feed(data)
