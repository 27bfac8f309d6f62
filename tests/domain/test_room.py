"""Whether limits let an attempt start."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason
from selfheald.domain.room import LOOK_AGAIN, Occupancy, after_no_room, budget_of, limit_in_the_way, reserved
from selfheald.domain.zone import Budget

LIMITS = make.limits(
    concurrent_attempts=2, open_pull_requests=3, cost_usd_per_day=Decimal("0.5"), cost_usd_per_day_of_all=Decimal(1)
)


@pytest.mark.parametrize(
    ("held", "limit"),
    [
        (Occupancy(), None),
        (Occupancy(attempts_under_way=1, proposals_under_way=2, spent_micros=499_999), None),
        (Occupancy(attempts_under_way=2), Reason.CONCURRENT_ATTEMPTS),
        (Occupancy(proposals_under_way=3), Reason.OPEN_PULL_REQUESTS),
        (Occupancy(spent_micros=500_000), Reason.COST_PER_DAY),
        (Occupancy(spent_micros=300_000, reserved_micros=200_000), Reason.COST_PER_DAY),
        (Occupancy(spent_micros_of_all=700_000, reserved_micros_of_all=299_999), None),
        (Occupancy(spent_micros_of_all=700_000, reserved_micros_of_all=300_000), Reason.COST_PER_DAY_OF_ALL),
    ],
)
def test_the_first_limit_that_is_reached_stands_in_the_way(held: Occupancy, limit: Reason | None) -> None:
    assert limit_in_the_way(LIMITS, held) is limit


def test_an_attempt_may_use_what_is_left_and_the_least_of_it_is_reserved() -> None:
    held = Occupancy(spent_micros=100_000, reserved_micros=50_000, spent_micros_of_all=400_000)

    budget = budget_of(LIMITS, held, priced=True)

    assert budget == Budget(attempt_micros=5_000_000, project_micros=350_000, day_micros=600_000)
    assert reserved(make.case(), budget).reserved_micros == 350_000


def test_without_a_limit_for_all_nothing_of_theirs_counts() -> None:
    held = Occupancy(spent_micros_of_all=10**9)

    assert limit_in_the_way(make.limits(), held) is None
    assert budget_of(make.limits(), held, priced=True).day_micros is None


def test_without_prices_only_tokens_bound_an_attempt() -> None:
    budget = budget_of(make.limits(tokens_per_attempt=9), Occupancy(), priced=False)

    assert budget == Budget(tokens=9)
    assert reserved(make.case(), budget).reserved_micros == 0


def test_a_case_without_room_waits() -> None:
    after = after_no_room(make.case(), Reason.COST_PER_DAY, queued_at=make.ago(hours=23), now=NOW)

    assert (after.state, after.due_at) == (CaseState.QUEUED, NOW + LOOK_AGAIN)


@pytest.mark.parametrize("reason", [Reason.COST_PER_DAY, Reason.OPEN_PULL_REQUESTS])
def test_a_case_without_room_for_a_day_is_given_up(reason: Reason) -> None:
    after = after_no_room(make.case(), reason, queued_at=NOW - timedelta(hours=24), now=NOW)

    assert (after.state, after.reason) == (CaseState.OVER_BUDGET, reason)


def test_a_case_waits_for_a_free_worker_as_long_as_it_takes() -> None:
    after = after_no_room(make.case(), Reason.CONCURRENT_ATTEMPTS, queued_at=make.ago(days=3), now=NOW)

    assert after.state is CaseState.QUEUED
