"""What the guards on the diff do to a case, on fakes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import Rig

from selfheald.domain import steering
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.errors import RefusedError
from selfheald.domain.finding import GuardAction
from selfheald.domain.guards.change import GuardPolicy
from selfheald.domain.guards.rules import Rule
from selfheald.domain.reasons import Reason
from selfheald.ports import AgentReport, AgentTask

TEST = "def test_cents():\n    assert cents(1) == 100\n"
SKIPPED = "import pytest\n\n\n@pytest.mark.skip\n" + TEST


def leaves(**files: str) -> Callable[[AgentTask], AgentReport]:
    """An agent that writes these files; ``__`` stands for a slash, and ``_py`` for the ending."""

    def work(task: AgentTask) -> AgentReport:
        for name, text in files.items():
            path = task.tree / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        return AgentReport(outcome=AttemptOutcome.FIXED, message="Done.")

    return work


def rig_with(tmp_path: Path, *, guards: GuardPolicy | None = None) -> Rig:
    rig = Rig(tmp_path, project=make.project(guards=guards or GuardPolicy()))
    rig.failed_commit = rig.repositories.add(make.REPOSITORY, {"cents.py": "broken\n", "test_cents.py": TEST})
    rig.code_host.set_branch(make.REPOSITORY, "main", rig.failed_commit)
    return rig


async def attempted(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    await rig.heal()


@pytest.mark.parametrize("step", ["changes", "commit"])
async def test_a_proposal_too_large_to_be_read_is_blocked_and_counts(tmp_path: Path, step: str) -> None:
    rig = rig_with(tmp_path)
    rig.repositories.errors[step] = [RefusedError("reading the work tree: 20,001 files have changed")]

    await attempted(rig)

    (attempt,) = await rig.attempts()
    assert (attempt.outcome, attempt.note) == (
        AttemptOutcome.BLOCKED,
        "reading the work tree: 20,001 files have changed",
    )


async def test_a_test_that_is_skipped_blocks_and_the_next_attempt_is_told(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    rig.agent.work = leaves(test_cents_py=SKIPPED)

    await attempted(rig)

    case, (attempt,) = await rig.case(), await rig.attempts()
    assert (attempt.outcome, attempt.commit, case.state) == (AttemptOutcome.BLOCKED, None, CaseState.QUEUED)
    assert [(one.path, one.line, one.rule) for one in attempt.findings] == [("test_cents.py", 4, Rule.TEST_SKIPPED)]
    assert "+@pytest.mark.skip" in (tmp_path / attempt.folder / "fix.diff").read_text()

    rig.agent.work = leaves(cents_py="mended\n")
    await rig.heal()
    await rig.casework.work_off()

    assert "Attempt 1: blocked." in rig.agent.tasks[1].prompt
    assert "\ntest_cents.py:4: test_skipped" in rig.agent.tasks[1].prompt
    assert (await rig.case()).state is CaseState.VALIDATING


async def test_what_is_blocked_again_ends_the_case_and_nothing_is_pushed(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    rig.agent.work = leaves(test_cents_py=SKIPPED)

    await attempted(rig)
    await rig.heal()
    await rig.casework.work_off()

    case = await rig.case()
    assert (case.state, case.reason) == (CaseState.BLOCKED, Reason.DIFF_GUARD)
    assert "push" not in rig.repositories.calls
    assert len(await rig.attempts()) == 2


async def test_without_tries_the_first_block_ends_the_case(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, guards=GuardPolicy(tries=0))
    rig.agent.work = leaves(test_cents_py=SKIPPED)

    await attempted(rig)

    assert (await rig.case()).reason is Reason.DIFF_GUARD


async def test_a_protected_path_is_the_reason_when_it_is_among_the_findings(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, guards=GuardPolicy(tries=0))
    rig.agent.work = leaves(**{".github__x": "name: x\n", "test_cents_py": SKIPPED})

    await attempted(rig)

    assert (await rig.case()).reason is Reason.PROTECTED_PATH


async def test_what_needs_approval_waits_with_its_proposal_and_is_pushed_once_approved(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, guards=GuardPolicy(actions={Rule.TEST_SKIPPED: GuardAction.APPROVE}))
    rig.agent.work = leaves(test_cents_py=SKIPPED)

    await attempted(rig)
    await rig.casework.work_off()

    case, (attempt,) = await rig.case(), await rig.attempts()
    assert (case.state, case.proposal, case.lease_owner) == (CaseState.AWAITING_APPROVAL, attempt.commit, None)
    assert attempt.outcome is AttemptOutcome.FIXED
    noted = (await rig.store.cases.events(case.id))[-1].note
    assert noted == "attempt 1: fixed; approval is asked for by test_skipped"
    assert "push" not in rig.repositories.calls

    assert await rig.store.cases.save(case, steering.approve(case, rig.clock.now()))
    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.VALIDATING
    assert rig.repositories.branches[make.REPOSITORY, case.branch] == attempt.commit


async def test_a_proposal_that_is_rejected_is_never_pushed(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, guards=GuardPolicy(actions={Rule.TEST_SKIPPED: GuardAction.APPROVE}))
    rig.agent.work = leaves(test_cents_py=SKIPPED)
    await attempted(rig)

    case = await rig.case()
    assert await rig.store.cases.save(case, steering.reject(case, rig.clock.now()))
    await rig.casework.work_off()

    assert (await rig.case()).state is CaseState.REJECTED
    assert "push" not in rig.repositories.calls


@pytest.mark.parametrize("action", [GuardAction.NOTE, GuardAction.APPROVE])
async def test_what_was_found_stands_in_the_pull_request(tmp_path: Path, action: GuardAction) -> None:
    rig = rig_with(tmp_path, guards=GuardPolicy(actions={Rule.TEST_SKIPPED: action}))
    rig.agent.work = leaves(test_cents_py=SKIPPED)
    await attempted(rig)
    if action is GuardAction.APPROVE:
        waiting = await rig.case()
        assert await rig.store.cases.save(waiting, steering.approve(waiting, rig.clock.now()))
    await rig.casework.work_off()

    case = await rig.case()
    rig.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
    rig.ci_on_our_branch(case)
    rig.clock.move(minutes=2)
    await rig.casework.work_off()

    ((_, body),) = [(number, one.body) for number, one in rig.code_host.pull_requests.items()]
    assert "| test_cents.py | 4 | test_skipped |" in body.replace("`", "")
    assert ("A human has seen it" in body) == (action is GuardAction.APPROVE)


async def test_later_attempts_are_judged_together_with_earlier_ones(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, guards=GuardPolicy(actions={Rule.TEST_SKIPPED: GuardAction.NOTE}))
    rig.agent.work = leaves(test_cents_py=SKIPPED)
    await attempted(rig)
    await rig.casework.work_off()
    case = await rig.case()
    rig.ci_on_our_branch(case, **make_failed())
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    rig.agent.work = leaves(cents_py="mended\n")

    await rig.heal()

    assert [one.rule for one in (await rig.attempts())[1].findings] == [Rule.TEST_SKIPPED]


def make_failed() -> dict[str, object]:
    failed = make.pipeline()
    return {"result": failed.result, "reason": failed.reason}
