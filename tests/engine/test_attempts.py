"""What one attempt comes to, on fakes."""

import asyncio
import errno
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import builders as make
from tests.engine.rig import Rig
from tests.fakes.agent import ends, fixes

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.errors import NotFoundError
from selfheald.domain.events import AttemptEnded
from selfheald.domain.limits import Limit
from selfheald.domain.pipeline import Result
from selfheald.domain.reasons import Reason
from selfheald.ports import AgentReport, AgentTask


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_the_agent_is_given_the_failure_and_the_variables(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()

    await rig.heal()

    (task,) = rig.agent.tasks
    assert "Heal the pipeline ppl-1." in task.prompt
    assert "assert 1 == 2" in task.prompt
    assert task.variables["SEMAPHORE_GIT_SHA"] == rig.failed_commit
    assert not task.tree.exists(), "the work tree is removed after the attempt"
    assert "+fixed" in (task.folder / "fix.diff").read_text()


async def test_what_an_attempt_leaves_is_private(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()

    await rig.heal()

    (task,) = rig.agent.tasks
    left = [task.folder.parent, task.folder, task.folder / "fix.diff"]
    assert [path.stat().st_mode & 0o777 for path in left] == [0o700, 0o700, 0o600]


async def test_a_file_that_cannot_be_written_is_named(rig: Rig) -> None:
    def in_the_way(task: AgentTask) -> AgentReport:
        (task.folder / "fix.diff").mkdir()
        return fixes(task)

    rig.agent.work = in_the_way
    rig.failing()
    await rig.sweep()

    await rig.heal()

    (attempt,) = await rig.attempts()
    where = rig.agent.tasks[0].folder / "fix.diff"
    assert (attempt.outcome, attempt.note) == (AttemptOutcome.ERROR, f"making the attempt: Is a directory ({where})")


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "making the attempt: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device", b"/a"), "making the attempt: No space left on device (/a)"),
        (TimeoutError(), "making the attempt: TimeoutError"),
    ],
)
async def test_what_the_system_refuses_is_told_as_that_and_uses_up_no_attempt(
    rig: Rig, error: OSError, note: str
) -> None:
    def refused(_: AgentTask) -> AgentReport:
        raise error

    rig.agent.work = refused
    rig.failing()
    await rig.sweep()

    await rig.heal()

    (attempt,) = await rig.attempts()
    assert (attempt.outcome, attempt.note) == (AttemptOutcome.ERROR, note)
    assert (await rig.case()).state is CaseState.QUEUED


async def test_the_note_on_a_fix_is_what_was_left_out_of_it(rig: Rig) -> None:
    rig.agent.work = lambda task: replace(fixes(task), note="its transcript could not be written")
    rig.failing()
    await rig.sweep()

    await rig.heal()

    (attempt,) = await rig.attempts()
    assert (attempt.outcome, attempt.note) == (AttemptOutcome.FIXED, "")


async def test_a_failed_validation_is_fed_back_and_builds_on_our_branch(rig: Rig) -> None:
    case = await rig.to_validating()
    ours = rig.ci_on_our_branch(case, result=Result.FAILED, reason="test")
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    rig.agent.work = _second_fix

    await rig.heal()
    await rig.casework.work_off()

    after = await rig.case()
    assert after.state is CaseState.VALIDATING
    assert (after.base, after.failed_pipeline) == (case.pushed, ours.id)
    assert "Attempt 1: fixed" in rig.agent.tasks[1].prompt
    assert rig.repositories.branches[make.REPOSITORY, case.branch] == after.pushed != case.pushed


def _second_fix(task: AgentTask) -> AgentReport:
    (task.tree / "cents.py").write_text("really fixed\n")
    return AgentReport(outcome=AttemptOutcome.FIXED, message="")


async def test_attempts_are_bounded(rig: Rig) -> None:
    await rig.to_validating()
    for number in range(2, 9):
        case = await rig.case()
        if case.state.is_end:
            break
        rig.ci_on_our_branch(case, result=Result.FAILED, reason="test")
        rig.clock.move(minutes=2)
        await rig.casework.work_off()
        rig.agent.work = _numbered_fix(number)
        await rig.heal()
        await rig.casework.work_off()

    after = await rig.case()
    assert (after.state, after.reason) == (CaseState.EXHAUSTED, Reason.ATTEMPTS_USED_UP)
    assert len(await rig.attempts()) == 3
    assert not rig.code_host.pull_requests


def _numbered_fix(number: int) -> Any:
    def work(task: AgentTask) -> AgentReport:
        (task.tree / "cents.py").write_text(f"{number}\n")
        return AgentReport(outcome=AttemptOutcome.FIXED, message="")

    return work


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (AttemptOutcome.TIMEOUT, CaseState.EXHAUSTED, Reason.AGENT_TIMEOUT),
        (AttemptOutcome.CRASHED, CaseState.EXHAUSTED, Reason.AGENT_CRASHED),
        (AttemptOutcome.REFUSED, CaseState.NOT_FIXABLE, Reason.REFUSED_BY_AGENT),
        (AttemptOutcome.FIXED, CaseState.NOT_FIXABLE, Reason.NO_CHANGE),
    ],
)
async def test_an_agent_that_leaves_no_fix_ends_the_case(
    rig: Rig, outcome: AttemptOutcome, state: CaseState, reason: Reason
) -> None:
    rig.agent.work = ends(outcome, "that is why")
    rig.failing()
    await rig.sweep()

    await rig.heal()

    case = await rig.case()
    assert (case.state, case.reason) == (state, reason)


