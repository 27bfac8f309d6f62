"""Only the newest failure of a branch is healed, and a human's no is heard; on fakes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests import builders as make
from tests.engine.rig import Rig

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import Case, CaseState
from selfheald.domain.decision import Skip
from selfheald.domain.errors import TransientError
from selfheald.domain.events import CaseMoved, Decided
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Mode
from selfheald.domain.proposal import PullRequest, PullRequestState
from selfheald.domain.reasons import Reason


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def newer(rig: Rig, **overrides: Any) -> Pipeline:
    """A pipeline of ``main`` that has just ended; it passed, unless told otherwise."""
    commit = rig.repositories.add(make.REPOSITORY, {"cents.py": f"{len(rig.ci.pipelines)}\n"})
    now = rig.clock.now()
    built = make.passed_pipeline(
        **{"id": f"newer-{len(rig.ci.pipelines)}", "commit": commit, "created_at": now, "done_at": now} | overrides
    )
    rig.ci.put(built)
    rig.code_host.set_branch(make.REPOSITORY, built.ref.name, commit)
    return built


def newer_failure(rig: Rig) -> Pipeline:
    return newer(rig, result=make.pipeline().result, reason="test")


async def test_a_case_ends_when_its_branch_is_green_again(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    passed = newer(rig)

    await rig.sweep()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.SUPERSEDED, Reason.BRANCH_GREEN)
    assert passed.id in (await rig.store.cases.events(case.id))[-1].note
    assert rig.heard(CaseMoved)[-1].after == case
    assert await rig.heal() == 0


async def test_only_the_newest_failure_of_a_branch_is_healed(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    newest = newer_failure(rig)

    await rig.sweep()

    first, second = await rig.case(1), await rig.case(2)
    assert (first.state, first.reason) == (CaseState.SUPERSEDED, Reason.SUPERSEDED)
    assert (second.state, second.pipeline) == (CaseState.QUEUED, newest)


async def test_other_branches_end_nothing(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    newer(rig, ref=make.branch("feature"))

    await rig.sweep()

    assert (await rig.case()).state is CaseState.QUEUED


async def test_a_case_that_awaits_approval_is_overtaken_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(mode=Mode.APPROVE))
    rig.failing()
    await rig.sweep()
    newer(rig)

    await rig.sweep()

    assert (await rig.case()).state is CaseState.SUPERSEDED


async def test_an_idle_sweep_does_not_read_cases(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    reads = rig.store.cases.reads

    await rig.sweep()

    assert rig.store.cases.reads == reads


async def test_what_a_sweep_could_not_tell_any_more_is_seen_before_the_attempt(rig: Rig) -> None:
    """The daemon died between keeping the pipelines and looking at the cases."""
    rig.failing()
    await rig.sweep()
    await rig.store.journal.record(make.PROJECT, [newer(rig)], cursor=None, now=rig.clock.now())

    assert await rig.heal() == 0

    assert (await rig.case()).reason is Reason.BRANCH_GREEN
    assert not rig.agent.tasks


async def test_nothing_is_pushed_for_a_branch_that_moved_on(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    await rig.heal()
    await rig.store.journal.record(make.PROJECT, [newer_failure(rig)], cursor=None, now=rig.clock.now())

    await rig.casework.work_off()

    assert (await rig.case()).reason is Reason.SUPERSEDED
    assert "push" not in rig.repositories.calls


async def test_an_agent_at_work_on_an_overtaken_case_is_stopped(rig: Rig) -> None:
    rig.agent.hold = asyncio.Event()
    rig.failing()
    await rig.sweep()
    working = asyncio.create_task(rig.heal())
    await asyncio.wait_for(rig.agent.started.wait(), 5)
    newer(rig)

    await rig.sweep()
    await asyncio.wait_for(working, 5)

    assert (await rig.case()).state is CaseState.SUPERSEDED
    assert (await rig.attempts())[0].outcome is AttemptOutcome.INTERRUPTED


async def test_a_branch_that_cannot_be_looked_at_does_not_stop_the_attempt(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    rig.code_host.fail_next(TransientError("down"))

    await rig.heal()

    assert (await rig.case()).state is CaseState.PUSHING


async def test_our_pull_request_is_closed_when_the_branch_is_green_without_it(rig: Rig) -> None:
    proposed = await rig.to_proposed()
    passed = newer(rig)

    case, pull_request = await followed(rig)

    assert (case.state, case.reason) == (CaseState.WITHDRAWN, Reason.BRANCH_GREEN)
    assert pull_request.state is PullRequestState.CLOSED
    (comment,) = rig.code_host.comments[make.REPOSITORY, proposed.pull_request or 0]
    assert passed.id in comment


async def followed(rig: Rig) -> tuple[Case, PullRequest]:
    """After a sweep and a look at the only pull request."""
    await rig.sweep()
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    (pull_request,) = rig.code_host.pull_requests.values()
    return await rig.case(), pull_request


async def test_our_pull_request_stays_when_our_own_commit_passed_on_the_branch(rig: Rig) -> None:
    proposed = await rig.to_proposed()
    newer(rig, commit=proposed.pushed)

    case, pull_request = await followed(rig)

    assert (case.state, pull_request.state) == (CaseState.PROPOSED, PullRequestState.OPEN)


async def test_a_pull_request_that_was_merged_while_it_was_to_be_closed_is_healed(rig: Rig) -> None:
    proposed = await rig.to_proposed()
    newer(rig)
    number = proposed.pull_request or 0
    rig.code_host.before_closing = lambda: rig.code_host.merge(make.REPOSITORY, number)

    case, _ = await followed(rig)

    assert (case.state, case.reason) == (CaseState.HEALED, Reason.MERGED)


async def test_a_pull_request_of_somebody_else_is_never_closed(rig: Rig) -> None:
    validating = await rig.to_validating()
    rig.code_host.set_branch(make.REPOSITORY, validating.branch, validating.pushed)
    rig.code_host.add_pull_request(make.REPOSITORY, head_branch=validating.branch)
    rig.ci_on_our_branch(validating)
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    newer(rig)

    case, pull_request = await followed(rig)

    assert (case.state, pull_request.state) == (CaseState.PROPOSED, PullRequestState.OPEN)


async def test_a_pull_request_with_commits_of_others_is_theirs_and_that_is_noted_once(rig: Rig) -> None:
    proposed = await rig.to_proposed()
    rig.code_host.set_branch(make.REPOSITORY, proposed.branch, make.sha(77))
    newer(rig)

    for _ in range(3):
        case, pull_request = await followed(rig)

    assert (case.state, pull_request.state) == (CaseState.PROPOSED, PullRequestState.OPEN)
    notes = [event.note for event in await rig.store.cases.events(case.id)]
    assert notes.count("others have pushed to our branch: it is theirs now") == 1


async def test_a_pull_request_with_commits_of_others_is_followed_to_its_end(rig: Rig) -> None:
    proposed = await rig.to_proposed()
    rig.code_host.set_branch(make.REPOSITORY, proposed.branch, make.sha(77))
    await followed(rig)
    rig.code_host.merge(make.REPOSITORY, proposed.pull_request or 0)

    case, _ = await followed(rig)

    assert case.state is CaseState.HEALED


async def test_commits_of_others_on_our_branch_are_not_proposed(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.ci_on_our_branch(case)
    rig.code_host.set_branch(make.REPOSITORY, case.branch, make.sha(77))
    rig.clock.move(minutes=2)

    await rig.casework.work_off()

    after = await rig.case()
    assert (after.state, after.reason) == (CaseState.WITHDRAWN, Reason.BRANCH_TAKEN)
    assert not rig.code_host.pull_requests


async def test_the_label_stop_is_a_lasting_no_and_the_pull_request_stays(rig: Rig) -> None:
    proposed = await rig.to_proposed()
    rig.code_host.label(make.REPOSITORY, proposed.pull_request or 0, "selfheal:stop")

    case, pull_request = await followed(rig)
    rig.failing(id="rerun", created_at=rig.clock.now(), done_at=rig.clock.now())
    await rig.sweep()

    assert (case.state, case.reason) == (CaseState.DECLINED, Reason.STOP_LABEL)
    assert pull_request.state is PullRequestState.OPEN
    last = rig.heard(Decided)[-1].decision
    assert isinstance(last, Skip)
    assert last.reason is Reason.DECLINED
