"""A thread that owns one SQLite connection."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from selfheald.store.errors import StoreClosedError, translated

T = TypeVar("T")


class Lane:
    """One thread, one connection, one piece of work at a time, in the order in which they came.

    Nothing else ever touches the connection (SQLite's own check of the thread stays on). Work that nobody waits for
    any more is dropped if it has not begun, and otherwise brought to its end: cancelling never tears a transaction.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], *, doing: str) -> None:
        self._path = path
        self._connect = connect
        self._doing = doing
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"store-{doing.split(maxsplit=1)[0]}")
        self._connection: sqlite3.Connection | None = None
        self._closing: Future[None] | None = None

    async def open(self) -> None:
        """Connect, in the thread. The thread ends when this raises."""
        opening = asyncio.wrap_future(self._executor.submit(self._guarded, self._open, opening=True))
        # A caller that was cancelled does not ask how it ended; asyncio would complain about that.
        opening.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            # Shielded: a connection that is being made while the caller is cancelled has to be closed by `close`.
            await asyncio.shield(opening)
        except BaseException:
            await self.close()
            raise

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Let the thread work on its connection.

        Raises :class:`StoreClosedError`, and SQLite's errors as :mod:`selfheald.store.errors` has them.
        """
        if self._closing is not None:
            raise StoreClosedError(f"{self._doing} {self._path}, which is closed")
        return await asyncio.wrap_future(self._executor.submit(self._guarded, lambda: work(self._open_connection)))

    async def close(self) -> None:
        """Let what has been asked for come to its end, then close the connection and end the thread; idempotent."""
        if self._closing is None:
            self._closing = self._executor.submit(self._close)
            self._executor.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(self._closing))
        # The thread has nothing left to do: joining it takes no time.
        self._executor.shutdown(wait=True)

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreClosedError(f"{self._doing} {self._path}, which is not open")
        return self._connection

    def _open(self) -> None:
        self._connection = self._connect()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _guarded(self, work: Callable[[], T], *, opening: bool = False) -> T:
        try:
            return work()
        except sqlite3.Error as error:
            doing = "opening" if opening else self._doing
            known = translated(error, self._path, doing=doing, opening=opening)
            if known is None:
                raise
            raise known from error
