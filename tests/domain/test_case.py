"""A case's life."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.case import (
    END_STATES,
    OPEN_STATES,
    TRANSITIONS,
    CaseState,
    IllegalTransitionError,
    advance,
    branch_of,
    stay,
)
from selfheald.domain.reasons import Reason


def test_a_branch_carries_the_whole_failed_commit() -> None:
    assert branch_of(make.sha(1)) == "selfheal-" + "0" * 39 + "1"


def test_a_failure_is_known_by_repository_and_commit() -> None:
    assert make.case().failure_key == f"acme/billing@{make.sha()}"


@given(before=st.sampled_from(CaseState), after=st.sampled_from(CaseState))
def test_only_the_table_s_transitions_are_possible(before: CaseState, after: CaseState) -> None:
    case = make.case(state=before)

    if after in TRANSITIONS[before]:
        assert advance(case, after, now=NOW, reason=Reason.ERROR).state is after
    else:
        with pytest.raises(IllegalTransitionError):
            advance(case, after, now=NOW)


def test_every_state_is_in_the_table_and_is_either_open_or_an_end() -> None:
    assert set(TRANSITIONS) == set(CaseState) == set(OPEN_STATES) | set(END_STATES)
    assert all(state.is_end == (state in END_STATES) for state in CaseState)


def test_every_state_can_be_reached_and_every_open_one_can_end() -> None:
    reached = {CaseState.QUEUED, CaseState.AWAITING_APPROVAL}.union(*TRANSITIONS.values())

    assert reached == set(CaseState)
    assert all(TRANSITIONS[state] & set(END_STATES) for state in OPEN_STATES)


def test_a_new_state_starts_afresh() -> None:
    held = make.case(state=CaseState.HEALING, tries=4, lease_owner="me", lease_until=make.later(minutes=1))

    after = advance(held, CaseState.PUSHING, now=make.later(minutes=2), proposal=make.sha(9))

    assert (after.tries, after.lease_owner, after.lease_until) == (0, None, None)
    assert (after.version, after.due_at, after.proposal) == (2, make.later(minutes=2), make.sha(9))
    assert after.closed_at is None


def test_an_end_keeps_its_reason_and_its_time() -> None:
    after = advance(make.case(), CaseState.CANCELLED, now=NOW, reason=Reason.CANCELLED)

    assert (after.reason, after.closed_at) == (Reason.CANCELLED, NOW)


def test_staying_changes_only_what_is_named() -> None:
    after = stay(make.case(), now=make.later(seconds=1), tries=2)

    assert (after.tries, after.version, after.state) == (2, 2, CaseState.QUEUED)
