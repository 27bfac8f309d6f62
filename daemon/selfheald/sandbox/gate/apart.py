"""Holds a context in a task of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import structlog

log = structlog.get_logger()
T = TypeVar("T")


@asynccontextmanager
async def apart(context: AbstractAsyncContextManager[T], name: str) -> AsyncIterator[T]:
    """Enter and leave a context in a task of its own, so that what breaks in its tasks does not end ours.

    Raises what entering it raises. What goes wrong later is logged under ``name``.
    """
    entered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def hold() -> None:
        async with context as value:
            entered.set_result(value)
            await leave.wait()

    task = asyncio.create_task(hold(), name=name)
    try:
        await asyncio.wait((task, entered), return_when=asyncio.FIRST_COMPLETED)
        if not entered.done():
            await task
        yield entered.result()
    finally:
        leave.set()
        if not entered.done():
            task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, Exception) and entered.done():
            log.error("gate_part_crashed", part=name, exc_info=ended)
