"""One file, one thread that writes, one that reads: transactions, errors, closing."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.builders import NOW, PROJECT, pipeline
from tests.store.drive import opened

from selfheald.domain.errors import ConfigError, NotFoundError, RefusedError, TransientError
from selfheald.store.database import Database
from selfheald.store.errors import StoreClosedError, StoreReadOnlyError
from selfheald.store.open import Store, open_store

ADD = "INSERT INTO meta (key, value) VALUES (?, 'x')"
PATIENCE = 10.0
"""Seconds after which a test gives up on something that takes milliseconds."""


def keys(connection: sqlite3.Connection) -> set[str]:
    """What stands in the table that the tests write to."""
    return {row["key"] for row in connection.execute("SELECT key FROM meta")} - {"created_at"}


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def put_a_poem(path: Path) -> str:
    """Put a text in the file's place."""
    poem = "a poem, of a length that a database would have " * 100
    path.parent.mkdir()
    path.write_text(poem)
    return poem


def damage(path: Path) -> None:
    """Leave nothing of the file but its first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


@pytest.fixture
async def impatient(database: Database) -> Database:
    """Waits for nobody."""
    await database.write(lambda connection: connection.execute("PRAGMA busy_timeout = 0").fetchall())
    return database


@pytest.fixture
def stranger(path: Path, database: Database) -> Iterator[sqlite3.Connection]:
    """Another process's connection to the same file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


class TestTransactions:
    async def test_what_was_written_can_be_read(self, database: Database) -> None:
        await database.write(lambda connection: connection.execute(ADD, ("one",)))

        assert await database.read(keys) == {"one"}

    async def test_nothing_is_kept_of_work_that_raises(self, database: Database) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(ADD, ("half",))
            raise LookupError("the other half")

        with pytest.raises(LookupError, match="the other half"):
            await database.write(work)

        assert await database.read(keys) == set()
        await database.write(lambda connection: connection.execute(ADD, ("after",)))
        assert await database.read(keys) == {"after"}

    async def test_a_commit_that_fails_keeps_nothing(self, database: Database) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute(ADD, ("half",))
            connection.execute(
                "INSERT INTO attempts (case_id, number, agent, base, started_at) "
                "VALUES (404, 1, '', '', '2026-11-23T12:00:00.000000Z')"
            )

        with pytest.raises(sqlite3.IntegrityError):
            await database.write(work)

        assert await database.read(keys) == set()

    async def test_all_writing_happens_in_one_thread_and_all_reading_in_another(self, database: Database) -> None:
        writers = await asyncio.gather(*(database.write(lambda _: threading.get_ident()) for _ in range(5)))
        readers = await asyncio.gather(*(database.read(lambda _: threading.get_ident()) for _ in range(5)))

        assert len({*writers}) == len({*readers}) == 1
        assert len({*writers, *readers, threading.get_ident()}) == 3

    async def test_reading_cannot_write(self, database: Database) -> None:
        with pytest.raises(TransientError, match="readonly"):
            await database.read(lambda connection: connection.execute(ADD, ("one",)))

    async def test_a_reader_sees_one_unchanging_view(self, database: Database) -> None:
        began, go_on = threading.Event(), threading.Event()

        def look_twice(connection: sqlite3.Connection) -> tuple[set[str], set[str]]:
            before = keys(connection)
            began.set()
            assert go_on.wait(PATIENCE)
            return before, keys(connection)

        looking = asyncio.ensure_future(database.read(look_twice))
        assert await asyncio.to_thread(began.wait, PATIENCE)
        await database.write(lambda connection: connection.execute(ADD, ("meanwhile",)))
        go_on.set()

        assert await looking == (set(), set())
        assert await database.read(keys) == {"meanwhile"}

    async def test_every_commit_is_synced_and_references_are_enforced(self, database: Database) -> None:
        def settings(connection: sqlite3.Connection) -> list[object]:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

        assert await database.write(settings) == ["wal", 2, 1, 5000]


