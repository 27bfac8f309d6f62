"""What a human may do to a case."""

import pytest
from tests import builders as make
from tests.builders import NOW

from selfheald.domain import steering
from selfheald.domain.case import END_STATES, OPEN_STATES, CaseState
from selfheald.domain.errors import RefusedError
from selfheald.domain.reasons import Reason


def test_an_approved_case_is_queued() -> None:
    after = steering.approve(make.case(state=CaseState.AWAITING_APPROVAL), NOW)

    assert after.state is CaseState.QUEUED


def test_a_rejected_case_is_over() -> None:
    after = steering.reject(make.case(state=CaseState.AWAITING_APPROVAL), NOW)

    assert (after.state, after.reason) == (CaseState.REJECTED, Reason.REJECTED)


@pytest.mark.parametrize("state", [state for state in CaseState if state is not CaseState.AWAITING_APPROVAL])
def test_only_a_case_that_waits_can_be_approved_or_rejected(state: CaseState) -> None:
    for steer in (steering.approve, steering.reject):
        with pytest.raises(RefusedError, match=f"it is {state}"):
            steer(make.case(state=state), NOW)


@pytest.mark.parametrize("state", OPEN_STATES)
def test_every_open_case_can_be_cancelled(state: CaseState) -> None:
    after = steering.cancel(make.case(state=state), NOW)

    assert (after.state, after.reason, after.closed_at) == (CaseState.CANCELLED, Reason.CANCELLED, NOW)


@pytest.mark.parametrize("state", END_STATES)
def test_an_ended_case_can_be_neither_cancelled_nor_retried(state: CaseState) -> None:
    with pytest.raises(RefusedError, match="it has ended"):
        steering.cancel(make.case(state=state), NOW)
    with pytest.raises(RefusedError, match="selfheald heal ppl-1"):
        steering.retry(make.case(state=state), NOW)


def test_a_put_off_step_is_tried_at_once() -> None:
    after = steering.retry(make.case(state=CaseState.PUSHING, tries=4, due_at=make.later(hours=1)), NOW)

    assert (after.state, after.tries, after.due_at) == (CaseState.PUSHING, 0, NOW)


@pytest.mark.parametrize("state", sorted(steering.NO_NEXT_STEP))
def test_a_case_without_a_put_off_step_cannot_be_retried(state: CaseState) -> None:
    with pytest.raises(RefusedError, match="no step of it is put off"):
        steering.retry(make.case(state=state), NOW)
