"""The store as the composition root and the command line get it."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from selfheald.ports import Redact
from selfheald.store.casebook import SqliteCaseBook
from selfheald.store.database import Database
from selfheald.store.journal import SqliteJournal

FILE_NAME = "selfheald.sqlite"
"""The store's file within the state folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Both sides of one SQLite file. Closed by :meth:`close`, or at the end of ``async with``."""

    journal: SqliteJournal
    cases: SqliteCaseBook
    database: Database

    async def copy_to(self, path: Path) -> None:
        """Write a consistent copy, also while others write. Raises :class:`RefusedError` when ``path`` exists."""
        await self.database.copy_to(path)

    async def close(self) -> None:
        """Let what has been asked for come to its end, then close the file; idempotent."""
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def open_store(path: Path, *, read_only: bool = False, redact: Redact = str) -> Store:
    """Open the store's file; unless ``read_only``, make it when missing and bring its schema up to date.

    ``redact`` takes secrets out of whatever people or agents wrote, before it is written.
    Several processes may have it open at once. Raises :class:`ConfigError` when the file cannot be used,
    :class:`NotFoundError` when it is missing and only to be read, :class:`TransientError` when it is locked.
    """
    database = await Database.open(path, read_only=read_only)
    return Store(journal=SqliteJournal(database, redact), cases=SqliteCaseBook(database, redact), database=database)
