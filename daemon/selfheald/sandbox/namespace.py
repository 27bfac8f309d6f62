"""Keeps hold of one bubblewrap sandbox by the first process of its pid namespace.

When that process is dead the kernel has ended every other process of the namespace before. bubblewrap itself returns a
little earlier, and killing bubblewrap while it still sets things up leaves its child running. So bubblewrap is told to
wait (``--block-fd``) until we hold that child; while it waits, the doors into its network are opened.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Self

from selfheald.sandbox.family import Process, descends, process_table
from selfheald.sandbox.process import END_SECONDS, died, readable

IN_MEMORY = ("/tmp", "/dev/shm")  # noqa: S108 - those inside

STATUS_LIMIT = 1 << 16
"""Bytes of bubblewrap's status that are read: it writes some 200."""


HOLD_SECONDS = 2.0
"""How long an end waits for bubblewrap to name the first process, so that nothing half set up is left. It takes
milliseconds; until then the program has not begun."""


class Namespace:
    """The keeper of one bubblewrap sandbox. A context manager for its file descriptors.

    ``prepare`` is told the first process, as number and pidfd, while it is held; the program starts when it is done.
    """

    def __init__(self, prepare: Callable[[int, int], Awaitable[None]]) -> None:
        self._prepare = prepare
        self._status, self._theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        go, self._go = os.pipe2(os.O_CLOEXEC)
        # Open for writing too: when the daemon dies now, bubblewrap waits for ever instead of reading an end of file
        # and going ahead without us.
        self._wait = os.open(f"/proc/self/fd/{go}", os.O_RDWR | os.O_CLOEXEC)
        os.close(go)
        self._fds = contextlib.ExitStack()
        for fd in (self._status, self._go):
            self._fds.callback(os.close, fd)
        self._handed_over = contextlib.ExitStack()
        for fd in (self._theirs, self._wait):
            self._handed_over.callback(os.close, fd)
        self._said = b""
        self._first = 0
        self._init: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._handed_over.close()
        self._fds.close()

    @property
    def fds(self) -> tuple[int, int]:
        """What bubblewrap inherits."""
        return (self._theirs, self._wait)

    @property
    def arguments(self) -> tuple[str, ...]:
        """How bubblewrap is told about them."""
        return ("--json-status-fd", str(self._theirs), "--block-fd", str(self._wait))

    async def begun(self, pid: int) -> None:  # noqa: ARG002 - bubblewrap names the process that matters
        """Get hold of the first process of the namespace, then let it go ahead; no hold when bubblewrap gave up."""
        await self._take_hold()
        if self._init is not None:
            await self._prepare(self._first, self._init)
            with contextlib.suppress(BrokenPipeError):  # it died meanwhile, and has said why
                os.write(self._go, b"1")

    def members(self) -> list[Process]:
        """All processes of the namespace that live: whatever loses its parent in there is given to the first one."""
        table = process_table()
        return [process for process in table.values() if process.alive and descends(process, self._first, table)]

    def scratch(self) -> int:
        """Bytes of the file systems in memory that the namespace has."""
        with contextlib.suppress(OSError):
            found = [os.statvfs(f"/proc/{self._first}/root{place}") for place in IN_MEMORY]
            return sum((each.f_blocks - each.f_bfree) * each.f_frsize for each in found)
        return 0

    def kill(self) -> None:
        """Kill the namespace."""
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the namespace and wait until every process in it is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                await self._take_hold()
        self.kill()
        if self._init is not None:
            await died(self._init, END_SECONDS)

    def program_ran(self) -> bool:
        """Whether the program itself was started; asked when all is over."""
        while more := self._read():
            self._said += more
        return any("exit-code" in json.loads(line) for line in self._said.split(b"\n")[:-1])

    async def _take_hold(self) -> None:
        self._handed_over.close()
        if self._init is not None:
            return
        while b"\n" not in self._said:
            await readable(self._status)
            more = self._read()
            if not more:
                return
            self._said += more
        self._first = json.loads(self._said.splitlines()[0])["child-pid"]
        self._init = os.pidfd_open(self._first)
        self._fds.callback(os.close, self._init)

    def _read(self) -> bytes:
        try:
            return os.read(self._status, STATUS_LIMIT)
        except BlockingIOError:
            return b""
