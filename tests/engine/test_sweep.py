"""Which pipelines are found and decided, on fakes."""

from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import Rig

from selfheald.domain.case import CaseState
from selfheald.domain.decision import Heal
from selfheald.domain.errors import NotFoundError, RefusedError, TransientError, UnauthorizedError
from selfheald.domain.events import Decided, PipelineSeen, Swept, Trouble
from selfheald.domain.ids import PipelineId
from selfheald.domain.policy import Mode
from selfheald.domain.reasons import Reason


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_second_sweep_finds_nothing_new(rig: Rig) -> None:
    rig.failing()

    await rig.sweep()
    await rig.sweep()

    assert len(await rig.store.cases.cases()) == 1
    assert len(rig.heard(PipelineSeen)) == 1
    assert [event.new_pipelines for event in rig.heard(Swept)] == [1, 0]


async def test_the_first_decision_tells_how_long_detection_took(rig: Rig) -> None:
    rig.failing()

    await rig.sweep()

    (decided,) = rig.heard(Decided)
    assert decided.detection_seconds == 120
    assert decided.decision == Heal(approval=False)


async def test_a_deferred_pipeline_is_decided_again_without_semaphore_s_list(rig: Rig) -> None:
    rig.failing(ref=make.pull_request_ref())
    rig.code_host.fail_next(TransientError("GitHub is down"))
    await rig.sweep()
    rig.code_host.set_branch(make.REPOSITORY, "feature", rig.failed_commit)
    rig.code_host.pull_requests[make.REPOSITORY, 7] = make.pull_request(
        head_branch="feature", head_commit=rig.failed_commit
    )

    rig.clock.move(minutes=3)
    await rig.sweep()

    assert [type(event.decision).__name__ for event in rig.heard(Decided)] == ["Defer", "Heal"]
    assert [event.detection_seconds is None for event in rig.heard(Decided)] == [False, True]


async def test_a_pipeline_whose_commit_came_late_is_read_again(rig: Rig) -> None:
    rig.failing(commit="")
    await rig.sweep()
    rig.failing(done_at=None)

    rig.clock.move(minutes=3)
    await rig.sweep()

    assert (await rig.case()).commit == rig.failed_commit


async def test_a_pipeline_that_semaphore_does_not_describe_keeps_no_other_waiting(rig: Rig) -> None:
    rig.failing(id=PipelineId("gone"), commit="", ref=make.branch("gone"), created_at=make.ago(minutes=5))
    rig.failing()
    await rig.targets.refresh(rig.project.organization)
    await rig.sweeper.once()
    rig.failing(id=PipelineId("ppl-2"), commit=make.sha(9), ref=make.branch("other"), done_at=make.later(minutes=3))
    del rig.ci.pipelines[PipelineId("gone")]

    rig.clock.move(minutes=4)
    await rig.sweeper.once()

    assert [case.pipeline.id for case in await rig.store.cases.cases()] == ["ppl-2", "ppl-1"]
    assert [event.outcome for event in rig.heard(Swept)] == ["ok", "ok"]
    assert len(rig.heard(Trouble)) == 1


async def test_a_pipeline_that_semaphore_never_describes_is_skipped_after_a_day(rig: Rig) -> None:
    rig.failing(commit="")
    await rig.sweep()
    rig.ci.pipelines.clear()

    rig.clock.move(hours=23)
    await rig.sweep()
    late = await rig.store.journal.verdict(make.pipeline().id)
    rig.clock.move(hours=1)
    await rig.sweep()
    ended = await rig.store.journal.verdict(make.pipeline().id)
    asked = rig.ci.calls.count("pipeline")
    rig.clock.move(hours=1)
    await rig.sweep()

    assert late
    assert (late.decision, late.reason) == ("defer", Reason.DETAILS_PENDING)
    assert ended
    assert (ended.decision, ended.reason) == ("skip", Reason.DETAILS_PENDING)
    assert rig.ci.calls.count("pipeline") == asked, "it is not asked about any more"


async def test_a_decision_that_cannot_be_made_is_made_again_and_keeps_no_other_waiting(rig: Rig) -> None:
    """The newest is decided first: its own trouble is not that of those behind it."""
    rig.store.journal.errors.append(TransientError("the store is busy"))
    rig.failing(id=PipelineId("older"), commit=make.sha(8), ref=make.branch("other"), created_at=make.ago(minutes=20))
    rig.failing(id=PipelineId("newer"))

    await rig.sweep()
    first = [case.pipeline.id for case in await rig.store.cases.cases()]
    rig.clock.move(minutes=3)
    await rig.sweep()

    assert first == ["older"]
    assert len(await rig.store.cases.cases()) == 2
    assert len(rig.heard(Trouble)) == 1


async def test_mode_approve_opens_a_case_that_waits(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(mode=Mode.APPROVE))
    rig.failing()

    await rig.sweep()

    assert (await rig.case()).state is CaseState.AWAITING_APPROVAL
    assert await rig.heal() == 0


async def test_mode_off_is_not_even_looked_at(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(mode=Mode.OFF))

    await rig.sweep()

    assert "finished_since" not in rig.ci.calls


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("slow"), "transient"),
        (UnauthorizedError("who?"), "unauthorized"),
        (NotFoundError("where?"), "not_found"),
        (RefusedError("no"), "refused"),
        (ZeroDivisionError(), "bug"),
    ],
)
async def test_a_sweep_that_fails_is_counted_and_made_again(rig: Rig, error: Exception, outcome: str) -> None:
    rig.failing()
    await rig.targets.refresh(rig.project.organization)
    rig.ci.fail_next(error)

    await rig.sweeper.once()
    await rig.sweeper.once()

    assert [event.outcome for event in rig.heard(Swept)] == [outcome, "ok"]
    assert len(rig.heard(Trouble)) == 1
    assert len(await rig.store.cases.cases()) == 1


async def test_a_case_is_opened_by_hand_whatever_the_settings_say(tmp_path: Path) -> None:
    rig = Rig(tmp_path, project=make.project(mode=Mode.OBSERVE))
    pipeline = rig.failing()
    await rig.sweep()
    target = rig.targets.get(make.PROJECT)
    assert target

    case, refusal = await rig.decider.heal_by_hand(target, pipeline, by="ada")
    again, why_not = await rig.decider.heal_by_hand(target, pipeline, by="ada")

    assert case
    assert not refusal
    assert (await rig.store.cases.events(case.id))[0].actor == "ada"
    assert again is None
    assert why_not.startswith("already_open")
