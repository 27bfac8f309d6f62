"""One SQLite file: a thread that writes, a thread that reads, and the settings of both.

The unit of work is a function over a connection, run as one transaction in the thread that owns the connection. So no
two coroutines can ever mix their statements within a transaction, and the event loop never waits for a disk.
Other processes (the command line beside a running daemon) open the same file; SQLite's locks are where they meet.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Self, TypeVar

from selfheald.domain.errors import ConfigError, NotFoundError, RefusedError
from selfheald.store.errors import StoreReadOnlyError
from selfheald.store.lane import Lane
from selfheald.store.schema import Migration, bring_up_to_date, copy_into, known_migrations, require_version

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 5.0
"""How long to wait for another process's transaction; ours take milliseconds, so this means trouble there."""


class Database:
    """A SQLite file with the current schema. Made by :meth:`open`."""

    def __init__(self, path: Path, *, reader: Lane, writer: Lane | None) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False, migrations: Sequence[Migration] | None = None) -> Self:
        """Open the file; unless ``read_only``, make it when it is missing and bring its schema up to date.

        Raises :class:`NotFoundError` when it is missing and to be read only, :class:`ConfigError` when it cannot be
        used (no access, damaged, of another program, of another version), :class:`TransientError` when it is locked.
        """
        steps = known_migrations() if migrations is None else migrations
        reader = Lane(path, lambda: _connect_reader(path, steps), doing="reading")
        if read_only:
            await reader.open()
            return cls(path, reader=reader, writer=None)
        writer = Lane(path, lambda: _connect_writer(path, steps), doing="writing to")
        try:
            await writer.open()
            await reader.open()
        except BaseException:
            await reader.close()
            await writer.close()
            raise
        return cls(path, reader=reader, writer=writer)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` on one unchanging view of the data. Raises as :meth:`Lane.do` does."""
        return await self._reader.do(lambda connection: _transaction(connection, "BEGIN", work))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` in a transaction of its own: all of it is kept when it returns, nothing when it raises."""
        if self._writer is None:
            raise StoreReadOnlyError(f"writing to {self._path}, which was opened for reading only")
        return await self._writer.do(lambda connection: _transaction(connection, "BEGIN IMMEDIATE", work))

    async def copy_to(self, target: Path) -> None:
        """Write a consistent copy to a new file. Raises :class:`RefusedError` when there is one already."""
        await self._reader.do(lambda connection: _copy(connection, self._path, target))

    async def close(self) -> None:
        """Let what has been asked for come to its end, close the file, end the threads; idempotent."""
        # The writer goes last: SQLite then folds the write-ahead log back into the file and removes it.
        await self._reader.close()
        if self._writer is not None:
            await self._writer.close()


def _transaction(connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute(begin)
    try:
        result = work(connection)
        connection.execute("COMMIT")
    finally:
        # A failed COMMIT, or SQLite itself on a full disk, may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return result


def _connect_writer(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    _ensure_file(path)
    connection = _connect(path, mode="rw")
    try:
        _use_write_ahead_log(connection, path)
        # FULL, not NORMAL: with NORMAL a power cut may take back the last transactions. Most steps could bear that,
        # since they look before they act. But a push whose record is lost finds its own branch as a stranger's, an
        # attempt whose record is lost is paid for twice, and a human's `reject` must hold once it was confirmed.
        # We write some ten times a minute, and a sync takes a millisecond or so.
        connection.execute("PRAGMA synchronous = FULL")
        bring_up_to_date(connection, path, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_reader(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    try:
        missing = not path.exists()
    except OSError as error:
        raise ConfigError(f"opening {path}: {error.strerror}. selfheald's user must be able to read it") from error
    if missing:
        raise NotFoundError(f"opening {path}: there is no such file. `selfheald run` makes it at its first start")
    connection = _connect(path, mode="ro")
    try:
        require_version(connection, path, migrations)
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    if path.is_dir():
        # SQLite would say so in other words for each way of opening it, and as late as with the first query.
        raise ConfigError(f"opening {path}: it is a folder. Move it away, or name another `state_dir`")
    # isolation_level=None: Python begins no transactions on its own; each is begun where it is meant.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Let readers and the writer not wait for each other; a property of the file, set once."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise ConfigError(
            f"opening {path}: its file system cannot share memory between processes (a network share?). "
            f"Put `state_dir` on a local disk",
        )


def _ensure_file(path: Path) -> None:
    """Make folder and file, for their owner's eyes only; SQLite gives its side files the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_file(path)
    except OSError as error:
        raise ConfigError(f"opening {path}: {error.strerror}. selfheald's user must be able to write there") from error


def _make_file(path: Path) -> None:
    """Make an empty database that has its write-ahead log from the first moment.

    Switching a file to it while another process opens the same file can fail in both ("database is locked", at once).
    So the file is made in a folder of its own, and put in its place whole, unless somebody was faster.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".selfheald-new-") as folder:
        new = Path(folder) / path.name
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(_connect(new, mode="rw")) as connection:
            _use_write_ahead_log(connection, path)
        with suppress(FileExistsError):
            path.hardlink_to(new)


def _copy(connection: sqlite3.Connection, path: Path, target: Path) -> None:
    # Copying out counts as writing for query_only; the connection itself was opened for reading only.
    connection.execute("PRAGMA query_only = OFF")
    try:
        copy_into(connection, target)
    except OSError as error:
        raise RefusedError(f"copying {path} to {target}: {error.strerror}") from error
    finally:
        connection.execute("PRAGMA query_only = ON")
