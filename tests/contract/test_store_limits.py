"""What every store promises about limits: they hold at the moment when a case is opened or claimed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.builders import (
    AGENT,
    NOW,
    PROJECT,
    advance_to_healing,
    ago,
    later,
    limits,
    new_case,
    passed_pipeline,
    pipeline,
    project,
    sha,
    tag,
    target,
)
from tests.fakes.store import FakeStore
from tests.store.drive import AnyStore, about, moved, opened, recorded, stepped

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState, advance, stay
from selfheald.domain.decision import Heal, Skip
from selfheald.domain.history import History
from selfheald.domain.ids import PipelineId, ProjectName, WorkflowId
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import Pipeline, Result
from selfheald.domain.policy import Limits, Rate
from selfheald.domain.reasons import Reason
from selfheald.domain.room import Claim
from selfheald.domain.zone import Budget
from selfheald.store.open import open_store

HEAL = Heal(approval=False)


@pytest.fixture(params=["fake", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyStore]:
    one: AnyStore = FakeStore() if request.param == "fake" else await open_store(tmp_path / "selfheald.sqlite")
    yield one
    await one.close()


class TestAskingAgain:
    """Guards and limits are asked again in the transaction that opens the case."""

    async def test_a_limit_that_was_reached_meanwhile_puts_the_pipeline_off(self, store: AnyStore) -> None:
        seen = _observed(pipeline(), cases_per_project=Rate(count=1, window=timedelta(hours=1)))
        await opened(store, pipeline=pipeline(id="faster", commit=sha(2)), opened_at=ago(minutes=10))

        made = await store.journal.decide(PROJECT, pipeline(), HEAL, now=NOW, new_case=new_case(), seen=seen)

        found = await store.journal.verdict(pipeline().id)
        assert made is None
        assert found
        assert (found.decision, found.reason, found.saw) == ("defer", Reason.CASES_PER_PROJECT, "1 of 1 per 1h")
        assert found.defer_until == later(minutes=50)

    async def test_an_attempt_that_was_used_up_meanwhile_skips_the_pipeline(self, store: AnyStore) -> None:
        seen = _observed(pipeline())
        first = await moved(store, await opened(store), CaseState.HEALING)
        begun = await store.cases.start_attempt(first, agent=AGENT, folder="f", now=NOW)
        await store.cases.finish_attempt(replace(begun, outcome=AttemptOutcome.TIMEOUT, finished_at=NOW))
        await stepped(store, first, CaseState.SUPERSEDED)
        rerun = pipeline(id="rerun", created_at=ago(minutes=1))

        made = await store.journal.decide(
            PROJECT, rerun, HEAL, now=NOW, new_case=new_case(pipeline=rerun), seen=replace(seen, pipeline=rerun)
        )

        found = await store.journal.verdict(rerun.id)
        assert made is None
        assert found
        assert (found.decision, found.reason) == ("skip", Reason.ALREADY_ATTEMPTED)

    async def test_a_case_is_opened_when_nothing_has_changed(self, store: AnyStore) -> None:
        seen = _observed(pipeline())

        assert await store.journal.decide(PROJECT, pipeline(), HEAL, now=NOW, new_case=new_case(), seen=seen)

    async def test_a_decision_not_to_heal_is_kept_as_it_is(self, store: AnyStore) -> None:
        skip = Skip(reason=Reason.CONDITION_FALSE, saw="x")

        await store.journal.decide(PROJECT, pipeline(), skip, now=NOW, new_case=None, seen=_observed(pipeline()))

        found = await store.journal.verdict(pipeline().id)
        assert found
        assert found.reason is Reason.CONDITION_FALSE


class TestClaiming:
    async def test_a_claim_is_a_change_of_state_with_its_line_in_the_history(self, store: AnyStore) -> None:
        case = await opened(store)
        held = advance_to_healing(case, owner="me", until=later(minutes=1))

        claim = await store.cases.claim(case, held, limits=limits(), now=NOW)

        assert claim.taken
        assert claim.case == replace(held, reserved_micros=5_000_000)
        assert await store.cases.case(case.id) == claim.case
        assert [event.after for event in await store.cases.events(case.id)] == ["queued", "healing"]

    async def test_of_two_claims_one_is_taken(self, store: AnyStore) -> None:
        case = await opened(store)
        held = advance_to_healing(case, owner="me", until=later(minutes=1))

        claims = [await store.cases.claim(case, held, limits=limits(concurrent_attempts=2), now=NOW) for _ in range(2)]

        assert [claim.taken for claim in claims] == [True, False]
        assert claims[1] == Claim(taken=False)

    @pytest.mark.parametrize(
        ("state", "limit"),
        [
            (CaseState.HEALING, Reason.CONCURRENT_ATTEMPTS),
            (CaseState.PUSHING, Reason.OPEN_PULL_REQUESTS),
            (CaseState.VALIDATING, Reason.OPEN_PULL_REQUESTS),
            (CaseState.PUBLISHING, Reason.OPEN_PULL_REQUESTS),
            (CaseState.PROPOSED, Reason.OPEN_PULL_REQUESTS),
            (CaseState.AWAITING_APPROVAL, None),
            (CaseState.QUEUED, None),
            (CaseState.HEALED, None),
        ],
    )
    async def test_other_cases_of_the_project_take_up_its_room(
        self, store: AnyStore, state: CaseState, limit: Reason | None
    ) -> None:
        start = CaseState.AWAITING_APPROVAL if state is CaseState.AWAITING_APPROVAL else CaseState.QUEUED
        other = await opened(store, pipeline=pipeline(id="other", commit=sha(2)), state=start)
        if state is not start:
            await moved(store, other, state)
        case = await opened(store)
        held = advance_to_healing(case, owner="me", until=later(minutes=1))

        claim = await store.cases.claim(case, held, limits=limits(open_pull_requests=1), now=NOW)

        assert (claim.taken, claim.limit) == (limit is None, limit)

    async def test_other_projects_do_not(self, store: AnyStore) -> None:
        theirs = {"project": ProjectName("another"), "pipeline": pipeline(id="other", commit=sha(2))}
        await moved(store, await opened(store, **theirs), CaseState.HEALING)
        case = await opened(store)
        held = advance_to_healing(case, owner="me", until=later(minutes=1))

        claim = await store.cases.claim(case, held, limits=limits(open_pull_requests=1), now=NOW)

        assert claim.taken

    @pytest.mark.parametrize(("begun_at", "limit"), [(NOW, Reason.COST_PER_DAY), (ago(hours=13), None)])
    async def test_what_was_spent_today_counts(self, store: AnyStore, begun_at: datetime, limit: Reason | None) -> None:
        spender = await moved(store, await opened(store, pipeline=pipeline(id="o", commit=sha(2))), CaseState.HEALING)
        begun = await store.cases.start_attempt(spender, agent=AGENT, folder="f", now=begun_at)
        spent = replace(begun, outcome=AttemptOutcome.TIMEOUT, finished_at=NOW, cost_micros=20_000_000)
        await store.cases.finish_attempt(spent)
        await stepped(store, spender, CaseState.EXHAUSTED)
        case = await opened(store)
        held = advance_to_healing(case, owner="me", until=later(minutes=1))

        claim = await store.cases.claim(case, held, limits=limits(), now=NOW)

        assert (claim.taken, claim.limit) == (limit is None, limit)


class TestReserving:
    """What an attempt may cost is held back in the transaction that claims its case."""

    async def test_the_attempt_s_limit_is_reserved_and_is_its_budget(self, store: AnyStore) -> None:
        claim = await _claimed(store, limits(cost_usd_per_attempt=Decimal("1.5"), tokens_per_attempt=7))

        assert claim.case
        assert claim.case.reserved_micros == 1_500_000
        assert claim.budget == Budget(attempt_micros=1_500_000, project_micros=20_000_000, tokens=7)

    async def test_what_is_left_of_the_day_is_reserved_when_it_is_less(self, store: AnyStore) -> None:
        await _spent(store, 19_000_000)

        claim = await _claimed(store, limits(cost_usd_per_day_of_all=Decimal("19.4")))

        assert claim.case
        assert claim.case.reserved_micros == 400_000
        assert claim.budget == Budget(attempt_micros=5_000_000, project_micros=1_000_000, day_micros=400_000)

    async def test_what_others_reserved_is_not_left(self, store: AnyStore) -> None:
        bounds = limits(concurrent_attempts=9, cost_usd_per_day=Decimal(8))

        first, second, third = [await _claimed(store, bounds) for _ in range(3)]

        assert [claim.case.reserved_micros for claim in (first, second) if claim.case] == [5_000_000, 3_000_000]
        assert third == Claim(taken=False, limit=Reason.COST_PER_DAY)

    async def test_what_other_projects_spent_and_reserved_counts_for_all(self, store: AnyStore) -> None:
        elsewhere = ProjectName("another")
        await _spent(store, 2_000_000, project=elsewhere)
        bounds = limits(concurrent_attempts=9, cost_usd_per_day_of_all=Decimal(8))

        first, second, third = [
            await _claimed(store, bounds, project=elsewhere if it == 0 else None) for it in range(3)
        ]

        assert [claim.case.reserved_micros for claim in (first, second) if claim.case] == [5_000_000, 1_000_000]
        assert third == Claim(taken=False, limit=Reason.COST_PER_DAY_OF_ALL)

    async def test_an_agent_without_prices_reserves_nothing(self, store: AnyStore) -> None:
        claim = await _claimed(store, limits(tokens_per_attempt=7), priced=False)

        assert claim.case
        assert (claim.case.reserved_micros, claim.budget) == (0, Budget(tokens=7))

    async def test_a_case_that_is_given_back_has_given_its_reservation_back(self, store: AnyStore) -> None:
        claim = await _claimed(store, limits(cost_usd_per_day=Decimal(5)))
        assert claim.case

        await store.cases.save(claim.case, advance(claim.case, CaseState.QUEUED, now=NOW))

        again = await _claimed(store, limits(cost_usd_per_day=Decimal(5)))
        assert again.case
        assert again.case.reserved_micros == 5_000_000

    async def test_what_an_attempt_has_cost_so_far_is_held_back_no_longer_but_spent(self, store: AnyStore) -> None:
        bounds = limits(concurrent_attempts=9, cost_usd_per_day=Decimal(7), cost_usd_per_day_of_all=Decimal(8))
        claim = await _claimed(store, bounds)
        assert claim.case
        begun = await store.cases.start_attempt(claim.case, agent=AGENT, folder="f", now=NOW)

        await store.cases.note_cost(begun, 3_000_000)
        budget = (await _claimed(store, bounds)).budget

        assert (budget.project_micros, budget.day_micros) == (2_000_000, 3_000_000)
        [attempt] = await store.cases.attempts(claim.case.id)
        assert attempt == replace(begun, cost_micros=3_000_000)

    async def test_what_was_noted_stays_when_nobody_finishes_the_attempt(self, store: AnyStore) -> None:
        claim = await _claimed(store, limits(cost_usd_per_day=Decimal(5)))
        assert claim.case
        begun = await store.cases.start_attempt(claim.case, agent=AGENT, folder="f", now=NOW)
        await store.cases.note_cost(begun, 3_000_000)
        queued = advance(claim.case, CaseState.QUEUED, now=NOW)
        await store.cases.save(claim.case, queued)

        again = await _claimed(store, limits(cost_usd_per_day=Decimal(5)))

        assert again.budget.project_micros == 2_000_000
        [left] = await store.cases.attempts(queued.id)
        assert (left.outcome, left.finished_at) == (AttemptOutcome.INTERRUPTED, NOW)
        await store.cases.start_attempt(queued, agent=AGENT, folder="g", now=NOW)
        assert [one.cost_micros for one in await store.cases.attempts(queued.id)] == [3_000_000, 0]

    async def test_an_attempt_that_has_ended_keeps_its_cost(self, store: AnyStore) -> None:
        claim = await _claimed(store, limits())
        assert claim.case
        begun = await store.cases.start_attempt(claim.case, agent=AGENT, folder="f", now=NOW)
        ended = replace(begun, outcome=AttemptOutcome.TIMEOUT, finished_at=NOW, cost_micros=5)
        await store.cases.finish_attempt(ended)

        await store.cases.note_cost(begun, 3)

        assert list(await store.cases.attempts(claim.case.id)) == [ended]

    async def test_a_lease_that_is_renewed_keeps_it(self, store: AnyStore) -> None:
        claim = await _claimed(store, limits())
        assert claim.case

        await store.cases.save(claim.case, stay(claim.case, now=NOW, lease_until=later(minutes=5)))

        kept = await store.cases.case(claim.case.id)
        assert kept
        assert kept.reserved_micros == 5_000_000


_numbers = count(100)


async def _claimed(
    store: AnyStore, bounds: Limits, *, project: ProjectName | None = None, priced: bool = True
) -> Claim:
    number = next(_numbers)
    built = pipeline(id=f"ppl-{number}", commit=sha(number))
    case = await opened(store, pipeline=built, **({"project": project} if project else {}))
    held = advance_to_healing(case, owner="me", until=later(minutes=1))
    return await store.cases.claim(case, held, limits=bounds, now=NOW, priced=priced)


async def _spent(store: AnyStore, micros: int, *, project: ProjectName | None = None) -> None:
    claim = await _claimed(store, limits(), project=project)
    assert claim.case
    begun = await store.cases.start_attempt(claim.case, agent=AGENT, folder="f", now=NOW)
    await store.cases.finish_attempt(
        replace(begun, outcome=AttemptOutcome.TIMEOUT, finished_at=NOW, cost_micros=micros)
    )
    await stepped(store, claim.case, CaseState.EXHAUSTED)


class TestNewerPipelines:
    @pytest.mark.parametrize(
        "newer",
        [
            passed_pipeline(id="newer", created_at=ago(minutes=5)),
            pipeline(id="newer", created_at=ago(minutes=5), commit=sha(2)),
        ],
    )
    async def test_one_that_passed_or_failed_later_is_found(self, store: AnyStore, newer: Pipeline) -> None:
        case = await opened(store)
        await recorded(store, newer, passed_pipeline(id="between", created_at=ago(minutes=6)))

        assert await store.journal.newer_pipeline(case) == newer

    @pytest.mark.parametrize(
        "overrides",
        [
            {"created_at": ago(minutes=11)},
            {"result": Result.STOPPED},
            {"ref": tag()},
            {"file": ".semaphore/other.yml"},
            {"promotion_of": PipelineId("ppl-1")},
        ],
    )
    async def test_others_are_not(self, store: AnyStore, overrides: dict[str, Any]) -> None:
        case = await opened(store)
        await recorded(store, passed_pipeline(**{"id": "other", "created_at": ago(minutes=5)} | overrides))

        assert await store.journal.newer_pipeline(case) is None

    @pytest.mark.parametrize("again", [{"rerun_of": WorkflowId("wf-0")}, {"partial_rerun_of": PipelineId("ppl-0")}])
    async def test_a_rerun_of_what_was_there_before_is_none(self, store: AnyStore, again: dict[str, Any]) -> None:
        case = await opened(store)
        await recorded(
            store,
            passed_pipeline(id="ppl-0", created_at=ago(minutes=30), commit=sha(3)),
            passed_pipeline(id="again", created_at=ago(minutes=5), commit=sha(3), **again),
        )

        assert await store.journal.newer_pipeline(case) is None
        assert (await about(store, case.pipeline)).newer_pipeline is None

    @pytest.mark.parametrize(
        "overrides",
        [
            {"commit": sha(3)},
            {"commit": sha(4), "rerun_of": WorkflowId("wf-2")},
            {"rerun_of": WorkflowId("wf-1")},
        ],
    )
    async def test_a_push_back_and_reruns_of_this_and_of_newer_commits_count(
        self, store: AnyStore, overrides: dict[str, Any]
    ) -> None:
        case = await opened(store)
        newer = passed_pipeline(**{"id": "again", "created_at": ago(minutes=5)} | overrides)
        await recorded(
            store,
            passed_pipeline(id="ppl-0", created_at=ago(minutes=30), commit=sha(3)),
            pipeline(id="stopped", created_at=ago(minutes=8), commit=sha(4), result=Result.STOPPED),
            pipeline(id="before", created_at=ago(minutes=20)),
            newer,
        )

        assert await store.journal.newer_pipeline(case) == newer
        assert (await about(store, case.pipeline)).newer_pipeline == newer.id


def _observed(built: Pipeline, **bounds: Any) -> Observation:
    return Observation(
        target=target(project=project(limits=limits(**bounds))),
        pipeline=built,
        pull_request=None,
        history=History(),
        now=NOW,
    )
