"""Bytes in both directions, until both sides have had their say."""

import asyncio
import contextlib
from collections.abc import Callable

from selfheald.sandbox.gate.egress.wire import CHUNK

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def tunnel(one: Streams, other: Streams, alive: Callable[[], None], first: bytes = b"") -> None:
    """Copy both ways; each side may end its own direction first. ``first`` goes to the other. Raises OSError.

    No more is read than the other side takes. ``alive`` is told of each progress.
    """
    other[1].write(first)
    there = asyncio.create_task(_copy(one[0], other[1], alive))
    back = asyncio.create_task(_copy(other[0], one[1], alive))
    try:
        await asyncio.gather(there, back)
    finally:
        for task in (there, back):
            task.cancel()
        await asyncio.gather(there, back, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alive: Callable[[], None]) -> None:
    while data := await reader.read(CHUNK):
        alive()
        writer.write(data)
        await writer.drain()
        alive()
    with contextlib.suppress(OSError):  # the other side is gone already
        writer.write_eof()
