"""The past decided again: what would have been healed."""

from datetime import datetime, timedelta
from typing import Any

from tests import builders as make
from tests.builders import NOW

from selfheald.domain.backtest import Past, ProjectBacktest, backtest
from selfheald.domain.conditions.language import Condition
from selfheald.domain.ids import PipelineId, ProjectName, Sha
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Project, Rate
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


def replay(*pipelines: Pipeline, project: Project | None = None, until: datetime = UNTIL) -> ProjectBacktest:
    target = make.target(project=project or make.project())
    (told,) = backtest([Past(target=target, pipeline=pipeline) for pipeline in pipelines], until=until)
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


def test_a_newer_pipeline_counts_only_once_it_has_ended() -> None:
    main = make.branch("main")
    old = failed(1, ends=NOW, ref=main)
    newer = failed(2, ends=NOW + HOUR, ref=main)
    slow = failed(3, ends=NOW + 2 * HOUR, created_at=NOW, ref=main)

    told = replay(old, newer, slow)

    assert [name for name, _ in healed(told)] == ["ppl-1", "ppl-2"]
    assert told.skipped == {Reason.SUPERSEDED: 1}


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
