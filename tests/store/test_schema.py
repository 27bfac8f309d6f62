"""The schema: its versions, and the promises that it keeps by itself."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.builders import AGENT, NOW, later, pipeline
from tests.store.drive import opened, stepped

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.case import OPEN_STATES, CaseState
from selfheald.domain.errors import ConfigError
from selfheald.domain.ids import CaseId
from selfheald.domain.pipeline import Result, State
from selfheald.store.database import Database
from selfheald.store.open import Store, open_store
from selfheald.store.schema import Migration, copy_into, known_migrations, statements
from selfheald.store.values import pipeline_text

KNOWN = known_migrations()
LATEST = KNOWN[-1].version
NEXT = Migration(version=LATEST + 1, sql="ALTER TABLE cases ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';\n")


def version(path: Path) -> int:
    """The schema's version in a file."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def content(path: Path) -> bytes:
    """All of a file."""
    return path.read_bytes()


def words(expression: str) -> set[str]:
    """The words in a list of SQL literals."""
    return set(re.findall(r"'([a-z_]+)'", expression))


def checked(path: Path, table: str, pattern: str) -> set[str]:
    """The words that a table's CHECK lists."""
    with closing(sqlite3.connect(path)) as connection:
        [sql] = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    found = re.search(pattern + r" IN \(([^)]*)\)", sql)
    assert found, f"{pattern} in {table}"
    return words(found[1])


