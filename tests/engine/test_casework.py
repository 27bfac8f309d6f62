"""From a commit to a merged pull request, on fakes."""

import asyncio
from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import Rig

from selfheald.domain.case import CaseState
from selfheald.domain.decision import Skip
from selfheald.domain.errors import RefusedError, TransientError
from selfheald.domain.events import CaseMoved, Decided
from selfheald.domain.pipeline import State
from selfheald.domain.proposal import PullRequestState
from selfheald.domain.reasons import Reason
from selfheald.domain.retry import DELAYS


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_failed_pipeline_becomes_a_verified_pull_request(rig: Rig) -> None:
    case = await rig.to_proposed()

    assert case.state is CaseState.PROPOSED
    (pull_request,) = rig.code_host.pull_requests.values()
    assert pull_request.head_branch == f"selfheal-{rig.failed_commit}"
    assert pull_request.base_branch == "main"
    assert pull_request.title == "Selfheal CI: round half up"
    assert case.pushed
    assert rig.repositories.messages[case.pushed].startswith("selfheal CI: round half up\n")
    assert rig.repositories.files(make.REPOSITORY, case.pushed) == {"cents.py": b"fixed\n"}


async def test_the_case_ends_healed_when_the_pull_request_is_merged(rig: Rig) -> None:
    case = await rig.to_proposed()
    assert case.pull_request

    rig.code_host.merge(make.REPOSITORY, case.pull_request)
    rig.clock.move(minutes=2)
    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.HEALED


async def test_a_closed_pull_request_is_a_lasting_no(rig: Rig) -> None:
    case = await rig.to_proposed()
    assert case.pull_request

    rig.code_host.close(make.REPOSITORY, case.pull_request)
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    rig.failing(id="ppl-rerun", created_at=rig.clock.now(), done_at=rig.clock.now())
    await rig.sweep()

    assert (await rig.case()).state is CaseState.DECLINED
    assert len(await rig.store.cases.cases()) == 1
    last = rig.heard(Decided)[-1].decision
    assert isinstance(last, Skip)
    assert last.reason is Reason.DECLINED


async def test_a_branch_with_other_commits_is_left_alone(rig: Rig) -> None:
    rig.repositories.branches[make.REPOSITORY, f"selfheal-{rig.failed_commit}"] = make.sha(99)

    case = await rig.to_validating()

    assert (case.state, case.reason) == (CaseState.WITHDRAWN, Reason.BRANCH_TAKEN)


async def test_a_refused_push_fails_the_case(rig: Rig) -> None:
    rig.repositories.errors["push"] = [RefusedError("protected branch hook declined")]

    case = await rig.to_validating()

    assert (case.state, case.reason) == (CaseState.FAILED, Reason.PUSH_REFUSED)
    assert (await rig.store.cases.events(case.id))[-1].note == "protected branch hook declined"


async def test_a_push_that_cannot_be_made_now_is_made_later(rig: Rig) -> None:
    rig.repositories.errors["push"] = [TransientError("the network is down")]
    case = await rig.to_validating()
    assert (case.state, case.tries) == (CaseState.PUSHING, 1)

    rig.clock.move(minutes=1)
    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.VALIDATING


async def test_ci_that_never_starts_ends_the_case(rig: Rig) -> None:
    await rig.to_validating()

    rig.clock.move(minutes=11)
    await rig.casework.work_off()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.NO_CI, Reason.CI_NOT_STARTED)


