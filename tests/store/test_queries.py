"""What is asked again and again stays cheap, however much the store remembers."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.builders import NOW, PROJECT, ago, later, passed_pipeline, pipeline, sha
from tests.store.drive import opened

from selfheald.domain.errors import TransientError
from selfheald.store import entries, journal, lookback
from selfheald.store.journal import SqliteJournal
from selfheald.store.open import Store

SWEPT = [pipeline(id="ppl-1"), passed_pipeline(id="ppl-2", commit=sha(2))]
NAMED = vars(lookback) | {"OPEN_CASE": entries.OPEN_CASE}
HISTORY = {
    name: query
    for name, query in NAMED.items()
    if name.isupper() and not name.startswith("_") and "SELECT" in str(query)
}
"""A name that begins with ``_`` is that of a part of a query."""


@pytest.fixture
def lock(path: Path, sqlite: Store) -> Iterator[sqlite3.Connection]:
    """Another process's connection; once it begins to write, nobody else can."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def hurry(store: Store) -> None:
    """Let the store wait for nobody."""
    await store.database.write(lambda connection: connection.execute("PRAGMA busy_timeout = 0").fetchall())


class TestSweepsThatBringNothingNew:
    async def test_they_write_nothing(self, sqlite: Store, lock: sqlite3.Connection) -> None:
        await hurry(sqlite)
        await sqlite.journal.record(PROJECT, SWEPT, cursor=ago(minutes=2), now=NOW)
        lock.execute("BEGIN IMMEDIATE")

        for cursor in (ago(minutes=2), ago(minutes=3), None):
            assert await sqlite.journal.record(PROJECT, SWEPT, cursor=cursor, now=NOW) == ()

        with pytest.raises(TransientError):
            await sqlite.journal.record(PROJECT, SWEPT, cursor=NOW, now=NOW)
        with pytest.raises(TransientError):
            await sqlite.journal.record(PROJECT, [pipeline(id="ppl-3")], cursor=None, now=NOW)

    async def test_what_could_not_be_written_is_news_again(self, sqlite: Store, lock: sqlite3.Connection) -> None:
        await hurry(sqlite)
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError):
            await sqlite.journal.record(PROJECT, SWEPT, cursor=NOW, now=NOW)
        lock.execute("ROLLBACK")

        assert list(await sqlite.journal.record(PROJECT, SWEPT, cursor=NOW, now=NOW)) == SWEPT
        assert await sqlite.journal.cursor(PROJECT) == NOW

    async def test_after_a_restart_known_pipelines_are_no_news(self, sqlite: Store) -> None:
        await sqlite.journal.record(PROJECT, SWEPT, cursor=NOW, now=NOW)

        restarted = SqliteJournal(sqlite.database, str)

        assert list(await restarted.record(PROJECT, SWEPT, cursor=ago(hours=1), now=NOW)) == []
        assert await restarted.cursor(PROJECT) == NOW

    async def test_more_than_is_kept_in_memory_is_still_no_news(self, sqlite: Store) -> None:
        many = [passed_pipeline(id=f"ppl-{number}") for number in range(journal.REMEMBERED + 50)]

        assert len(await sqlite.journal.record(PROJECT, many, cursor=NOW, now=NOW)) == len(many)
        assert list(await sqlite.journal.record(PROJECT, many, cursor=NOW, now=NOW)) == []

    async def test_sweeps_of_many_projects_at_once_do_not_mix(self, sqlite: Store) -> None:
        async def sweep(number: int) -> list[str]:
            found = pipeline(id=f"ppl-{number}", commit=sha(number))
            fresh = await sqlite.journal.record(PROJECT, [found], cursor=later(seconds=number), now=NOW)
            return [built.id for built in fresh]

        swept = await asyncio.gather(*(sweep(number) for number in range(1, 30)))

        assert swept == [[f"ppl-{number}"] for number in range(1, 30)]
        assert await sqlite.journal.cursor(PROJECT) == later(seconds=29)


class TestPlans:
    """SQLite says how it would answer: by an index, never by looking at every row."""

    def test_every_query_of_the_history_is_looked_at(self) -> None:
        assert len(HISTORY) == 17

    @pytest.mark.parametrize(
        "query", [*HISTORY.values(), journal.UNDECIDED, journal.KNOWN_STATE], ids=[*HISTORY, "UNDECIDED", "KNOWN_STATE"]
    )
    async def test_no_query_scans_a_table(self, sqlite: Store, query: str) -> None:
        await opened(sqlite)

        plan = await sqlite.database.read(lambda connection: _plan(connection, query))

        assert plan
        assert [step for step in plan if _scans(step)] == []

    async def test_waiting_pipelines_are_found_by_their_own_index_in_order(self, sqlite: Store) -> None:
        [step] = await sqlite.database.read(lambda connection: _plan(connection, journal.UNDECIDED))

        assert step.startswith("SEARCH pipelines USING INDEX pipelines_waiting")

    def test_a_scan_would_be_noticed(self, lock: sqlite3.Connection) -> None:
        assert any(_scans(step) for step in _plan(lock, "SELECT * FROM pipelines WHERE file = 'x'"))


def _plan(connection: sqlite3.Connection, query: str) -> list[str]:
    anything = dict.fromkeys(
        ("failure_key", "a_humans_no", "built", "failed", "repository", "counting", "project", "ref", "file", "now",
         "created_at", "source_branch", "since", "with_a_pull_request", "midnight", "without_a_fix",
             "id", "on_the_way")
    )  # fmt: skip
    values = ("ppl-1",) if "?" in query else anything
    return [found[3] for found in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]


def _scans(step: str) -> bool:
    return step.startswith("SCAN") and "CONSTANT ROW" not in step and "json_each" not in step