@pytest.fixture
def raw(sqlite: Store, path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any SQLite program sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


class TestMigrating:
    def test_migrations_are_numbered_without_a_gap(self) -> None:
        assert [each.version for each in KNOWN] == list(range(1, LATEST + 1))

    async def test_a_new_file_gets_the_latest_version_and_no_backup(self, path: Path) -> None:
        await (await open_store(path)).close()

        assert version(path) == LATEST
        assert [each.name for each in path.parent.iterdir()] == ["selfheald.sqlite"]

    async def test_what_was_there_survives_and_a_copy_is_kept(self, path: Path) -> None:
        async with await open_store(path) as store:
            case = await stepped(store, await opened(store), CaseState.HEALING)

        migrated = await Database.open(path, migrations=(*KNOWN, NEXT))
        rows = await migrated.read(lambda c: c.execute("SELECT id, state, mood FROM cases").fetchall())
        await migrated.close()

        assert [tuple(row) for row in rows] == [(case.id, "healing", "calm")]
        assert version(path) == LATEST + 1
        backup = path.with_name(f"selfheald.sqlite.v{LATEST}.bak")
        assert backup.stat().st_mode & 0o777 == 0o600
        async with await open_store(backup, read_only=True) as before:
            assert list(await before.cases.cases()) == [case]

    async def test_opening_an_up_to_date_file_changes_and_copies_nothing(self, path: Path) -> None:
        await (await open_store(path)).close()
        before = content(path)

        await (await open_store(path)).close()

        assert content(path) == before
        assert [each.name for each in path.parent.iterdir()] == ["selfheald.sqlite"]

    async def test_a_migration_that_fails_changes_nothing(self, path: Path) -> None:
        await (await open_store(path)).close()
        broken = Migration(version=LATEST + 1, sql="DROP TABLE attempts;\nDROP TABLE nowhere;\n")

        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            await Database.open(path, migrations=(*KNOWN, broken))

        assert version(path) == LATEST
        async with await open_store(path) as store:
            assert list(await store.cases.attempts((await opened(store)).id)) == []

    async def test_a_migration_that_breaks_a_reference_is_taken_back(self, path: Path) -> None:
        async with await open_store(path) as store:
            await opened(store)
        careless = Migration(version=LATEST + 1, sql="DELETE FROM pipelines;\n")

        with pytest.raises(ValueError, match="breaks a reference from table cases"):
            await Database.open(path, migrations=(*KNOWN, careless))

        assert version(path) == LATEST

    async def test_a_second_try_replaces_the_backup_of_the_first(self, path: Path) -> None:
        await (await open_store(path)).close()
        backup = path.with_name(f"selfheald.sqlite.v{LATEST}.bak")
        backup.write_text("an earlier one")

        await (await Database.open(path, migrations=(*KNOWN, NEXT))).close()

        assert version(backup) == LATEST
        assert sorted(each.name for each in path.parent.iterdir()) == [path.name, backup.name]

    async def test_many_may_bring_a_file_up_to_date_at_once(self, path: Path) -> None:
        await (await Database.open(path, migrations=KNOWN[:1])).close()

        stores = await asyncio.gather(*(open_store(path) for _ in range(8)))

        assert version(path) == LATEST
        for store in stores:
            await store.close()
        assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}.v1.bak"]

    async def test_a_backup_that_cannot_be_made_stops_the_start(self, path: Path) -> None:
        await (await open_store(path)).close()
        path.with_name(f"selfheald.sqlite.v{LATEST}.bak").mkdir()

        with pytest.raises(ConfigError, match="before its schema changes: Is a directory"):
            await Database.open(path, migrations=(*KNOWN, NEXT))

        assert version(path) == LATEST

    @pytest.mark.parametrize("read_only", [True, False])
    async def test_a_newer_schema_is_refused(self, path: Path, *, read_only: bool) -> None:
        await (await Database.open(path, migrations=(*KNOWN, NEXT))).close()

        with pytest.raises(ConfigError, match=rf"has version {LATEST + 1}, .* up to {LATEST}\. .*v{LATEST}\.bak"):
            await open_store(path, read_only=read_only)

    async def test_a_reader_does_not_migrate(self, path: Path) -> None:
        await (await open_store(path)).close()

        with pytest.raises(ConfigError, match=f"has version {LATEST}, this program needs {LATEST + 1}"):
            await Database.open(path, read_only=True, migrations=(*KNOWN, NEXT))

        assert version(path) == LATEST

    async def test_a_file_of_another_program_is_left_alone(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE bookmarks (url TEXT)")

        with pytest.raises(ConfigError, match="of another program"):
            await open_store(path)

        assert version(path) == 0


class TestCopies:
    def test_a_copy_that_fails_leaves_no_file(self, tmp_path: Path) -> None:
        target = tmp_path / "copy.sqlite"
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.execute("BEGIN")
            with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
                copy_into(connection, target)

        assert not target.exists()


class TestStatements:
    def test_a_trigger_is_one_statement(self) -> None:
        script = "-- why\nCREATE TABLE a (b);\n\nCREATE TRIGGER c AFTER INSERT ON a\nBEGIN\n  SELECT 1;\nEND;\n"

        assert [each.split("\n")[-2] for each in statements(script)] == ["CREATE TABLE a (b);", "END;"]

    def test_a_script_that_breaks_off_is_a_bug(self) -> None:
        with pytest.raises(ValueError, match="within a statement: SELECT 1"):
            list(statements("SELECT 1"))


class TestWords:
    """The lists in the schema are those of the domain; when one grows, a migration is due."""

    @pytest.mark.parametrize(
        ("table", "pattern", "members"),
        [
            ("pipelines", r"CHECK \(state", set(State)),
            ("pipelines", r"CHECK \(result", set(Result)),
            ("pipelines", r"CHECK \(decision", {"heal", "skip", "defer"}),
            ("cases", r"CHECK \(state", set(CaseState)),
            ("cases", r"\(closed_at IS NULL\) = \(state", set(OPEN_STATES)),
            ("attempts", r"CHECK \(outcome", set(AttemptOutcome)),
        ],
    )
    async def test_the_words_of_the_schema_are_the_domains(
        self, sqlite: Store, path: Path, table: str, pattern: str, members: set[str]
    ) -> None:
        assert checked(path, table, pattern) == {str(member) for member in members}


class TestPromises:
    async def test_history_is_only_ever_added_to(self, sqlite: Store, raw: sqlite3.Connection) -> None:
        await opened(sqlite)

        for statement in ("UPDATE case_events SET note = 'nicer'", "DELETE FROM case_events"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
                raw.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE cases SET state = 'on_holiday'",
            "UPDATE cases SET state = 'healed'",
            "UPDATE cases SET closed_at = opened_at",
            "UPDATE cases SET reason = 'merged'",
            "UPDATE cases SET version = 0",
            "UPDATE cases SET opened_at = '2026-11-23 12:00'",
            "UPDATE cases SET pull_request = 'seven'",
            "UPDATE cases SET pipeline_id = 'ppl-404'",
            "UPDATE pipelines SET decision = 'maybe'",
            "UPDATE pipelines SET decision = 'defer'",
            "UPDATE pipelines SET payload = '{'",
            "DELETE FROM pipelines",
        ],
    )
    async def test_an_impossible_row_is_refused(self, sqlite: Store, raw: sqlite3.Connection, statement: str) -> None:
        await opened(sqlite)
        raw.execute("PRAGMA foreign_keys = ON")

        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(statement)

    async def test_a_failure_has_one_open_case(self, sqlite: Store, raw: sqlite3.Connection) -> None:
        await stepped(sqlite, await opened(sqlite), CaseState.FAILED, at=later(minutes=1))
        await opened(sqlite)

        with pytest.raises(sqlite3.IntegrityError, match="failure_key"):
            raw.execute("UPDATE cases SET state = 'queued', closed_at = NULL WHERE id = 1")


