"""What the tests run in another process: ``python -m tests.store.other_process ROLE FILE NAME``."""

import asyncio
import sys
from pathlib import Path

from tests.builders import NOW, PROJECT, later, new_case, pipeline, sha

from selfheald.domain.case import CaseState, advance
from selfheald.domain.decision import Heal
from selfheald.domain.ids import AgentName
from selfheald.store.open import Store, open_store

CASES = 40
"""Enough that two processes do meet."""


def say(text: str) -> None:
    """Tell the test."""
    print(text, flush=True)  # noqa: T201  # the pipe to the test


def wait_for_the_word() -> None:
    """Start when the test says so."""
    say("ready")
    sys.stdin.readline()


async def save(store: Store, name: str) -> None:
    """Claim each of the cases, as a worker does."""
    cases = list(await store.cases.cases(open_only=True))
    wait_for_the_word()
    for case in cases:
        claimed = advance(case, CaseState.HEALING, now=NOW, lease_owner=name)
        if await store.cases.save(case, claimed, actor=name):
            say(f"won {case.id}")


async def decide(store: Store, name: str) -> None:
    """Open a case for each of the failures."""
    wait_for_the_word()
    for number in range(1, CASES + 1):
        wanted = new_case(pipeline=pipeline(id=f"ppl-{number}", commit=sha(number)))
        heal = Heal(approval=False)
        if await store.journal.decide(PROJECT, wanted.pipeline, heal, now=NOW, new_case=wanted):
            say(f"won {number}")


async def write(store: Store, name: str) -> None:
    """Write until killed; each line confirms what must be there afterwards."""
    number = 0
    while True:
        number += 1
        wanted = new_case(pipeline=pipeline(id=f"ppl-{number}", commit=sha(number)))
        await store.journal.record(PROJECT, [wanted.pipeline], cursor=later(seconds=number), now=NOW)
        case = await store.journal.decide(PROJECT, wanted.pipeline, Heal(approval=False), now=NOW, new_case=wanted)
        assert case is not None
        attempt = await store.cases.start_attempt(case, agent=AgentName(name), folder="", now=NOW)
        await store.cases.save(case, advance(case, CaseState.HEALING, now=NOW))
        say(f"{case.id} {attempt.id}")


ROLES = {"save": save, "decide": decide, "write": write}


async def main() -> None:
    """Take on a role."""
    role, file, name = sys.argv[1:]
    async with await open_store(Path(file)) as store:
        await ROLES[role](store, name)


if __name__ == "__main__":
    asyncio.run(main())
