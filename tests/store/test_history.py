"""What the store tells about the past of a failure, its branch and its project; the fake tells the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.builders import (
    AGENT,
    NOW,
    ago,
    branch,
    later,
    limits,
    passed_pipeline,
    pipeline,
    running_pipeline,
    sha,
)
from tests.store.drive import AnyStore, about, moved, opened, recorded

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import END_STATES, Case, CaseState
from selfheald.domain.history import History
from selfheald.domain.ids import PipelineId, ProjectName, Sha, Slug
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Rate
from selfheald.domain.reasons import Reason

DAY = timedelta(hours=24)
WITHOUT_A_FIX = {
    CaseState.NOT_FIXABLE,
    CaseState.BLOCKED,
    CaseState.EXHAUSTED,
    CaseState.NO_CI,
    CaseState.FAILED,
    CaseState.WITHDRAWN,
    CaseState.OVER_BUDGET,
}
A_HUMANS_NO = {CaseState.DECLINED, CaseState.REJECTED, CaseState.CANCELLED}


async def attempted(store: AnyStore, case: Case, outcome: AttemptOutcome, **overrides: Any) -> Attempt:
    """Make an attempt of a case that has ended."""
    started = await store.cases.start_attempt(case, agent=AGENT, folder="", now=overrides.pop("started_at", NOW))
    ended = replace(started, outcome=outcome, finished_at=started.started_at + timedelta(minutes=1), **overrides)
    await store.cases.finish_attempt(ended)
    return ended


def another(number: int) -> Pipeline:
    """Build another commit."""
    return pipeline(id=f"ppl-{number}", commit=sha(number))


async def test_an_empty_store_knows_nothing(store: AnyStore) -> None:
    assert await about(store) == History()


async def test_an_open_case_counts_for_its_failure_only(store: AnyStore) -> None:
    case = await opened(store)

    assert (await about(store)).open_case == case.id
    assert (await about(store, pipeline(id="ppl-rerun"))).open_case == case.id
    assert (await about(store, another(2))).open_case is None
    assert (await about(store, repository=Slug("acme/other"))).open_case is None


@pytest.mark.parametrize("end", END_STATES)
async def test_only_a_humans_no_declines_the_failure(store: AnyStore, end: CaseState) -> None:
    start = CaseState.AWAITING_APPROVAL if end is CaseState.REJECTED else CaseState.QUEUED
    case = await moved(store, await opened(store, state=start), end)

    told = await about(store)

    assert told.declined == (case.id if end in A_HUMANS_NO else None)
    assert told.open_case is None
    assert (await about(store, another(2))).declined is None


@pytest.mark.parametrize("end", END_STATES)
async def test_an_end_without_a_fix_is_remembered_for_its_branch(store: AnyStore, end: CaseState) -> None:
    start = CaseState.AWAITING_APPROVAL if end is CaseState.REJECTED else CaseState.QUEUED
    await moved(store, await opened(store, state=start), end, at=ago(minutes=5))

    assert (await about(store, another(2))).last_unfixed_at == (ago(minutes=5) if end in WITHOUT_A_FIX else None)
    assert (await about(store, source_branch="develop")).last_unfixed_at is None
    assert (await about(store, source_branch=None)).last_unfixed_at is None
    assert (await about(store, project=ProjectName("another"))).last_unfixed_at is None


async def test_a_branch_that_is_green_again_needs_no_rest(store: AnyStore) -> None:
    await moved(store, await opened(store), CaseState.WITHDRAWN, at=ago(minutes=5), reason=Reason.BRANCH_GREEN)

    assert (await about(store, another(2))).last_unfixed_at is None


async def test_the_last_of_several_ends_without_a_fix_counts(store: AnyStore) -> None:
    for number, minutes in ((1, 5), (2, 50), (3, 20)):
        await moved(store, await opened(store, pipeline=another(number)), CaseState.FAILED, at=ago(minutes=minutes))

    assert (await about(store)).last_unfixed_at == ago(minutes=5)


@pytest.mark.parametrize("field", ["proposal", "pushed"])
async def test_a_commit_of_a_case_is_our_own(store: AnyStore, field: str) -> None:
    changes: dict[str, Any] = {field: sha(7)}
    await moved(store, await opened(store), CaseState.HEALING, **changes)

    assert (await about(store, another(7))).own_commit
    assert (await about(store, another(8), commit=sha(7))).own_commit, "a pull request's head"
    assert not (await about(store)).own_commit
    assert not (await about(store, pipeline(commit=Sha("")))).own_commit


async def test_a_commit_of_an_attempt_is_our_own(store: AnyStore) -> None:
    await attempted(store, await opened(store), AttemptOutcome.FIXED, commit=sha(7))

    assert (await about(store, another(7))).own_commit
    assert not (await about(store)).own_commit


@pytest.mark.parametrize("outcome", list(AttemptOutcome))
async def test_an_attempt_counts_for_its_commit_if_the_agent_had_a_fair_chance(
    store: AnyStore, outcome: AttemptOutcome
) -> None:
    await attempted(store, await opened(store), outcome)

    assert (await about(store)).attempts_on_commit == int(outcome.counts)


async def test_attempts_on_a_commit_are_counted_over_cases_and_while_they_run(store: AnyStore) -> None:
    first = await moved(store, await opened(store), CaseState.HEALING)
    await attempted(store, first, AttemptOutcome.CRASHED)
    await moved(store, first, CaseState.EXHAUSTED)
    second = await opened(store)
    await store.cases.start_attempt(second, agent=AGENT, folder="", now=NOW)
    await attempted(store, await opened(store, repository=Slug("acme/other")), AttemptOutcome.CRASHED)
    await attempted(store, await opened(store, pipeline=another(2)), AttemptOutcome.CRASHED)

    assert (await about(store)).attempts_on_commit == 2


async def test_a_newer_pipeline_of_the_same_branch_and_file_is_seen(store: AnyStore) -> None:
    newer = passed_pipeline(id="ppl-2", created_at=ago(minutes=5))
    newest = passed_pipeline(id="ppl-3", created_at=ago(minutes=1))
    await recorded(store, newest, newer, pipeline())

    assert (await about(store)).newer_pipeline == newest.id
    assert (await about(store, newest)).newer_pipeline is None
    assert (await about(store, project=ProjectName("another"))).newer_pipeline is None


async def test_the_commit_that_was_built_before_on_the_branch_is_known(store: AnyStore) -> None:
    await recorded(
        store,
        pipeline(id="ppl-2", commit=sha(2), created_at=ago(hours=3)),
        pipeline(id="ppl-3", commit=sha(3), file="deploy.yml", created_at=ago(hours=2)),
        pipeline(id="ppl-4", created_at=ago(hours=1)),
        pipeline(id="ppl-5", commit=sha(5), ref=branch("develop"), created_at=ago(hours=1)),
        pipeline(id="ppl-6", commit=sha(6), created_at=later(hours=1)),
        pipeline(),
    )

    assert (await about(store)).previous_commit == sha(3)
    assert (await about(store, pipeline(ref=branch("new")))).previous_commit is None


async def test_other_pipelines_do_not_supersede(store: AnyStore) -> None:
    created = later(minutes=1)
    running = running_pipeline(id=PipelineId("ppl-5"), created_at=created)
    await recorded(
        store,
        pipeline(id="ppl-2", ref=branch("develop"), created_at=created),
        pipeline(id="ppl-3", file="deploy.yml", created_at=created),
        pipeline(id="ppl-4", created_at=pipeline().created_at),
        running,
    )

    assert (await about(store)).newer_pipeline is None


async def test_cases_are_counted_within_the_limits_windows(store: AnyStore) -> None:
    for number, hours, source in ((1, 25, "main"), (2, 24, "main"), (3, 23, "main"), (4, 22, "develop"), (5, 21, None)):
        await opened(store, pipeline=another(number), opened_at=ago(hours=hours), source_branch=source)
    await opened(store, pipeline=another(6), project=ProjectName("another"))

    told = await about(store)

    assert (told.cases_on_branch, told.cases_in_project) == (1, 3)
    assert told.window_frees_at is None, "no limit is reached"
    assert (await about(store, source_branch=None)).cases_on_branch == 0


async def test_a_reached_limit_says_when_it_frees(store: AnyStore) -> None:
    for number, hours, source in ((1, 20, "develop"), (2, 10, "main"), (3, 5, "main")):
        await opened(store, pipeline=another(number), opened_at=ago(hours=hours), source_branch=source)
    by_branch = limits(cases_per_branch=Rate(count=2, window=DAY))
    by_project = limits(cases_per_project=Rate(count=3, window=DAY))
    both = replace(by_branch, cases_per_project=by_project.cases_per_project)

    assert (await about(store, limits=by_branch)).window_frees_at == later(hours=14)
    assert (await about(store, limits=by_project)).window_frees_at == later(hours=4)
    assert (await about(store, limits=both)).window_frees_at == later(hours=4)
    assert (await about(store, limits=by_branch, now=later(hours=14))).cases_on_branch == 1


async def test_a_limit_of_none_never_frees(store: AnyStore) -> None:
    none = Rate(count=0, window=DAY)

    assert (await about(store, limits=limits(cases_per_branch=none))).window_frees_at is None


async def test_pull_requests_count_while_they_are_open_or_about_to_be(store: AnyStore) -> None:
    for number, state in enumerate((CaseState.VALIDATING, CaseState.PUBLISHING, CaseState.PROPOSED, CaseState.HEALED)):
        await moved(store, await opened(store, pipeline=another(number + 1)), state)

    assert (await about(store)).open_pull_requests == 2
    assert (await about(store, project=ProjectName("another"))).open_pull_requests == 0


async def test_a_day_of_cost_begins_at_midnight_utc(store: AnyStore) -> None:
    case = await opened(store)
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    await attempted(store, case, AttemptOutcome.CRASHED, started_at=midnight - timedelta(microseconds=1), cost_micros=1)
    await attempted(store, case, AttemptOutcome.CRASHED, started_at=midnight, cost_micros=20)
    await attempted(store, case, AttemptOutcome.INTERRUPTED, started_at=NOW, cost_micros=300)
    other = await opened(store, pipeline=another(2), project=ProjectName("another"))
    await attempted(store, other, AttemptOutcome.CRASHED, cost_micros=4000)

    assert (await about(store)).cost_micros_today == 320
    assert (await about(store)).cost_micros_today_of_all == 4320
    east = NOW.astimezone(timezone(timedelta(hours=13)))
    assert (await about(store, now=east)).cost_micros_today == 320, "it is past midnight there already"