class TestTheAgentsZone:
    """Version 2 makes the table of attempts anew."""

    async def test_attempts_their_numbers_and_indexes_stay(self, path: Path) -> None:
        await (await Database.open(path, migrations=KNOWN[:1])).close()
        with closing(sqlite3.connect(path)) as old:
            old.executescript(VERSION_1_ROWS)
            indexes = _indexes(old)

        async with await open_store(path) as store:
            [kept] = await store.cases.attempts(CaseId(1))
            case = await store.cases.case(CaseId(1))
            assert case
            begun = await store.cases.start_attempt(case, agent=AGENT, folder="f", now=NOW)

        assert (kept.id, kept.number, kept.outcome, kept.commit) == (7, 1, AttemptOutcome.FIXED, "abc")
        assert kept.usage == Usage(model="m", input_tokens=9, cached_input_tokens=4, output_tokens=2)
        assert (kept.cost_micros, kept.refusals, kept.findings, kept.usages) == (1234, (), (), ())
        assert case.reserved_micros == 0
        assert begun.id == 10, "numbers are never used twice, even of attempts that are gone"
        with closing(sqlite3.connect(path)) as new:
            assert _indexes(new) >= indexes

    async def test_an_attempt_still_runs_once_at_a_time(self, path: Path) -> None:
        await (await Database.open(path, migrations=KNOWN[:1])).close()
        with closing(sqlite3.connect(path)) as old:
            old.executescript(VERSION_1_ROWS)
        await (await open_store(path)).close()
        running = "INSERT INTO attempts (case_id, number, agent, base, started_at) VALUES (1, ?, 'a', 'b', ?)"

        with closing(sqlite3.connect(path)) as new:
            new.execute(running, (2, AN_INSTANT))
            with pytest.raises(sqlite3.IntegrityError, match="case_id"):
                new.execute(running, (3, AN_INSTANT))


AN_INSTANT = "2026-11-23T12:00:00.000000Z"
VERSION_1_ROWS = """
INSERT INTO pipelines (id, project, project_id, ref, file, commit_sha, state, created_at, seen_at, payload)
VALUES ('ppl-1', 'billing', 'p', 'r', 'f', 'c', 'done', 'AN_INSTANT', 'AN_INSTANT', '{}');
INSERT INTO cases (id, version, project, repository, pipeline_id, pipeline, commit_sha, failure_key, branch, state,
                   opened_at, updated_at, due_at, base, failed_pipeline)
VALUES (1, 1, 'billing', 'acme/billing', 'ppl-1', 'A_PIPELINE', 'c', 'k', 'b', 'queued',
        'AN_INSTANT', 'AN_INSTANT', 'AN_INSTANT', 'c', 'ppl-1');
INSERT INTO attempts (id, case_id, number, agent, base, started_at, finished_at, outcome, commit_sha, model,
                      input_tokens, cached_input_tokens, output_tokens, cost_micros)
VALUES (7, 1, 1, 'codex', 'c', 'AN_INSTANT', 'AN_INSTANT', 'fixed', 'abc', 'm', 9, 4, 2, 1234);
INSERT INTO attempts (id, case_id, number, agent, base, started_at) VALUES (9, 1, 2, 'codex', 'c', 'AN_INSTANT');
DELETE FROM attempts WHERE id = 9;
""".replace("AN_INSTANT", AN_INSTANT).replace("A_PIPELINE", pipeline_text(pipeline()))


def _indexes(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """The indexes on attempts, with what makes them."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = 'attempts' AND type = 'index'")
    return {(name, sql) for name, sql in found if sql}
