"""The past decided again: what would have been healed."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.assumed import Assumed
from selfheald.domain.backtest import ProjectBacktest, backtest
from selfheald.domain.conditions.language import Condition
from selfheald.domain.ids import PipelineId, ProjectName, Sha, WorkflowId
from selfheald.domain.past import Past
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Project, Rate, SupersededBy
from selfheald.domain.reasons import Reason

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UNTIL = NOW + 10 * DAY


def failed(number: int, *, ends: datetime, **overrides: Any) -> Pipeline:
    """A pipeline of a branch of its own."""
    default = {
        "id": PipelineId(f"ppl-{number}"),
        "commit": make.sha(number),
        "ref": make.branch(f"feature-{number}"),
        "created_at": ends - timedelta(minutes=5),
        "done_at": ends,
    }
    return make.pipeline(**default | overrides)


def replay(
    *pipelines: Pipeline, project: Project | None = None, until: datetime = UNTIL, assumed: Assumed | None = None
) -> ProjectBacktest:
    target = make.target(project=project or make.project())
    past = [Past(target=target, pipeline=pipeline) for pipeline in pipelines]
    (told,) = backtest(past, until=until, assumed=assumed)
    return told


def healed(told: ProjectBacktest) -> list[tuple[str, datetime]]:
    return [(case.pipeline.id, case.decided_at) for case in told.healed]


def limits(**overrides: Any) -> Project:
    return make.project(limits=make.limits(**overrides))


def test_what_failed_is_healed_when_it_ended() -> None:
    told = replay(failed(2, ends=NOW + HOUR), failed(1, ends=NOW), make.passed_pipeline(ref=make.branch("other")))

    assert healed(told) == [("ppl-1", NOW), ("ppl-2", NOW + HOUR)]
    assert (told.pipelines, told.failed, told.cases) == (3, 2, 2)
    assert [case.reason for case in told.healed] == [Reason.ALLOWED] * 2


def test_reasons_are_counted_the_most_frequent_first() -> None:
    told = replay(
        failed(1, ends=NOW, ref=make.branch("renovate/a")),
        failed(2, ends=NOW, ref=make.tag()),
        failed(3, ends=NOW, ref=make.branch("renovate/b")),
    )

    assert list(told.skipped.items()) == [(Reason.BRANCH_EXCLUDED, 2), (Reason.TAG, 1)]
    assert told.cases == 0


@pytest.mark.parametrize(
    ("by", "names"), [(SupersededBy.COMMIT, ["ppl-2"]), (SupersededBy.PIPELINE, ["ppl-1", "ppl-2"])]
)
def test_a_newer_commit_counts_as_soon_as_it_is_built_a_newer_pipeline_once_it_has_ended(
    by: SupersededBy, names: list[str]
) -> None:
    main = make.branch("main")
    old = failed(1, ends=NOW, ref=main)
    newer = failed(2, ends=NOW + HOUR, ref=main)
    slow = failed(3, ends=NOW + 2 * HOUR, created_at=NOW, ref=main)

    told = replay(old, newer, slow, project=make.project(superseded_by=by))

    assert [name for name, _ in healed(told)] == names
    assert told.skipped == {Reason.SUPERSEDED: 3 - len(names)}


@pytest.mark.parametrize("again", [{"rerun_of": WorkflowId("wf-1")}, {"promotion_of": PipelineId("ppl-1")}])
def test_a_rerun_of_an_older_commit_makes_no_newer_one(again: dict[str, Any]) -> None:
    main = make.branch("main")
    old = failed(1, ends=NOW, ref=main)
    rerun = failed(3, created_at=NOW + HOUR, ends=NOW + 3 * HOUR, commit=old.commit, ref=main, **again)
    newer = failed(2, created_at=NOW + timedelta(minutes=1), ends=NOW + 2 * HOUR, ref=main)

    assert [name for name, _ in healed(replay(old, newer, rerun))] == ["ppl-1", "ppl-2"]


def test_a_rerun_of_an_older_commit_overtakes_nothing() -> None:
    main, stamp = make.branch("main"), NOW + timedelta(minutes=5)
    green = make.passed_pipeline(id="green", commit=make.sha(7), ref=main, created_at=NOW - HOUR, done_at=NOW - HOUR)
    rerun = replace(green, id=PipelineId("rerun"), rerun_of=WorkflowId("wf-1"), created_at=stamp, done_at=stamp)
    newest = failed(1, created_at=NOW, ends=NOW + HOUR, ref=main)

    assert [name for name, _ in healed(replay(green, newest, rerun))] == ["ppl-1"]


def test_a_branch_that_was_pushed_back_is_at_its_older_commit() -> None:
    main = make.branch("main")
    green = make.passed_pipeline(id="green", commit=make.sha(1), ref=main, created_at=NOW, done_at=NOW)
    newer = make.passed_pipeline(id="newer", commit=make.sha(2), ref=main, created_at=NOW + HOUR, done_at=NOW + HOUR)

    told = replay(green, newer, failed(1, ends=NOW + 2 * HOUR, ref=main))

    assert [name for name, _ in healed(told)] == ["ppl-1"]


def test_a_branch_rests_when_its_cases_are_not_fixed() -> None:
    project, main = limits(cooldown=2 * HOUR), make.branch("main")
    past = (failed(1, ends=NOW, ref=main), failed(2, ends=NOW + HOUR, ref=main), failed(3, ends=NOW + HOUR))

    told = replay(*past, project=project, assumed=Assumed(fixed=False))

    assert healed(told) == [("ppl-1", NOW), ("ppl-3", NOW + HOUR), ("ppl-2", NOW + 2 * HOUR)]
    assert len(healed(replay(*past, project=project))) == 3


def test_open_pull_requests_hold_back_until_they_are_merged() -> None:
    project = limits(open_pull_requests=1)
    past = failed(1, ends=NOW), failed(2, ends=NOW + HOUR)

    merged = replay(*past, project=project, assumed=Assumed(open_for=5 * HOUR))
    waits = replay(*past, project=project, assumed=Assumed(open_for=5 * DAY))
    never = replay(*past, project=project, assumed=Assumed(open_for=5 * DAY, fixed=False))

    assert healed(merged) == [("ppl-1", NOW), ("ppl-2", NOW + 5 * HOUR)]
    assert waits.skipped == {Reason.OPEN_PULL_REQUESTS: 1}
    assert never.cases == 2


def test_what_cases_cost_counts_for_the_day() -> None:
    project = limits(cost_usd_per_day=Decimal(2), cost_usd_per_day_of_all=Decimal(3))
    ours = make.target(project=project)
    other = make.target(project=replace(project, name=ProjectName("other")))
    past = [Past(target=ours, pipeline=failed(number, ends=NOW)) for number in (1, 2, 3)]
    past += [Past(target=other, pipeline=failed(number, ends=NOW + HOUR)) for number in (4, 5)]

    told = {one.project: one for one in backtest(past, until=UNTIL, assumed=Assumed(cost_micros=1_000_000))}
    midnight = (NOW + DAY).replace(hour=0)

    assert [at for _, at in healed(told[ours.project.name])] == [NOW, NOW, midnight]
    assert [at for _, at in healed(told[other.project.name])] == [NOW + HOUR, midnight]


@pytest.mark.parametrize(
    ("assumed", "words"),
    [
        (Assumed(), "costs 0.00 USD and is a fix that is merged at once."),
        (Assumed(open_for=DAY, cost_micros=1_500_000), "costs 1.50 USD and is a fix, whose pull request is merged"),
        (Assumed(fixed=False), "comes to nothing, so that its branch rests"),
    ],
)
def test_what_is_assumed_is_told(assumed: Assumed, words: str) -> None:
    assert any(words in line for line in assumed.told())


def test_a_branch_that_is_green_again_is_not_healed() -> None:
    main = make.branch("main")
    green = make.passed_pipeline(id="green", ref=main, created_at=NOW, done_at=NOW + timedelta(minutes=1))
    slow = failed(1, ends=NOW + HOUR, created_at=NOW - HOUR, ref=main)

    assert replay(slow, green).skipped == {Reason.SUPERSEDED: 1}


def test_of_those_that_end_at_once_the_newest_of_a_branch_is_healed() -> None:
    main = make.branch("main")
    old = failed(1, ends=NOW, created_at=NOW - HOUR, ref=main)

    assert [name for name, _ in healed(replay(old, failed(2, ends=NOW, ref=main)))] == ["ppl-2"]


def test_a_commit_is_attempted_once_over_all_projects_of_a_repository() -> None:
    one = make.target(project=make.project(name=ProjectName("one")))
    two = make.target(project=make.project(name=ProjectName("two")))
    past = [
        Past(target=one, pipeline=failed(1, ends=NOW)),
        Past(target=two, pipeline=failed(2, ends=NOW + HOUR, commit=make.sha(1))),
    ]

    first, second = backtest(past, until=UNTIL)

    assert (first.project, first.cases) == ("one", 1)
    assert (second.project, dict(second.skipped)) == ("two", {Reason.ALREADY_ATTEMPTED: 1})


def test_a_reached_limit_puts_off_until_its_window_has_room() -> None:
    project = limits(cases_per_project=Rate(count=1, window=12 * HOUR))

    told = replay(failed(1, ends=NOW), failed(2, ends=NOW + HOUR), project=project)

    assert healed(told) == [("ppl-1", NOW), ("ppl-2", NOW + 12 * HOUR)]


def test_a_limit_of_a_branch_does_not_count_other_branches() -> None:
    project = limits(cases_per_branch=Rate(count=1, window=7 * DAY))
    main = make.branch("main")

    told = replay(
        failed(1, ends=NOW, ref=main),
        failed(2, ends=NOW + HOUR, ref=main),
        failed(3, ends=NOW + HOUR),
        project=project,
        until=NOW + DAY,
    )

    assert [name for name, _ in healed(told)] == ["ppl-1", "ppl-3"]
    assert told.waiting == {Reason.CASES_PER_BRANCH: 1}


def test_what_is_put_off_at_the_end_still_waits() -> None:
    project = limits(cases_per_project=Rate(count=1, window=12 * HOUR))

    told = replay(failed(1, ends=NOW), failed(2, ends=NOW), project=project, until=NOW + HOUR)

    assert (told.cases, told.waiting, told.skipped) == (1, {Reason.CASES_PER_PROJECT: 1}, {})


def test_what_cannot_be_read_is_not_asked_again() -> None:
    told = replay(failed(1, ends=NOW, ref=make.pull_request_ref()), failed(2, ends=NOW, commit=Sha("")))

    assert told.waiting == {Reason.UNAVAILABLE: 1, Reason.DETAILS_PENDING: 1}


def test_changed_files_that_could_not_be_read_leave_it_waiting() -> None:
    target = make.target(project=make.project(when=Condition.parse("change_in('/a')")))
    past = Past(target=target, pipeline=failed(1, ends=NOW), changes=None)

    (told,) = backtest([past], until=UNTIL)

    assert told.waiting == {Reason.UNAVAILABLE: 1}


def test_a_pipeline_without_a_known_end_counts_from_its_creation() -> None:
    odd = make.pipeline(done_at=None, created_at=NOW)

    assert healed(replay(odd)) == [("ppl-1", NOW)]


def test_an_empty_past_has_no_projects() -> None:
    assert backtest([], until=UNTIL) == ()
