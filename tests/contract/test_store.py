"""What every store promises: the real one over SQLite, and the fake that other tests use in its place."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.builders import (
    AGENT,
    NOW,
    PROJECT,
    ago,
    attempt,
    case,
    later,
    new_case,
    passed_pipeline,
    pipeline,
    running_pipeline,
    sha,
    tag,
)
from tests.fakes.store import FakeStore
from tests.store.drive import AnyStore, moved, opened, recorded, stepped

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.case import CaseState, IllegalTransitionError, advance, branch_of, stay
from selfheald.domain.decision import Defer, Heal, Skip
from selfheald.domain.errors import NotFoundError
from selfheald.domain.ids import AgentName, CaseId, PipelineId, ProjectName, Sha
from selfheald.domain.pipeline import Result, State
from selfheald.domain.reasons import Reason
from selfheald.store.open import open_store

HEAL = Heal(approval=False)


@pytest.fixture(params=["fake", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyStore]:
    one: AnyStore = FakeStore() if request.param == "fake" else await open_store(tmp_path / "selfheald.sqlite")
    yield one
    await one.close()


class TestSweeping:
    async def test_a_project_that_was_never_swept_has_no_cursor(self, store: AnyStore) -> None:
        assert await store.journal.cursor(PROJECT) is None

    async def test_the_cursor_is_kept_per_project_to_the_microsecond(self, store: AnyStore) -> None:
        at = NOW.replace(microsecond=123_456)

        await store.journal.record(PROJECT, [], cursor=at, now=NOW)

        assert await store.journal.cursor(PROJECT) == at
        assert await store.journal.cursor(ProjectName("another")) is None

    async def test_the_cursor_never_moves_back(self, store: AnyStore) -> None:
        for at in (NOW, ago(hours=1), None):
            await store.journal.record(PROJECT, [], cursor=at, now=NOW)

        assert await store.journal.cursor(PROJECT) == NOW

    async def test_a_pipeline_is_news_only_once(self, store: AnyStore) -> None:
        first, second = pipeline(id="ppl-1"), passed_pipeline(id="ppl-2")

        assert await store.journal.record(PROJECT, [first], cursor=ago(minutes=2), now=NOW) == [first]
        assert list(await store.journal.record(PROJECT, [second, first], cursor=NOW, now=NOW)) == [second]
        assert list(await store.journal.record(PROJECT, [second, first], cursor=NOW, now=NOW)) == []

    async def test_a_pipeline_given_twice_in_one_sweep_is_one(self, store: AnyStore) -> None:
        assert list(await store.journal.record(PROJECT, [pipeline(), pipeline()], cursor=None, now=NOW)) == [pipeline()]

    async def test_a_pipeline_that_runs_is_news_when_it_has_ended(self, store: AnyStore) -> None:
        assert list(await store.journal.record(PROJECT, [running_pipeline()], cursor=None, now=NOW)) == []
        assert await store.journal.verdict(pipeline().id) is None

        assert list(await store.journal.record(PROJECT, [pipeline()], cursor=None, now=NOW)) == [pipeline()]

    async def test_what_was_missing_at_first_is_filled_in_later(self, store: AnyStore) -> None:
        await recorded(store, pipeline(commit=Sha(""), error=""))
        await recorded(store, pipeline(commit=sha(9)))

        assert await store.journal.undecided(PROJECT, NOW) == [pipeline(commit=sha(9))]

    async def test_every_field_of_a_pipeline_comes_back(self, store: AnyStore) -> None:
        odd = pipeline(
            ref=tag("v1 'odd' \U0001f9ea"),
            commit_message="Subject\n\nbody with \x00 and ½",
            error="malformed",
            result=Result.UNKNOWN,
            promotion_of=PipelineId("ppl-0"),
            partial_rerun_of=PipelineId("ppl-00"),
            rerun_of="workflow-0",
        )
        await recorded(store, odd)

        found = await store.journal.verdict(odd.id)

        assert found is not None
        assert (found.project, found.pipeline, found.decision) == (PROJECT, odd, "")
        assert (found.reason, found.saw, found.decided_at, found.defer_until) == (None, "", None, None)

    async def test_text_that_is_no_unicode_does_not_stop_a_sweep(self, store: AnyStore) -> None:
        broken = pipeline(commit_message="\ud800", name="\udfff", ref=tag("\ud800"))

        assert await store.journal.record(PROJECT, [broken], cursor=None, now=NOW) == [broken]


class TestDeciding:
    async def test_only_failed_pipelines_wait_for_a_decision_newest_first(self, store: AnyStore) -> None:
        older, newer = pipeline(id="ppl-1", created_at=ago(hours=2)), pipeline(id="ppl-2", created_at=ago(hours=1))
        stopped = pipeline(id="ppl-3", result=Result.STOPPED)
        await recorded(store, older, passed_pipeline(id="ppl-4"), newer, stopped)

        assert list(await store.journal.undecided(PROJECT, NOW)) == [newer, older]
        assert list(await store.journal.undecided(ProjectName("another"), NOW)) == []

    async def test_a_skipped_pipeline_waits_no_longer(self, store: AnyStore) -> None:
        await recorded(store)
        skip = Skip(reason=Reason.TAG, saw="refs/tags/v1")

        assert await store.journal.decide(PROJECT, pipeline(), skip, now=NOW, new_case=None) is None

        assert list(await store.journal.undecided(PROJECT, later(days=9))) == []
        found = await store.journal.verdict(pipeline().id)
        assert found is not None
        assert (found.decision, found.reason, found.saw, found.decided_at) == ("skip", Reason.TAG, "refs/tags/v1", NOW)

    async def test_a_deferred_pipeline_waits_again_when_its_time_has_come(self, store: AnyStore) -> None:
        await recorded(store)
        defer = Defer(until=later(minutes=30), reason=Reason.COOLDOWN, saw="case 1")
        await store.journal.decide(PROJECT, pipeline(), defer, now=NOW, new_case=None)

        assert list(await store.journal.undecided(PROJECT, later(minutes=29))) == []
        assert list(await store.journal.undecided(PROJECT, later(minutes=30))) == [pipeline()]
        found = await store.journal.verdict(pipeline().id)
        assert found is not None
        assert (found.decision, found.defer_until) == ("defer", later(minutes=30))

    async def test_healing_opens_a_case(self, store: AnyStore) -> None:
        wanted = new_case(state=CaseState.AWAITING_APPROVAL, commit=sha(5), opened_at=later(seconds=1))

        made = await store.journal.decide(PROJECT, pipeline(), HEAL, now=NOW, new_case=wanted)

        expected = case(
            state=CaseState.AWAITING_APPROVAL,
            commit=sha(5),
            opened_at=later(seconds=1),
            updated_at=later(seconds=1),
            due_at=later(seconds=1),
        )
        assert made == expected == await store.cases.case(expected.id)
        assert (made.branch, made.failed_pipeline) == (branch_of(sha(5)), pipeline().id)
        [first] = await store.cases.events(made.id)
        assert (first.at, first.before, first.after, first.actor) == (
            made.opened_at,
            "",
            "awaiting_approval",
            "selfheald",
        )

    async def test_healing_is_kept_as_the_pipelines_verdict(self, store: AnyStore) -> None:
        await recorded(store)
        await opened(store)

        found = await store.journal.verdict(pipeline().id)

        assert found is not None
        assert (found.decision, found.reason) == ("heal", Reason.ALLOWED)
        assert list(await store.journal.undecided(PROJECT, NOW)) == []

    async def test_a_second_open_case_of_a_failure_becomes_a_skip(self, store: AnyStore) -> None:
        first = await opened(store)
        rerun = pipeline(id="ppl-2")

        assert await store.journal.decide(PROJECT, rerun, HEAL, now=NOW, new_case=new_case(pipeline=rerun)) is None

        found = await store.journal.verdict(rerun.id)
        assert found is not None
        assert (found.decision, found.reason, found.saw) == ("skip", Reason.ALREADY_OPEN, f"case {first.id}")
        assert list(await store.cases.cases()) == [first]

    async def test_deciding_the_same_pipeline_twice_keeps_the_first_verdict(self, store: AnyStore) -> None:
        await opened(store)

        again = await store.journal.decide(PROJECT, pipeline(), HEAL, now=later(seconds=1), new_case=new_case())

        found = await store.journal.verdict(pipeline().id)
        assert again is None
        assert found is not None
        assert (found.decision, found.decided_at) == ("heal", NOW)

    async def test_a_failure_whose_case_is_over_may_have_another(self, store: AnyStore) -> None:
        first = await moved(store, await opened(store), CaseState.CANCELLED)

        second = await opened(store)

        assert list(await store.cases.cases()) == [second, first]

    async def test_a_decision_about_a_running_pipeline_ends_with_the_run(self, store: AnyStore) -> None:
        skip = Skip(reason=Reason.NOT_FAILED)
        await store.journal.decide(PROJECT, running_pipeline(), skip, now=NOW, new_case=None)

        assert list(await store.journal.record(PROJECT, [pipeline()], cursor=None, now=NOW)) == [pipeline()]

        assert list(await store.journal.undecided(PROJECT, NOW)) == [pipeline()]

    async def test_a_pipeline_that_was_never_seen_has_no_verdict(self, store: AnyStore) -> None:
        assert await store.journal.verdict(PipelineId("ppl-404")) is None

    async def test_a_decision_without_a_case_to_open_opens_none(self, store: AnyStore) -> None:
        assert await store.journal.decide(PROJECT, pipeline(), HEAL, now=NOW, new_case=None) is None
        assert list(await store.cases.cases()) == []


class TestCases:
    async def test_an_unknown_case_is_none(self, store: AnyStore) -> None:
        assert await store.cases.case(CaseId(404)) is None
        assert await store.cases.case(CaseId(10**30)) is None
        assert list(await store.cases.events(CaseId(404))) == []

    async def test_cases_come_newest_first_as_many_as_wanted(self, store: AnyStore) -> None:
        made = [await opened(store, pipeline=pipeline(id=f"ppl-{n}", commit=sha(n))) for n in (1, 2, 3)]
        over = await moved(store, made[1], CaseState.FAILED)

        assert list(await store.cases.cases()) == [made[2], over, made[0]]
        assert list(await store.cases.cases(limit=2)) == [made[2], over]
        assert list(await store.cases.cases(limit=0)) == []
        assert list(await store.cases.cases(open_only=True)) == [made[2], made[0]]
        assert list(await store.cases.cases(open_only=True, limit=1)) == [made[2]]

    async def test_every_field_of_a_case_comes_back(self, store: AnyStore) -> None:
        before = await opened(store, source_branch=None)
        after = stay(
            before,
            now=later(seconds=1),
            tries=3,
            due_at=later(minutes=1),
            lease_owner="host-1",
            lease_until=later(minutes=2),
            base=sha(2),
            failed_pipeline=PipelineId("ppl-9"),
            proposal=sha(3),
            pushed=sha(4),
            pushed_at=later(seconds=2),
            summary="Round ½ up",
            proof=PipelineId("ppl-8"),
            pull_request=7,
            pull_request_url="https://github.com/acme/billing/pull/7",
        )

        assert await store.cases.save(before, after)

        assert await store.cases.case(before.id) == after

    async def test_the_end_of_a_case_comes_back_with_its_reason(self, store: AnyStore) -> None:
        before = await opened(store)

        after = await stepped(store, before, CaseState.CANCELLED, at=later(minutes=1), reason=Reason.CANCELLED)

        assert after.closed_at == later(minutes=1)
        assert await store.cases.case(before.id) == after

    async def test_only_the_first_of_two_changes_to_the_same_version_is_kept(self, store: AnyStore) -> None:
        before = await opened(store)
        won = advance(before, CaseState.HEALING, now=NOW)

        assert await store.cases.save(before, won)
        assert not await store.cases.save(before, advance(before, CaseState.CANCELLED, now=NOW), note="too late")

        assert await store.cases.case(before.id) == won
        assert [event.after for event in await store.cases.events(before.id)] == ["queued", "healing"]

    async def test_an_unknown_case_is_not_saved(self, store: AnyStore) -> None:
        unknown = case(id=CaseId(404))

        assert not await store.cases.save(unknown, stay(unknown, now=NOW))

    async def test_a_change_of_state_and_a_note_make_history(self, store: AnyStore) -> None:
        first = await opened(store)
        second = advance(first, CaseState.HEALING, now=later(seconds=1))
        third = stay(second, now=later(seconds=2), lease_until=later(minutes=1))
        fourth = stay(third, now=later(seconds=3))
        fifth = advance(fourth, CaseState.WITHDRAWN, now=later(seconds=4), reason=Reason.CI_TIMEOUT)
        await store.cases.save(first, second)
        await store.cases.save(second, third)
        await store.cases.save(third, fourth, note="the model is slow")
        await store.cases.save(fourth, fifth, note="enough", actor="ada")

        history = await store.cases.events(first.id)

        assert [(e.at, e.before, e.after, e.reason, e.actor, e.note) for e in history] == [
            (NOW, "", "queued", None, "selfheald", ""),
            (later(seconds=1), "queued", "healing", None, "selfheald", ""),
            (later(seconds=3), "healing", "healing", None, "selfheald", "the model is slow"),
            (later(seconds=4), "healing", "withdrawn", Reason.CI_TIMEOUT, "ada", "enough"),
        ]

    async def test_a_version_that_is_not_the_next_is_refused(self, store: AnyStore) -> None:
        before = await opened(store)

        for after in (before, replace(before, version=3), replace(before, version=2, id=CaseId(9))):
            with pytest.raises(ValueError, match="version"):
                await store.cases.save(before, after)

    async def test_a_step_that_the_table_lacks_is_refused(self, store: AnyStore) -> None:
        before = await opened(store)

        with pytest.raises(IllegalTransitionError):
            await store.cases.save(before, replace(before, version=2, state=CaseState.PROPOSED))


class TestAttempts:
    async def test_attempts_are_numbered_within_their_case(self, store: AnyStore) -> None:
        one = await opened(store)
        other = await opened(store, pipeline=pipeline(id="ppl-2", commit=sha(2)))

        first = await store.cases.start_attempt(one, agent=AGENT, folder="cases/1/1", now=NOW)
        elsewhere = await store.cases.start_attempt(other, agent=AGENT, folder="cases/2/1", now=NOW)
        await store.cases.finish_attempt(replace(first, outcome=AttemptOutcome.CRASHED, finished_at=later(minutes=1)))
        second = await store.cases.start_attempt(one, agent=AGENT, folder="cases/1/2", now=later(minutes=2))

        assert first == attempt(id=first.id, case_id=one.id, base=one.base)
        assert (elsewhere.number, elsewhere.base, second.number) == (1, sha(2), 2)
        assert [each.number for each in await store.cases.attempts(one.id)] == [1, 2]

    async def test_every_field_of_an_attempt_comes_back(self, store: AnyStore) -> None:
        running = await store.cases.start_attempt(await opened(store), agent=AGENT, folder="cases/1/1", now=NOW)
        ended = replace(
            running,
            finished_at=later(minutes=3),
            outcome=AttemptOutcome.FIXED,
            commit=sha(7),
            summary="Round up",
            message="Done.",
            note="slow",
            usage=Usage(model="gpt", input_tokens=9, cached_input_tokens=4, cache_write_tokens=1, output_tokens=2),
            usages=(
                Usage(model="gpt", input_tokens=8, cached_input_tokens=4, cache_write_tokens=1, output_tokens=1),
                Usage(model="mini", input_tokens=1, output_tokens=1),
            ),
            cost_micros=1_234,
            folder="cases/1/one",
        )

        await store.cases.finish_attempt(ended)

        assert list(await store.cases.attempts(running.case_id)) == [ended]

    async def test_an_attempt_that_was_left_running_ends_as_interrupted(self, store: AnyStore) -> None:
        treated = await opened(store)
        left = await store.cases.start_attempt(treated, agent=AGENT, folder="cases/1/1", now=NOW)

        running = await store.cases.start_attempt(treated, agent=AGENT, folder="cases/1/2", now=later(hours=1))

        interrupted = replace(left, outcome=AttemptOutcome.INTERRUPTED, finished_at=later(hours=1))
        assert list(await store.cases.attempts(treated.id)) == [interrupted, running]

    async def test_an_agents_latest_attempts_are_told_over_all_cases(self, store: AnyStore) -> None:
        cases = [await opened(store, pipeline=pipeline(id=f"ppl-{number}", commit=sha(number))) for number in (1, 2)]
        ended = []
        for number, agent in enumerate((AGENT, AGENT, AgentName("other"), AGENT)):
            started = await store.cases.start_attempt(cases[number % 2], agent=agent, folder="", now=NOW)
            ended.append(replace(started, outcome=AttemptOutcome.MODEL_DOWN, finished_at=later(minutes=number)))
            await store.cases.finish_attempt(ended[-1])
        await store.cases.start_attempt(cases[0], agent=AGENT, folder="", now=NOW)

        assert list(await store.cases.latest_attempts(AGENT, limit=9)) == [ended[3], ended[1], ended[0]]
        assert list(await store.cases.latest_attempts(AGENT, limit=2)) == [ended[3], ended[1]]
        assert list(await store.cases.latest_attempts(AgentName("nobody"), limit=2)) == []

    async def test_an_attempt_is_finished_only_with_an_outcome(self, store: AnyStore) -> None:
        running = await store.cases.start_attempt(await opened(store), agent=AGENT, folder="", now=NOW)

        for unfinished in (running, replace(running, outcome=AttemptOutcome.FIXED), replace(running, finished_at=NOW)):
            with pytest.raises(ValueError, match="has not ended"):
                await store.cases.finish_attempt(unfinished)

    async def test_an_unknown_attempt_cannot_be_finished(self, store: AnyStore) -> None:
        unknown = attempt(id=404, outcome=AttemptOutcome.FIXED, finished_at=NOW + timedelta(minutes=1))

        with pytest.raises(NotFoundError):
            await store.cases.finish_attempt(unknown)


async def test_a_done_pipeline_is_all_that_a_sweep_keeps(store: AnyStore) -> None:
    """Whatever Semaphore answers: only what has ended can be decided upon."""
    for number, state in enumerate(State):
        await recorded(store, pipeline(id=f"ppl-{number}", state=state))

    known = [await store.journal.verdict(PipelineId(f"ppl-{number}")) for number in range(len(State))]
    assert [found.pipeline.state for found in known if found] == [State.DONE]
