"""What an attempt may reach, and what of it is written down."""

import asyncio
from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import KNOWN, ORGANIZATION, Rig
from tests.fakes.agent import ends, fixes

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.case import CaseState
from selfheald.domain.pipeline import Result
from selfheald.domain.reasons import Reason
from selfheald.domain.refusal import Refusal, RefusalKind
from selfheald.domain.zone import Metered
from selfheald.ports import AgentReport, AgentTask

MODEL = Usage(model="gpt-5.5", input_tokens=1000, cached_input_tokens=100, output_tokens=50)
HOST = Refusal(kind=RefusalKind.EGRESS, what="evil.example:443", count=2)
BUDGET = Metered(usages=[MODEL], cost_micros=77, over_budget="attempt")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def attempted(rig: Rig) -> None:
    rig.failing()
    await rig.sweep()
    await rig.heal()


async def test_the_agent_works_with_a_passage_to_its_model_and_the_failing_workflow(rig: Rig) -> None:
    seen: list[bool] = []

    def work(task: AgentTask) -> AgentReport:
        seen.append(task.passage is not None and rig.gate.open_now == [task.passage])
        return fixes(task)

    rig.agent.work = work
    await attempted(rig)

    (wanted,) = rig.gate.wanted
    case = await rig.case()
    assert seen == [True]
    assert (wanted.project, wanted.agent, wanted.organization) == (rig.project.name, make.AGENT, ORGANIZATION)
    assert wanted.scope
    assert wanted.scope.workflow_ids == {case.pipeline.workflow_id}
    assert wanted.scope.pipeline_ids == {case.pipeline.id}
    assert rig.gate.open_now == []


async def test_the_gates_figures_count_and_refusals_are_kept(rig: Rig) -> None:
    rig.gate.met = [Metered(usages=[MODEL], cost_micros=77, refusals=[HOST])]

    await attempted(rig)

    (attempt,) = await rig.attempts()
    assert (attempt.outcome, attempt.usage, attempt.cost_micros) == (AttemptOutcome.FIXED, MODEL, 77)
    assert attempt.refusals == (HOST,)


async def test_without_metered_figures_the_agents_own_tokens_count_and_cost_nothing(rig: Rig) -> None:
    await attempted(rig)

    (attempt,) = await rig.attempts()
    assert (attempt.usage.input_tokens, attempt.usages, attempt.cost_micros) == (10, (), 0)


async def test_figures_are_kept_by_model(rig: Rig) -> None:
    small = Usage(model="small", input_tokens=1, output_tokens=1)
    rig.gate.met = [Metered(usages=[MODEL, small], cost_micros=77)]

    await attempted(rig)

    (attempt,) = await rig.attempts()
    assert attempt.usages == (MODEL, small)
    assert (attempt.usage.model, attempt.usage.input_tokens) == (MODEL.model, MODEL.input_tokens + 1)


async def test_what_a_running_attempt_costs_is_written_down_before_it_ends(rig: Rig) -> None:
    rig.gate.met, rig.agent.hold = [Metered(usages=[MODEL], cost_micros=77)], asyncio.Event()
    rig.failing()
    await rig.sweep()
    healing = asyncio.create_task(rig.heal())

    async with asyncio.timeout(20):
        while [attempt.cost_micros for attempt in await rig.attempts()] != [77]:  # noqa: ASYNC110 - it is in the store
            await asyncio.sleep(0)

    (attempt,) = await rig.attempts()
    assert attempt.outcome is None
    rig.agent.hold.set()
    await healing


@pytest.mark.parametrize("outcome", [AttemptOutcome.FIXED, AttemptOutcome.AUTH_ERROR, AttemptOutcome.CRASHED])
async def test_a_used_up_budget_ends_the_case_whatever_the_agent_says(rig: Rig, outcome: AttemptOutcome) -> None:
    rig.gate.met = [BUDGET]
    rig.agent.work = fixes if outcome is AttemptOutcome.FIXED else ends(outcome)

    await attempted(rig)

    (attempt,), case = await rig.attempts(), await rig.case()
    assert (attempt.outcome, attempt.note) == (AttemptOutcome.OVER_BUDGET, "used up: the budget `attempt`")
    assert attempt.cost_micros == 77
    assert (case.state, case.reason, case.proposal) == (CaseState.OVER_BUDGET, Reason.BUDGET_USED_UP, None)


