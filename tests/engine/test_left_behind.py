"""No failure of a branch that has a newer commit, or that is gone, is healed; on fakes."""

import asyncio
from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import Rig

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.decision import Defer, Skip
from selfheald.domain.errors import TransientError
from selfheald.domain.events import Decided
from selfheald.domain.policy import Mode, SupersededBy
from selfheald.domain.reasons import Reason


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def move_on(rig: Rig, message: str = "") -> None:
    """Somebody pushes to ``main``; no pipeline has ended yet."""
    commit = rig.repositories.add(make.REPOSITORY, {"cents.py": "moved on\n"})
    rig.code_host.messages[commit] = message
    rig.code_host.set_branch(make.REPOSITORY, "main", commit)


async def test_an_agent_at_work_is_stopped_when_its_branch_has_a_newer_commit(rig: Rig) -> None:
    rig.agent.hold = asyncio.Event()
    rig.failing()
    await rig.sweep()
    working = asyncio.create_task(rig.heal())
    await asyncio.wait_for(rig.agent.started.wait(), 5)

    move_on(rig)
    await asyncio.wait_for(working, 5)

    case = await rig.case()
    assert (case.state, case.reason, case.lease_owner) == (CaseState.SUPERSEDED, Reason.SUPERSEDED, None)
    assert "main is at" in (await rig.store.cases.events(case.id))[-1].note
    assert (await rig.attempts())[0].outcome is AttemptOutcome.INTERRUPTED


@pytest.mark.parametrize(("gone", "reason"), [(False, Reason.SUPERSEDED), (True, Reason.BRANCH_GONE)])
async def test_a_case_that_awaits_approval_ends_when_its_branch_moves_on(
    tmp_path: Path, reason: Reason, *, gone: bool
) -> None:
    rig = Rig(tmp_path, project=make.project(mode=Mode.APPROVE))
    rig.failing()
    await rig.sweep()
    await rig.casework.work_off()
    assert (await rig.case()).state is CaseState.AWAITING_APPROVAL

    if gone:
        rig.code_host.set_branch(make.REPOSITORY, "main", None)
    else:
        move_on(rig)
    rig.clock.move(minutes=2)
    await rig.casework.work_off()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.SUPERSEDED, reason)


async def test_a_pull_request_whose_head_says_skip_is_left_alone(rig: Rig) -> None:
    request = rig.code_host.add_pull_request(make.REPOSITORY, head_branch="main")
    rig.code_host.messages[request.head_commit] = "Try it [skip selfheal]"
    rig.failing(ref=make.pull_request_ref(request.number), commit=make.sha(8), commit_message="Merge 1 into 2")

    await rig.sweep()

    (decided,) = rig.heard(Decided)
    assert isinstance(decided.decision, Skip)
    assert decided.decision.reason is Reason.SKIP_REQUESTED


async def test_no_attempt_is_made_for_a_branch_that_is_gone(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    rig.code_host.set_branch(make.REPOSITORY, "main", None)

    await rig.heal()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.SUPERSEDED, Reason.BRANCH_GONE)
    assert not rig.agent.tasks


async def test_no_case_is_opened_for_a_branch_that_has_a_newer_commit(rig: Rig) -> None:
    rig.failing()
    move_on(rig)

    await rig.sweep()

    assert not await rig.store.cases.cases()
    (decided,) = rig.heard(Decided)
    assert isinstance(decided.decision, Skip)
    assert decided.decision.reason is Reason.SUPERSEDED
    assert "the branch is at" in decided.decision.saw


async def test_no_case_is_opened_for_a_branch_that_is_gone(rig: Rig) -> None:
    rig.failing()
    rig.code_host.set_branch(make.REPOSITORY, "main", None)

    await rig.sweep()

    (decided,) = rig.heard(Decided)
    assert isinstance(decided.decision, Skip)
    assert decided.decision.reason is Reason.BRANCH_GONE


async def test_while_the_branch_cannot_be_read_the_decision_is_put_off(rig: Rig) -> None:
    rig.failing()
    rig.code_host.fail_next(TransientError("down"))
    await rig.sweep()
    (decided,) = rig.heard(Decided)
    assert isinstance(decided.decision, Defer)
    assert decided.decision.reason is Reason.UNAVAILABLE

    rig.clock.move(minutes=3)
    await rig.sweep()

    assert (await rig.case()).state is CaseState.QUEUED


async def test_the_branch_is_not_asked_for_when_the_decision_has_fallen_already(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(mode=Mode.OFF))
    rig.failing()

    await rig.sweep()

    assert "branch_head" not in rig.code_host.calls


@pytest.mark.parametrize("pushed", [False, True])
async def test_a_newer_commit_ends_the_case_before_its_next_step(rig: Rig, *, pushed: bool) -> None:
    if pushed:
        await rig.to_validating()
        rig.clock.move(minutes=2)
    else:
        rig.failing()
        await rig.sweep()
    move_on(rig)

    await rig.heal()
    await rig.casework.work_off()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.SUPERSEDED, Reason.SUPERSEDED)
    assert "main is at" in (await rig.store.cases.events(case.id))[-1].note
    assert len(rig.agent.tasks) == pushed


async def test_a_fix_is_not_pushed_for_a_branch_that_moved_on_meanwhile(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    await rig.heal()
    move_on(rig)

    await rig.casework.work_off()

    assert (await rig.case()).reason is Reason.SUPERSEDED
    assert (await rig.case()).pushed is None


async def test_a_newer_commit_that_is_not_built_ends_nothing(rig: Rig) -> None:
    rig.failing()
    move_on(rig, "Bump the version [skip ci]")

    await rig.sweep()
    await rig.heal()

    assert (await rig.case()).state is CaseState.PUSHING


async def test_a_branch_that_is_never_at_rest_can_be_healed_nevertheless(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(superseded_by=SupersededBy.PIPELINE))
    rig.failing()
    move_on(rig)

    await rig.sweep()
    await rig.heal()

    assert (await rig.case()).state is CaseState.PUSHING


async def test_nothing_is_published_for_a_branch_that_is_gone(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.ci_on_our_branch(case)
    rig.code_host.set_branch(make.REPOSITORY, "main", None)
    rig.clock.move(minutes=2)

    await rig.casework.work_off()

    after = await rig.case()
    assert (after.state, after.reason) == (CaseState.SUPERSEDED, Reason.BRANCH_GONE)