async def test_an_agent_that_is_missing_uses_up_no_attempt(rig: Rig) -> None:
    rig.agent.work = ends(AttemptOutcome.AGENT_MISSING, "install it")
    rig.failing()
    await rig.sweep()

    await rig.heal()

    case = await rig.case()
    assert (case.state, case.tries, case.due_at > rig.clock.now()) == (CaseState.QUEUED, 1, True)
    assert (await rig.attempts())[0].note == "install it"
    assert await rig.heal() == 0, "not before it is due"


async def test_a_protected_path_blocks_the_proposal(rig: Rig) -> None:
    def edits_ci(task: AgentTask) -> AgentReport:
        (task.tree / ".semaphore").mkdir()
        (task.tree / ".semaphore/semaphore.yml").write_text("blocks: []\n")
        return AgentReport(outcome=AttemptOutcome.FIXED, message="")

    rig.agent.work = edits_ci
    rig.failing()
    await rig.sweep()

    await rig.heal()
    await rig.heal()  # the second try, which was told about the first one

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.BLOCKED, Reason.PROTECTED_PATH)
    assert ".semaphore/semaphore.yml" in (await rig.attempts())[0].note
    assert "push" not in rig.repositories.calls


@pytest.mark.parametrize(
    ("timed_out", "limit", "told"),
    [
        (False, None, "ended with 1"),
        (True, None, "ran into its time limit"),
        (False, Limit.MEMORY, "reached its limit `sandbox_limits.memory`"),
    ],
)
async def test_a_proposal_that_fails_verify_is_not_pushed(
    tmp_path: Path, *, timed_out: bool, limit: Limit | None, told: str
) -> None:
    rig = Rig(tmp_path, project=make.project(verify=("make lint",)))
    rig.sandbox.code, rig.sandbox.timed_out, rig.sandbox.limit = 1, timed_out, limit
    rig.failing()
    await rig.sweep()

    await rig.heal()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.EXHAUSTED, Reason.VERIFY_FAILED)
    assert f"`make lint` {told}" in (await rig.attempts())[0].note
    assert "push" not in rig.repositories.calls


async def test_a_proposal_that_passes_verify_is_pushed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(verify=("make lint", "make test")))

    case = await rig.to_validating()

    assert case.state is CaseState.VALIDATING
    assert [command.argv for command in rig.sandbox.commands] == [("sh", "-c", "make lint"), ("sh", "-c", "make test")]
    assert case.summary == "round half up"
    assert case.proposal
    proposed = rig.repositories.files(make.REPOSITORY, case.proposal)
    assert proposed == {"cents.py": b"fixed\n"}, "what verify left in the tree is not proposed"


async def test_a_repository_that_cannot_be_fetched_is_our_error_and_counts_nothing(rig: Rig) -> None:
    rig.repositories.errors["checkout"] = [NotFoundError("no such repository")]
    rig.failing()
    await rig.sweep()

    await rig.heal()

    assert (await rig.case()).state is CaseState.QUEUED
    assert (await rig.attempts())[0].outcome is AttemptOutcome.ERROR


async def test_a_bug_of_ours_costs_one_attempt_and_not_the_daemon(rig: Rig) -> None:
    rig.repositories.errors["changes"] = [ZeroDivisionError()]
    rig.failing()
    await rig.sweep()

    await rig.heal()

    assert (await rig.case()).state is CaseState.QUEUED
    assert "ZeroDivisionError" in (await rig.attempts())[0].note


async def test_one_worker_makes_one_attempt_at_a_time(rig: Rig) -> None:
    other = rig.repositories.add(make.REPOSITORY, {"cents.py": "other\n"})
    rig.failing()
    rig.failing(id="ppl-2", commit=other, ref=make.branch("feature"))
    await rig.sweep()

    first, second, third = await rig.heal(), await rig.heal(), await rig.heal()

    assert (first, second, third) == (1, 1, 0)


async def test_a_drained_dispatcher_gives_an_unfinished_case_back(rig: Rig) -> None:
    rig.agent.hold = asyncio.Event()
    rig.failing()
    await rig.sweep()
    running = asyncio.create_task(rig.dispatcher.run())
    rig.dispatcher.bell.set()
    await asyncio.wait_for(rig.agent.started.wait(), 5)

    await rig.dispatcher.drain(timedelta(0))
    await asyncio.wait_for(running, 5)

    case = await rig.case()
    assert (case.state, case.lease_owner) == (CaseState.QUEUED, None)
    assert (await rig.attempts())[0].outcome is AttemptOutcome.INTERRUPTED
    assert not rig.heard(AttemptEnded)


async def test_a_case_of_a_dead_daemon_is_given_back(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    case = await rig.case()
    held = make.advance_to_healing(case, owner="somebody else", until=make.later(minutes=1))
    assert await rig.store.cases.save(case, held)

    await rig.dispatcher.recover()

    assert (await rig.case()).state is CaseState.QUEUED


async def test_a_case_that_is_held_is_not_given_back(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    case = await rig.case()
    assert await rig.store.cases.save(case, make.advance_to_healing(case, owner="me", until=make.later(minutes=1)))

    await rig.dispatcher.recover()
    assert (await rig.case()).state is CaseState.HEALING

    rig.clock.move(minutes=2)
    await rig.dispatcher.recover()
    assert (await rig.case()).state is CaseState.QUEUED
