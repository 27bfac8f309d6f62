"""Whether limits let an attempt start."""

from datetime import timedelta

import pytest
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason
from selfheald.domain.room import LOOK_AGAIN, Occupancy, after_no_room, limit_in_the_way

LIMITS = make.limits(concurrent_attempts=2, open_pull_requests=3, cost_usd_per_day=0.5)


@pytest.mark.parametrize(
    ("held", "limit"),
    [
        (Occupancy(), None),
        (Occupancy(attempts_under_way=1, proposals_under_way=2, cost_micros_today=499_999), None),
        (Occupancy(attempts_under_way=2), Reason.CONCURRENT_ATTEMPTS),
        (Occupancy(proposals_under_way=3), Reason.OPEN_PULL_REQUESTS),
        (Occupancy(cost_micros_today=500_000), Reason.COST_PER_DAY),
    ],
)
def test_the_first_limit_that_is_reached_stands_in_the_way(held: Occupancy, limit: Reason | None) -> None:
    assert limit_in_the_way(LIMITS, held) is limit


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