class TestCancelling:
    async def test_work_that_began_is_brought_to_its_end(self, database: Database) -> None:
        began, go_on = threading.Event(), threading.Event()

        def slowly(connection: sqlite3.Connection) -> None:
            began.set()
            assert go_on.wait(PATIENCE)
            connection.execute(ADD, ("slow",))

        writing = asyncio.ensure_future(database.write(slowly))
        assert await asyncio.to_thread(began.wait, PATIENCE)
        queued = asyncio.ensure_future(database.write(lambda connection: connection.execute(ADD, ("queued",))))
        await asyncio.sleep(0)  # one turn of the loop, so that it stands in the queue
        for task in (writing, queued):
            task.cancel()
        results = await asyncio.gather(writing, queued, return_exceptions=True)
        go_on.set()

        assert [type(result) for result in results] == [asyncio.CancelledError] * 2
        await database.write(lambda connection: connection.execute(ADD, ("next",)))
        assert await database.read(keys) == {"slow", "next"}

    async def test_a_cancelled_opening_leaves_no_thread(self, path: Path) -> None:
        before = threading.active_count()
        opening = asyncio.ensure_future(Database.open(path))
        await asyncio.sleep(0)

        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

        assert threading.active_count() == before


class TestClosing:
    async def test_closing_waits_for_what_was_asked_for(self, path: Path) -> None:
        database = await Database.open(path)
        numbers = iter(range(20))
        writes = [asyncio.ensure_future(database.write(lambda c: c.execute(ADD, (next(numbers),)))) for _ in range(20)]
        await asyncio.sleep(0)

        await database.close()
        await asyncio.gather(*writes)

        again = await Database.open(path)
        assert len(await again.read(keys)) == 20
        await again.close()

    async def test_closing_twice_and_at_once_is_harmless(self, path: Path) -> None:
        database = await Database.open(path)

        await asyncio.gather(database.close(), database.close())
        await database.close()

        assert [each.name for each in path.parent.iterdir()] == [path.name], "the log is folded back into the file"

    async def test_a_closed_store_says_so(self, path: Path) -> None:
        store = await open_store(path)
        await store.close()

        with pytest.raises(StoreClosedError, match="which is closed"):
            await store.journal.cursor(PROJECT)
        with pytest.raises(StoreClosedError, match="which is closed"):
            await store.journal.record(PROJECT, [pipeline()], cursor=NOW, now=NOW)

    async def test_threads_end(self, path: Path) -> None:
        before = threading.active_count()

        async with await open_store(path):
            assert threading.active_count() > before

        assert threading.active_count() == before


