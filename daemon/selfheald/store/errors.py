"""SQLite's errors in selfheald's words, translated once, here."""

import sqlite3
from pathlib import Path

from selfheald.domain.errors import ConfigError, SelfhealdError, TransientError


class StoreClosedError(SelfhealdError):
    """The store was used after it was closed: a bug of the caller."""


class StoreReadOnlyError(SelfhealdError):
    """The store was opened for reading only, and something was to be written: a bug of the caller."""


_PRIMARY = 0xFF
"""SQLite's extended result codes keep the primary one in their lowest byte."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
    },
)
_ACCESS = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
"""At the start the settings are wrong; while running a volume may have gone away for a while."""


def translated(error: sqlite3.Error, path: Path, *, doing: str, opening: bool = False) -> SelfhealdError | None:
    """Give the domain's error for one of SQLite's, or ``None`` for what only a bug of ours can cause.

    ``doing`` begins the message: ``reading``, ``writing to``, ``opening``.
    """
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _DAMAGED:
        return ConfigError(
            f"{doing} {path}: {error}. The file is damaged or is no SQLite database. Stop selfheald, keep a copy of "
            f"the file for a rescue (`sqlite3 FILE .recover`), then put a backup in its place, or move it away to "
            f"start with an empty store",
        )
    if code in _ACCESS and opening:
        return ConfigError(f"{doing} {path}: {error}. selfheald's user must be able to write the file and its folder")
    if code in _PASSING or code in _ACCESS:
        return TransientError(f"{doing} {path}: {error}")
    return None
