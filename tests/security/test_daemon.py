"""Attacks on the whole daemon, which goes on: each is told where people look, and the next failure is healed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason
from selfheald.domain.refusal import RefusalKind
from tests.git.origin import git
from tests.sandbox.processes import marked, token
from tests.security.attacks.exhaustion import EXHAUSTION, DaemonAttack
from tests.security.attacks.proposals import PROPOSALS, ProposalAttack
from tests.system.house import FIX, SLUG, House, agent, page, until
from tests.system.house import house as built

pytestmark = pytest.mark.slow


TEST = "def test_answer() -> None:\n    assert open('answer.txt').read() == 'right'\n"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with built(tmp_path, files=[("test_answer.py", TEST)]) as house:
        yield house


def transcript(house: House) -> str:
    """What the first attempt said."""
    (file,) = house.state.glob("attempts/1-1/transcript.txt")
    return file.read_text(errors="replace")


@pytest.mark.parametrize("attack", EXHAUSTION, ids=[attack.name for attack in EXHAUSTION])
async def test_an_exhausting_agent_costs_its_attempt_and_nothing_else(house: House, attack: DaemonAttack) -> None:
    house.settings["sandbox_limits"] = {attack.limit: attack.value}
    house.settings["agents"] = {"fixer": agent(attack.script)}

    async with house.daemon() as running:
        await house.break_main()
        case = await house.case(CaseState.EXHAUSTED)
        healthy, _ = await page(running, "/healthz")
        _, metrics = await page(running, "/metrics")
    told = await house.selfheald("case", "1")

    (attempt,), _ = await house.history()
    assert (attempt.outcome, case.reason) == (AttemptOutcome.LIMIT_REACHED, Reason.SANDBOX_LIMIT)
    assert f"sandbox_limits.{attack.limit}" in attempt.note
    assert f"sandbox_limits.{attack.limit}" in told.out
    assert 'outcome="limit_reached"' in metrics
    assert healthy == 200
    assert "WON" not in transcript(house)
    assert house.leftovers == []


@pytest.mark.parametrize("attack", EXHAUSTION, ids=[attack.name for attack in EXHAUSTION])
async def test_it_exhausts_where_the_limits_are_wide(house: House, attack: DaemonAttack) -> None:
    house.settings["agents"] = {"fixer": agent(attack.script)}

    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.EXHAUSTED)

    assert "WON" in transcript(house)


@pytest.mark.parametrize("attack", PROPOSALS, ids=[attack.name for attack in PROPOSALS])
async def test_what_is_protected_is_not_proposed_and_told(house: House, attack: ProposalAttack) -> None:
    house.settings["defaults"]["guards"] = {"tries": 0}
    house.settings["agents"] = {"fixer": agent(f"{attack.script}; {FIX}")}

    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.BLOCKED)
    told = await house.selfheald("case", "1")

    (attempt,), _ = await house.history()
    assert attempt.outcome is AttemptOutcome.BLOCKED
    assert attack.path in told.out
    assert await house.branches() == {}


@pytest.mark.parametrize("attack", PROPOSALS, ids=[attack.name for attack in PROPOSALS])
async def test_it_is_proposed_where_nothing_is_protected(house: House, attack: ProposalAttack) -> None:
    house.settings["agents"] = {"fixer": agent(f"{attack.script}; {FIX}")}
    house.settings["defaults"].update(attack.off)

    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.PROPOSED)

    (commit,) = (await house.branches()).values()
    changed = git(house.town.github.path(SLUG), "show", "--name-only", "--format=", commit)
    assert attack.path in changed.decode().splitlines()


KNOCK = (
    "bash -c 'exec 3<>/dev/tcp/127.0.0.1/61128; "
    r'printf "CONNECT 127.0.0.1:%s HTTP/1.1\r\nHost: x\r\n\r\n" >&3; cat <&3'
    "'"
)


@pytest.mark.parametrize("allowed", [False, True])
async def test_what_an_agent_may_not_reach_is_told_with_its_case(house: House, *, allowed: bool) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"WON\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        house.settings["egress"] = [f"127.0.0.1:{port}"] if allowed else []
        house.settings["agents"] = {"fixer": agent(f"{KNOCK % port}; {FIX}")}
        async with house.daemon() as running:
            await house.break_main()
            await house.case(CaseState.PROPOSED)
            _, metrics = await page(running, "/metrics")
    told = await house.selfheald("case", "1")

    (attempt,), _ = await house.history()
    refused = [(refusal.kind, refusal.what) for refusal in attempt.refusals]
    assert refused == ([] if allowed else [(RefusalKind.EGRESS, f"127.0.0.1:{port}")])
    assert ("WON" in transcript(house)) is allowed
    assert (f"127.0.0.1:{port}" in told.out) is not allowed
    assert ('kind="egress"' in metrics) is not allowed


@pytest.mark.parametrize(("sandbox", "outlives"), [("bubblewrap", False), ("none", True)])
async def test_what_an_agent_leaves_running_dies_with_a_killed_daemon(
    house: House, sandbox: str, *, outlives: bool
) -> None:
    mark = token()
    orphan = f"(setsid sh -c 'trap \"\" TERM HUP; sleep 300; : {mark}' </dev/null >/dev/null 2>&1 &)"
    house.settings["sandbox"] = sandbox
    house.settings["agents"] = {"fixer": agent(f"{orphan}; echo began; sleep 300")}
    async with house.daemon() as running:
        await house.break_main()
        await until(lambda: running.said("agent_progress"))
        running.process.kill()
        await running.process.wait()

    async def gone() -> bool:
        return not marked(mark)

    if outlives:  # no sandbox: only the next daemon ends it
        assert marked(mark)
    else:
        await until(gone)
    house.settings["agents"] = {"fixer": agent(FIX)}
    async with house.daemon():
        await house.case(CaseState.PROPOSED)
    assert await asyncio.to_thread(marked, mark) == []
