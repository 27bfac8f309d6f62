"""The schema's versions: numbered ``.sql`` files, applied in order, forward only.

A file's number is the version that the database has afterwards (``PRAGMA user_version``). Each file is applied in one
transaction together with its number, so a crash leaves the version before or the version after, never something in
between. Before a database that holds anything is changed, a copy of it is put beside it.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from secrets import token_hex

from selfheald.domain.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema."""

    version: int
    """The version that the database has after it."""
    sql: str
    """Statements, each ending at the end of a line."""


def known_migrations() -> tuple[Migration, ...]:
    """Read the migrations that this program brings, in order."""
    folder = resources.files("selfheald.store") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(
        Migration(version=int(file.name.split("_", 1)[0]), sql=file.read_text(encoding="utf-8")) for file in files
    )


def version_of(connection: sqlite3.Connection) -> int:
    """Read the schema's version; 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def require_version(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Raise :class:`ConfigError` unless the database has exactly the version that this program knows."""
    found, known = version_of(connection), migrations[-1].version
    _refuse_newer(path, found=found, known=known)
    if found < known:
        raise ConfigError(
            f"opening {path}: its schema has version {found}, this program needs {known}. "
            f"Start `selfheald run` once: it brings the file up to date and keeps a copy",
        )


def bring_up_to_date(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Apply the migrations that the database lacks.

    Raises :class:`ConfigError` for a newer schema than this program knows, and for a file of another program.
    """
    found, known = version_of(connection), migrations[-1].version
    _refuse_newer(path, found=found, known=known)
    if found == known:
        return
    if found > 0:
        back_up(connection, path, found)
    # Off while tables are rebuilt (it can only be switched outside of a transaction); checked before the commit.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        for migration in migrations:
            _apply(connection, path, migration)
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Put a copy of the database beside it, e.g. ``selfheald.sqlite.v1.bak``; replaces an older copy only when done.

    Raises :class:`ConfigError` when the folder does not take it.
    """
    target = path.with_name(f"{path.name}.v{version}.bak")
    # A name of its own: another process may be bringing the same file up to date at this moment.
    unfinished = target.with_name(f"{target.name}.{token_hex(4)}.tmp")
    try:
        copy_into(connection, unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise ConfigError(f"copying {path} to {target} before its schema changes: {error.strerror}") from error
    return target


def copy_into(connection: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy of the database to a new file that only its owner can read.

    Raises :class:`FileExistsError`.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    except BaseException:
        target.unlink()
        raise


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements (``executescript`` would commit first, and so break the transaction)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"a migration ends within a statement: {statement.strip()[:80]}")


def _refuse_newer(path: Path, *, found: int, known: int) -> None:
    if found > known:
        raise ConfigError(
            f"opening {path}: its schema has version {found}, this program knows versions up to {known}. "
            f"Install the newer selfheald again, or stop it and put {path.name}.v{known}.bak in the file's place",
        )


def _apply(connection: sqlite3.Connection, path: Path, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: another process may have been at it until a moment ago.
        if version_of(connection) < migration.version:
            _refuse_strangers(connection, path)
            for statement in statements(migration.sql):
                connection.execute(statement)
            _check_references(connection, migration)
            connection.execute(f"PRAGMA user_version = {migration.version:d}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    if version_of(connection) == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise ConfigError(f"opening {path}: it is a SQLite file of another program. Name another `state_dir`")


def _check_references(connection: sqlite3.Connection, migration: Migration) -> None:
    with closing(connection.execute("PRAGMA foreign_key_check")) as broken:
        if first := broken.fetchone():
            raise ValueError(f"migration {migration.version} breaks a reference from table {first[0]}")