@pytest.mark.parametrize(
    ("met", "outcome"),
    [(BUDGET, AttemptOutcome.OVER_BUDGET), (Metered(), AttemptOutcome.TURNS_USED_UP)],
)
async def test_work_that_was_cut_off_is_kept_and_not_proposed(rig: Rig, met: Metered, outcome: AttemptOutcome) -> None:
    def cut_off(task: AgentTask) -> AgentReport:
        fixes(task)
        return AgentReport(outcome=outcome, message="so far")

    rig.gate.met, rig.agent.work = [met], cut_off
    await attempted(rig)

    (attempt,), case = await rig.attempts(), await rig.case()
    assert (attempt.outcome, attempt.summary) == (outcome, "round half up")
    assert attempt.commit
    assert "+fixed" in (rig.state_dir / attempt.folder / "fix.diff").read_text()
    assert (case.state.is_end, case.proposal) == (True, None)
    await rig.casework.work_off()
    assert rig.repositories.branches == {}


async def test_a_secret_in_the_summary_of_kept_work_is_taken_out(rig: Rig) -> None:
    def cut_off(task: AgentTask) -> AgentReport:
        fixes(task)
        (task.tree / "commit-message.txt").write_text(f"use {KNOWN}\n")
        return AgentReport(outcome=AttemptOutcome.TURNS_USED_UP, message="")

    rig.agent.work = cut_off
    await attempted(rig)

    (attempt,) = await rig.attempts()
    assert attempt.commit
    assert rig.repositories.messages[attempt.commit].startswith("selfheal CI: use [redacted]")


async def test_work_that_cannot_be_kept_is_told(rig: Rig) -> None:
    def cut_off(task: AgentTask) -> AgentReport:
        fixes(task)
        (task.folder / "fix.diff").mkdir()
        return AgentReport(outcome=AttemptOutcome.TURNS_USED_UP, message="")

    rig.agent.work = cut_off
    await attempted(rig)

    (attempt,) = await rig.attempts()
    assert attempt.outcome is AttemptOutcome.TURNS_USED_UP
    assert attempt.note.endswith("its work could not be kept")


async def test_what_an_interrupted_attempt_used_is_written_down_too(rig: Rig) -> None:
    rig.gate.met, rig.agent.hold = [Metered(usages=[MODEL], cost_micros=77, refusals=[HOST])], asyncio.Event()
    rig.failing()
    await rig.sweep()
    healing = asyncio.create_task(rig.heal())
    await asyncio.wait_for(rig.agent.started.wait(), 20)

    healing.cancel()
    await asyncio.gather(healing, return_exceptions=True)

    (attempt,) = await rig.attempts()
    assert (attempt.outcome, attempt.cost_micros) == (AttemptOutcome.INTERRUPTED, 77)
    assert attempt.refusals == (HOST,)
    assert rig.gate.open_now == []


async def test_checks_have_a_passage_without_model_and_tools(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(verify=("make lint", "make test")))
    rig.gate.met = [Metered(usages=[MODEL], cost_micros=77), Metered(refusals=[HOST])]

    await attempted(rig)

    (_, wanted), (attempt,) = rig.gate.wanted, await rig.attempts()
    assert (wanted.agent, wanted.organization, wanted.scope) == (None, None, None)
    assert len({id(command.passage) for command in rig.sandbox.commands}) == 1
    assert rig.sandbox.commands[0].passage is not rig.agent.tasks[0].passage
    assert (attempt.cost_micros, attempt.refusals) == (77, (HOST,))


async def test_later_attempts_may_read_the_workflow_on_our_own_branch_too(rig: Rig) -> None:
    case = await rig.to_validating()
    ours = rig.ci_on_our_branch(case, result=Result.FAILED)
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    await rig.heal()

    scope = rig.gate.wanted[-1].scope
    assert scope
    assert scope.pipeline_ids == {case.pipeline.id, ours.id}
