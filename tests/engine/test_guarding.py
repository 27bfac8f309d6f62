"""Whatever an agent has written: the guards answer, and the daemon goes on meanwhile."""

import asyncio
import os
import time

import pytest
from tests.guards.diffs import added, modified
from tests.sandbox.processes import command_lines

from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.guards.change import Change, GuardPolicy
from selfheald.domain.guards.rules import Rule
from selfheald.domain.redaction import SecretSpan
from selfheald.engine.guarding import PROGRAM, guarded
from selfheald.sandbox.family import process_table

POLICY = GuardPolicy()


def no_secret(_: str) -> list[SecretSpan]:
    return []


async def judged(*changes: Change, policy: GuardPolicy = POLICY, cpu_seconds: int = 60) -> tuple[Finding, ...]:
    return await guarded(changes, policy, protected_paths=(), find_secrets=no_secret, cpu_seconds=cpu_seconds)


def endless() -> Change:
    """Honest in its form: a test whose assertions are all replaced, more than can be compared in a second."""
    lines = range(8_000)
    before = "".join(f"    assert first({number}) == {number}\n" for number in lines)
    after = "".join(f"    assert second({number}) == {number}1\n" for number in lines)
    return modified("tests/test_a.py", f"def test_a():\n{before}", f"def test_a():\n{after}")


async def test_its_findings_are_those_of_the_guards() -> None:
    policy = GuardPolicy(actions={Rule.TEST_SKIPPED: GuardAction.APPROVE})
    before, after = "def test_a():\n    assert x\n", "@pytest.mark.skip\ndef test_a():\n    assert x\n"

    (finding,) = await judged(modified("tests/test_\udc80é.py", before, after), policy=policy)

    assert (finding.rule, finding.action, finding.line) == (Rule.TEST_SKIPPED, GuardAction.APPROVE, 1)


async def test_secrets_that_only_the_daemon_knows_are_found() -> None:
    def find(text: str) -> list[SecretSpan]:
        at = text.find("our-own")
        return [SecretSpan(start=at, end=at + 7, rule="known-value")] if at >= 0 else []

    (finding,) = await guarded([added("a.py", "x = 1\ny = 'our-own'\n")], POLICY, protected_paths=(), find_secrets=find)

    assert (finding.rule, finding.line) == (Rule.SECRET, 2)


async def test_a_diff_that_takes_too_long_is_blocked() -> None:
    (finding,) = await judged(endless(), cpu_seconds=1)

    assert (finding.rule, finding.action) == (Rule.NOT_LOOKED_AT, GuardAction.BLOCK)


@pytest.mark.parametrize("action", [None, GuardAction.NOTE])
async def test_it_is_blocked_whatever_the_configuration_says(action: GuardAction | None) -> None:
    policy = GuardPolicy(actions={Rule.NOT_LOOKED_AT: action})

    (finding,) = await judged(endless(), policy=policy, cpu_seconds=1)

    assert finding.action is GuardAction.BLOCK


async def test_the_daemon_goes_on_meanwhile() -> None:
    judging = asyncio.create_task(judged(endless(), cpu_seconds=2))
    longest, last = 0.0, time.monotonic()
    while not judging.done():
        await asyncio.sleep(0)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()

    assert longest < 1


def judging_processes() -> list[int]:
    table = process_table()
    return [
        pid
        for pid, line in command_lines().items()
        if PROGRAM in line and pid in table and table[pid].parent == os.getpid()
    ]


async def test_when_nobody_waits_any_more_it_is_ended() -> None:
    judging = asyncio.create_task(judged(endless(), cpu_seconds=60))
    while not judging_processes():  # noqa: ASYNC110 - a process tells nobody that it has begun
        await asyncio.sleep(0)
    judging.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(judging, 20)

    assert judging_processes() == []
