"""One program from its start until every process of it is gone.

It is started by the thread of the event loop: the kernel ties "die with the parent" to the *thread* that started a
process, and this thread lives as long as the daemon. Endings are SIGKILL: nothing inside has a say in them.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Protocol

from selfheald.domain.errors import TransientError
from selfheald.domain.limits import Limit
from selfheald.ports import Exit
from selfheald.sandbox.lines import Lines, Tail

OnLine = Callable[[bytes], bool | None]

CHUNK = 1 << 16
"""Bytes read at once: a pipe's capacity."""

LINE_COST = 512
"""Bytes that each line counts besides its own: it is looked through for secrets, which takes the daemon's time."""

TURN = 0.01
"""Seconds for which lines are heard before the daemon's other work has its turn, which is as long. By the clock: one
line may take as long as a thousand others."""

END_SECONDS = 10.0
"""How long SIGKILL may take. A process that outlives it hangs in the kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is started, in the words of the host."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None
    stdin: bytes
    fds: tuple[int, ...] = ()
    """File descriptors that it inherits besides the standard three."""
    output: int = 256 << 20
    """Bytes of standard output after which it is ended."""


class Keeper(Protocol):
    """Knows which processes belong to a program, so that none is left."""

    async def begun(self, pid: int) -> None:
        """Get hold of the program that was just started, and let it go ahead."""

    def kill(self) -> None:
        """Send SIGKILL to all that is known of it. Called any number of times."""

    async def end(self) -> None:
        """Kill all of it and wait until it is gone, the started process itself aside. Raises TimeoutError."""


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


async def run(
    start: Start, keeper: Keeper, on_line: OnLine, limit: timedelta, reached: Callable[[], Awaitable[Limit]]
) -> Exit:
    """Run a program until all of it is gone: by itself, by ``on_line``, by a limit or by cancellation.

    ``reached`` waits until one of the limits but time and output is reached.

    Raises TransientError when it cannot be started, or cannot be ended.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as resources:
        running = _spawn(start, resources)
        try:
            async with asyncio.timeout(limit.total_seconds()) as timer:
                await keeper.begun(running.pid)
                async with _watched(running, reached, keeper.kill):
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
            limit=running.limit,
        )


@asynccontextmanager
async def _watched(
    running: "_Running", reached: Callable[[], Awaitable[Limit]], kill: Callable[[], None]
) -> AsyncIterator[None]:
    async def watch() -> None:
        try:
            running.stop(await reached())
        finally:
            kill()  # what nobody watches any more does not go on

    watching = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        watching.cancel()
        (trouble,) = await asyncio.gather(watching, return_exceptions=True)
    if isinstance(trouble, OSError):
        raise TransientError(f"watching a sandbox: {trouble}") from trouble
    if isinstance(trouble, Exception):
        raise trouble


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
    running = _Running(popen, start.output)
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

    def __init__(self, popen: subprocess.Popen[bytes], output: int) -> None:
        self._popen = popen
        self._output = output
        self.pid = popen.pid
        self.pidfd = os.pidfd_open(popen.pid)
        self.tail = Tail()
        self.stopped = False
        self.limit: Limit | None = None
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
            total += len(chunk) + LINE_COST * chunk.count(b"\n")
            if self.stopped:
                continue
            if total > self._output:
                self.stop(Limit.OUTPUT)
                kill()
                continue
            await self._hear(lines.feed(chunk), on_line)
            if self.stopped:
                kill()
        if not self.stopped:
            self.stopped = any(on_line(line) is False for line in lines.close())

    async def _hear(self, lines: Iterator[bytes], on_line: OnLine) -> None:
        began = time.monotonic()
        for line in lines:
            if self.stopped:  # a limit was reached meanwhile
                return
            self.stopped = on_line(line) is False
            if (heard := time.monotonic() - began) > TURN:
                await asyncio.sleep(heard)
                began = time.monotonic()

    def stop(self, limit: Limit) -> None:
        """Hear no more of it: it has reached a limit."""
        self.stopped = True
        self.limit = limit

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
