"""Several processes on one file: the daemon, the command line beside it, and the one that was killed."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from tests.builders import AGENT, NOW, PROJECT, later, new_case, pipeline, sha
from tests.store.drive import opened
from tests.store.other_process import CASES

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import Case, CaseState, advance
from selfheald.domain.decision import Heal
from selfheald.store.open import Store, open_store

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a test gives up on another process."""

Process = subprocess.Popen[str]


@contextmanager
def process(role: str, path: Path, name: str = "one") -> Iterator[Process]:
    """Run :mod:`tests.store.other_process`; it has ended afterwards."""
    command = [sys.executable, "-m", "tests.store.other_process", role, str(path), name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def line(other: Process) -> str:
    """Read what another process says next."""
    assert other.stdout is not None
    return other.stdout.readline().strip()


def race(role: str, path: Path) -> Sequence[set[str]]:
    """Let two processes do the same at the same time; gives what each of them won."""
    with ExitStack() as stack:
        racers = [stack.enter_context(process(role, path, name)) for name in ("one", "two")]
        assert [line(racer) for racer in racers] == ["ready", "ready"]
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = [racer.communicate(timeout=PATIENCE)[0] for racer in racers]
        assert [racer.returncode for racer in racers] == [0, 0]
    return [set(each.splitlines()) for each in said]


class TestTwoStoresInOneProcess:
    async def test_one_of_two_changes_to_a_case_wins(self, sqlite: Store, path: Path) -> None:
        case = await opened(sqlite)
        claimed, cancelled = (advance(case, to, now=NOW) for to in (CaseState.HEALING, CaseState.CANCELLED))

        async with await open_store(path) as other:
            won = await asyncio.gather(sqlite.cases.save(case, claimed), other.cases.save(case, cancelled))

        assert sorted(won) == [False, True]
        assert await sqlite.cases.case(case.id) == (claimed if won[0] else cancelled)
        assert len(await sqlite.cases.events(case.id)) == 2

    async def test_one_of_two_decisions_opens_the_case(self, sqlite: Store, path: Path) -> None:
        heal = Heal(approval=False)

        async with await open_store(path) as other:
            made = await asyncio.gather(
                *(s.journal.decide(PROJECT, pipeline(), heal, now=NOW, new_case=new_case()) for s in (sqlite, other))
            )

        assert [case.id for case in made if case] == [case.id for case in await sqlite.cases.cases()]
        assert len(await sqlite.cases.cases()) == 1

    @pytest.mark.parametrize("count", [8])
    async def test_a_new_file_may_be_opened_by_many_at_once(self, path: Path, count: int) -> None:
        stores = await asyncio.gather(*(open_store(path) for _ in range(count)))

        assert [list(await store.cases.cases()) for store in stores] == [[]] * count
        for store in stores:
            await store.close()


class TestTwoProcesses:
    async def test_each_case_is_claimed_by_one(self, path: Path) -> None:
        async with await open_store(path) as store:
            for number in range(1, CASES + 1):
                await opened(store, pipeline=pipeline(id=f"ppl-{number}", commit=sha(number)))

        one, two = await asyncio.to_thread(race, "save", path)

        assert one | two == {f"won {number}" for number in range(1, CASES + 1)}
        assert not one & two
        async with await open_store(path) as store:
            for case in await store.cases.cases():
                [*_, claim] = await store.cases.events(case.id)
                assert (case.state, case.version, case.lease_owner) == (CaseState.HEALING, 2, claim.actor)

    async def test_each_failure_gets_one_case(self, path: Path) -> None:
        await (await open_store(path)).close()

        one, two = await asyncio.to_thread(race, "decide", path)

        assert one | two == {f"won {number}" for number in range(1, CASES + 1)}
        assert not one & two
        async with await open_store(path) as store:
            assert len(await store.cases.cases()) == CASES


class TestKilled:
    async def test_what_was_confirmed_is_there_and_nothing_is_half_done(self, path: Path) -> None:
        confirmed = await asyncio.to_thread(kill_while_writing, path, 25)

        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        async with await open_store(path) as store:
            cases: dict[int, Case] = {case.id: case for case in await store.cases.cases()}
            assert set(confirmed) <= set(cases)
            assert all(cases[number].state is CaseState.HEALING for number in confirmed)
            for case in cases.values():
                events = await store.cases.events(case.id)
                assert [event.after for event in events] == ["queued", "healing"][: case.version]
            cursor = await store.journal.cursor(PROJECT)
            assert cursor is not None
            assert cursor >= later(seconds=max(confirmed))

    async def test_work_goes_on_where_it_was_left(self, path: Path) -> None:
        [*_, last] = await asyncio.to_thread(kill_while_writing, path, 3)

        async with await open_store(path) as store:
            case = next(case for case in await store.cases.cases() if case.id == last)
            await store.cases.start_attempt(case, agent=AGENT, folder="", now=later(hours=1))
            outcomes = [attempt.outcome for attempt in await store.cases.attempts(case.id)]

        assert outcomes == [AttemptOutcome.INTERRUPTED, None]


def kill_while_writing(path: Path, lines: int) -> list[int]:
    """Kill a writer in the middle of its work; gives the cases that it had confirmed."""
    with process("write", path) as writer:
        confirmed = [int(line(writer).split()[0]) for _ in range(lines)]
        writer.kill()
        assert writer.wait(PATIENCE) == -9
    return confirmed