async def test_ci_that_never_ends_ends_the_case(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.ci_on_our_branch(case, state=State.RUNNING, result=None, done_at=None)

    rig.clock.move(hours=3)
    await rig.casework.work_off()

    after = await rig.case()
    assert (after.state, after.reason) == (CaseState.WITHDRAWN, Reason.CI_TIMEOUT)


async def test_a_pull_request_that_github_refuses_fails_the_case(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.ci_on_our_branch(case)
    rig.clock.move(minutes=2)
    rig.code_host.fail_next(RefusedError("no commits between main and ours"))

    await rig.casework.work_off()

    after = await rig.case()
    assert (after.state, after.reason) == (CaseState.FAILED, Reason.PULL_REQUEST_REFUSED)


async def test_a_pull_request_that_exists_already_is_adopted(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
    by_hand = rig.code_host.add_pull_request(make.REPOSITORY, head_branch=case.branch)
    rig.ci_on_our_branch(case)
    rig.clock.move(minutes=2)

    await rig.casework.work_off()

    assert (await rig.case()).pull_request == by_hand.number
    assert len(rig.code_host.pull_requests) == 1


async def test_nothing_is_proposed_to_a_branch_that_is_gone(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.code_host.set_branch(make.REPOSITORY, "main", None)
    rig.ci_on_our_branch(case)
    rig.clock.move(minutes=2)

    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.SUPERSEDED


@pytest.mark.parametrize(("base", "expected"), [("default", "main"), ("develop", "develop")])
async def test_the_base_is_as_configured(tmp_path: Path, base: str, expected: str) -> None:
    policy = make.project().pull_request
    chosen = type(policy)(base=base, title=policy.title, labels=(), reviewers=(), draft=False)
    rig = Rig(tmp_path, project=make.project(pull_request=chosen))
    rig.code_host.set_branch(make.REPOSITORY, "develop", rig.failed_commit)

    await rig.to_proposed()

    (pull_request,) = rig.code_host.pull_requests.values()
    assert pull_request.base_branch == expected


async def test_a_pull_request_tells_less_when_semaphore_does_not_answer(rig: Rig) -> None:
    case = await rig.to_validating()
    rig.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
    del rig.ci.pipelines[case.pipeline.id]
    rig.ci_on_our_branch(case)
    rig.clock.move(minutes=2)

    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.PROPOSED


async def test_a_bug_in_a_step_is_put_off_like_an_error(rig: Rig) -> None:
    await rig.to_validating()
    rig.clock.move(minutes=2)
    rig.ci.fail_next(ZeroDivisionError())

    await rig.casework.work_off()

    case = await rig.case()
    assert case.tries == 1
    assert case.due_at - rig.clock.now() <= DELAYS[0] * 1.2


async def test_following_survives_errors_for_ever(rig: Rig) -> None:
    await rig.to_proposed()
    for _ in range(len(DELAYS) + 3):
        rig.clock.move(hours=2)
        rig.code_host.fail_next(TransientError("down"))
        await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.PROPOSED


async def test_every_move_of_a_case_is_told(rig: Rig) -> None:
    await rig.to_proposed()

    moves = [event.after.state for event in rig.heard(CaseMoved)]

    assert moves == [
        CaseState.QUEUED,
        CaseState.HEALING,
        CaseState.PUSHING,
        CaseState.VALIDATING,
        CaseState.PUBLISHING,
        CaseState.PROPOSED,
    ]


async def test_a_merged_pull_request_that_was_ours_ends_a_publishing_case(rig: Rig) -> None:
    """The daemon died between creating and recording it, and a human was quick."""
    case = await rig.to_validating()
    rig.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
    made = rig.code_host.add_pull_request(
        make.REPOSITORY, head_branch=case.branch, body=f"<!-- selfheald case {case.id} -->"
    )
    rig.ci_on_our_branch(case)
    target = rig.targets.get(case.project)
    assert target
    assert (await rig.casework.step(case, target)).state is CaseState.PUBLISHING
    rig.code_host.merge(make.REPOSITORY, made.number)

    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.HEALED
    assert rig.code_host.pull_requests[make.REPOSITORY, made.number].state is PullRequestState.MERGED


async def test_a_slow_step_holds_up_no_other_case(rig: Rig) -> None:
    slow = await rig.to_validating()
    other = rig.repositories.add(make.REPOSITORY, {"cents.py": "other\n"})
    rig.failing(id="ppl-2", commit=other, ref=make.branch("feature"))
    rig.code_host.set_branch(make.REPOSITORY, "feature", other)
    await rig.sweep()
    await rig.heal()
    rig.ci.held[slow.branch] = asyncio.Event()
    rig.clock.move(minutes=2)
    running = asyncio.create_task(rig.casework.run())
    rig.casework.bell.set()
    for _ in range(200):  # everybody has their turns
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert (await rig.case(2)).state is CaseState.VALIDATING
    assert "on_branch" in rig.ci.calls
    assert (await rig.case(1)).due_at < rig.clock.now(), "it is still being asked about"
