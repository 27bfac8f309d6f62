"""The real daemon as a process of its own, and what it says."""

import asyncio
import json
import sys
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfheald.domain.errors import SelfhealdError

STOP_SECONDS = 15
"""How long the daemon may take to stop."""


@dataclass(slots=True)
class Daemon:
    """A running daemon. Its log lines are kept, the newest last."""

    process: asyncio.subprocess.Process
    lines: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=1000))
    other: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    """Lines that are no log lines: what it says when it cannot start."""
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once its web pages are there."""

    async def listen(self) -> None:
        """Take in what it says until it ends."""
        assert self.process.stderr  # noqa: S101 - it was started with a pipe
        async for line in self.process.stderr:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.other.append(line.decode(errors="replace").rstrip())
            if self.address:
                self.started.set()

    def said(self, event: str) -> dict[str, Any] | None:
        """The newest log line of this event."""
        return next((line for line in reversed(self.lines) if line.get("event") == event), None)

    @property
    def address(self) -> str | None:
        """Where its web pages are, once it has started."""
        started = self.said("started")
        return str(started["address"]) if started else None

    def check(self) -> None:
        """Raise when it has ended."""
        if self.process.returncode is not None:
            why = "\n".join([*self.other, *(json.dumps(line) for line in list(self.lines)[-3:])])
            raise SelfhealdError(f"the daemon ended with {self.process.returncode}:\n{why}")

    async def metrics(self) -> str:
        """The text of /metrics."""
        return await asyncio.to_thread(_get, f"{self.address}/metrics")


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the daemon's own loopback address
        return str(answer.read().decode())


@asynccontextmanager
async def daemon(configuration: Path, environment: Mapping[str, str]) -> AsyncIterator[Daemon]:
    """Start ``selfheald run``; leaving the context stops it, and everything that it started."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "selfheald", "run", "--config", str(configuration)),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
        start_new_session=True,  # Ctrl-C at the terminal is for the demo, which then stops the daemon
    )
    running = Daemon(process)
    listening = asyncio.create_task(running.listen(), name="the daemon's log")
    try:
        yield running
    finally:
        await asyncio.shield(_stop(process))
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