class TestTrouble:
    async def test_another_process_that_holds_on_is_trouble_that_passes(
        self, impatient: Database, stranger: sqlite3.Connection
    ) -> None:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match=r"writing to .*selfheald\.sqlite: database is locked"):
            await impatient.write(lambda connection: connection.execute(ADD, ("one",)))
        assert await impatient.read(keys) == set(), "readers never wait"
        stranger.execute("ROLLBACK")

        await impatient.write(lambda connection: connection.execute(ADD, ("one",)))
        assert await impatient.read(keys) == {"one"}

    async def test_a_full_disk_is_trouble_that_passes(self, database: Database) -> None:
        def fill(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA max_page_count = 1")
            connection.execute("INSERT INTO meta (key, value) VALUES ('large', zeroblob(1000000) || '')")

        with pytest.raises(TransientError, match="full"):
            await database.write(fill)

        await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
        await database.write(lambda connection: connection.execute(ADD, ("one",)))
        assert await database.read(keys) == {"one"}

    async def test_a_file_that_is_no_database_is_refused_with_advice(self, path: Path) -> None:
        poem = put_a_poem(path)

        with pytest.raises(ConfigError, match=r"selfheald\.sqlite: file is not a database.* backup"):
            await Database.open(path)

        assert await asyncio.to_thread(path.read_text) == poem

    async def test_a_damaged_file_is_refused_with_advice(self, path: Path) -> None:
        async with await open_store(path) as store:
            await opened(store)
        damage(path)

        with pytest.raises(ConfigError, match=r"opening .*selfheald\.sqlite: .* malformed.* backup"):
            await Database.open(path)

    async def test_a_bug_of_ours_stays_what_it_is(self, database: Database) -> None:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await database.read(lambda connection: connection.execute("SELECT * FROM nowhere"))

    async def test_a_state_folder_that_is_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("")

        with pytest.raises(ConfigError, match=r"opening .*selfheald's user must be able to write there"):
            await Database.open(tmp_path / "state" / "selfheald.sqlite")

    @pytest.mark.parametrize("read_only", [True, False])
    async def test_a_folder_in_the_files_place_is_refused(self, path: Path, *, read_only: bool) -> None:
        await asyncio.to_thread(path.mkdir, parents=True)

        with pytest.raises(ConfigError, match=r"selfheald\.sqlite: it is a folder"):
            await Database.open(path, read_only=read_only)

    @pytest.mark.parametrize("read_only", [True, False])
    async def test_a_path_that_cannot_be_looked_at_is_refused(self, tmp_path: Path, *, read_only: bool) -> None:
        with pytest.raises(ConfigError, match="File name too long"):
            await Database.open(tmp_path / ("x" * 300), read_only=read_only)


class TestPrivacy:
    async def test_only_the_owner_may_read_the_file_its_side_files_and_its_folder(
        self, sqlite: Store, path: Path
    ) -> None:
        await opened(sqlite)

        assert mode(path.parent) == 0o700
        assert {each.name: mode(each) for each in path.parent.iterdir()} == {
            "selfheald.sqlite": 0o600,
            "selfheald.sqlite-shm": 0o600,
            "selfheald.sqlite-wal": 0o600,
        }

    async def test_a_path_with_odd_letters_is_taken_as_it_is(self, tmp_path: Path) -> None:
        odd = tmp_path / "what? 100%20 #1" / "selfheald.sqlite"

        async with await open_store(odd) as store:
            await opened(store)

        assert odd.exists()


class TestReadingOnly:
    async def test_a_reader_beside_the_daemon_sees_what_it_wrote(self, sqlite: Store, path: Path) -> None:
        case = await opened(sqlite)

        async with await open_store(path, read_only=True) as reader:
            assert await reader.cases.case(case.id) == case
            with pytest.raises(StoreReadOnlyError):
                await opened(reader)

    async def test_a_reader_needs_no_daemon(self, path: Path) -> None:
        async with await open_store(path) as store:
            case = await opened(store)

        async with await open_store(path, read_only=True) as reader:
            assert list(await reader.cases.cases()) == [case]

    async def test_a_reader_makes_no_file(self, path: Path) -> None:
        with pytest.raises(NotFoundError, match="no such file"):
            await open_store(path, read_only=True)

        assert not path.parent.exists()


class TestCopying:
    @pytest.mark.parametrize("read_only", [True, False])
    async def test_a_copy_is_a_store_of_its_own(self, sqlite: Store, path: Path, *, read_only: bool) -> None:
        first = await opened(sqlite)
        target = path.with_name("copy.sqlite")

        async with await open_store(path, read_only=read_only) as source:
            await source.copy_to(target)
        async with await open_store(target) as copy:
            second = await opened(copy, pipeline=pipeline(id="ppl-2", commit="f" * 40))
            assert list(await copy.cases.cases()) == [second, first]

        assert list(await sqlite.cases.cases()) == [first]
        assert mode(target) == 0o600

    async def test_a_copy_replaces_nothing(self, sqlite: Store, path: Path) -> None:
        with pytest.raises(RefusedError, match="File exists"):
            await sqlite.copy_to(path)

        assert await sqlite.journal.cursor(PROJECT) is None, "the store goes on"
