"""Guards on the diff: what they block, put before a human, or note, with the real daemon in the simulated town."""

import pytest
from tests.system.house import FIX, SLUG, House, agent, page

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason

pytestmark = pytest.mark.system

TEST = "def test_answer():\n    assert answer() == 42\n"
SKIPS = f"{FIX}; printf 'import pytest\\n\\n\\n@pytest.mark.skip\\n' | cat - test_answer.py > x; mv x test_answer.py"
RULE = "test_skipped"


async def with_a_test(house: House, action: str, script: str = SKIPS) -> None:
    """A repository with a test, and an agent that mends the answer and skips the test."""
    house.settings["agents"] = {"fixer": agent(script)}
    house.settings["defaults"]["guards"] = {"rules": {RULE: action}}
    commit = await house.town.push_files(SLUG, "main", {"test_answer.py": TEST}, "Add a test")
    await house.town.finished(commit)


async def test_a_proposal_that_skips_a_test_is_blocked_and_the_next_attempt_is_told(house: House) -> None:
    told = "grep -q 'test_answer.py:4: test_skipped' \"$1\""
    await with_a_test(house, "block", f"if {told}; then {FIX}; else {SKIPS}; fi")
    async with house.daemon() as running:
        await house.break_main()
        case = await house.case(CaseState.PROPOSED)
        _, metrics = await page(running, "/metrics")

    attempts, _ = await house.history(case)
    assert [attempt.outcome for attempt in attempts] == [AttemptOutcome.BLOCKED, AttemptOutcome.FIXED]
    assert [finding.line for finding in attempts[0].findings] == [4]
    assert 'selfheald_guard_findings_total{action="block",project="billing",rule="test_skipped"} 1.0' in metrics


async def test_an_agent_that_skips_the_test_again_ends_the_case_and_nothing_is_pushed(house: House) -> None:
    await with_a_test(house, "block")
    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.BLOCKED)

    assert case.reason is Reason.DIFF_GUARD
    assert not await house.branches()


async def test_a_proposal_that_a_human_must_see_waits_survives_a_restart_and_is_pushed_once_approved(
    house: House,
) -> None:
    await with_a_test(house, "approve")
    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.AWAITING_APPROVAL)
    assert not await house.branches()

    shown = await house.selfheald("case", str(case.id))
    assert RULE in shown.out
    assert "+@pytest.mark.skip" in shown.out
    approved = await house.selfheald("approve", str(case.id), "--note", "the test is wrong")
    assert RULE in approved.out
    assert "is pushing now" in approved.out
    async with house.daemon():
        await house.case(CaseState.PROPOSED)

    assert (await house.branches())[case.branch] == case.proposal
    assert "approved that it is proposed" in (house.pull_requests[0].body or "")


async def test_a_proposal_that_a_human_rejects_is_never_pushed(house: House) -> None:
    await with_a_test(house, "approve")
    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.AWAITING_APPROVAL)
        rejected = await house.selfheald("reject", str(case.id))
        await house.case(CaseState.REJECTED)

    assert rejected.code == 0
    assert not await house.branches()


async def test_what_is_only_noted_stands_in_the_pull_request(house: House) -> None:
    await with_a_test(house, "note")
    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.PROPOSED)

    (pull_request,) = house.pull_requests
    assert "| test_answer.py | 4 | test_skipped |" in (pull_request.body or "").replace("`", "")
