"""When an agent that fails for reasons of its own is left alone."""

from datetime import timedelta

import pytest
from tests import builders as make

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.breaker import (
    ONE_AT_A_TIME,
    OWN_FAULTS,
    PAUSES,
    Standing,
    after_nobody,
    pick,
    standing,
)
from selfheald.domain.case import CaseState
from selfheald.domain.ids import AgentName
from selfheald.domain.reasons import Reason
from selfheald.domain.room import PATIENCE

A, B = AgentName("a"), AgentName("b")
DOWN = Standing(failures=1, until=make.later(minutes=5), reason=Reason.MODEL_DOWN)
LIMITED = Standing(failures=2, until=make.later(minutes=2), reason=Reason.RATE_LIMITED)
RESTED = Standing(failures=1, until=make.ago(seconds=1), reason=Reason.MODEL_DOWN)


def latest(*outcomes: AttemptOutcome) -> list[Attempt]:
    """Finished attempts, newest first; the newest ended now."""
    return [
        make.attempt(outcome=outcome, finished_at=make.ago(minutes=number)) for number, outcome in enumerate(outcomes)
    ]


def test_an_agent_that_never_worked_or_works_is_not_paused() -> None:
    assert standing([]) == Standing()
    assert standing(latest(AttemptOutcome.FIXED, AttemptOutcome.MODEL_DOWN)) == Standing()


@pytest.mark.parametrize("outcome", OWN_FAULTS)
def test_a_failure_of_its_own_pauses_it(outcome: AttemptOutcome) -> None:
    stands = standing(latest(outcome, AttemptOutcome.NO_CHANGE))

    assert stands == Standing(failures=1, until=make.NOW + PAUSES[0], reason=OWN_FAULTS[outcome])
    assert stands.paused(make.NOW)
    assert not stands.paused(make.NOW + PAUSES[0])


@pytest.mark.parametrize("outcome", [outcome for outcome in AttemptOutcome if outcome not in OWN_FAULTS])
def test_any_other_end_does_not(outcome: AttemptOutcome) -> None:
    assert not standing(latest(outcome)).paused(make.NOW)


def test_pauses_grow_with_each_failure_in_a_row_up_to_a_bound() -> None:
    pauses = [
        (standing(latest(*[AttemptOutcome.MODEL_DOWN] * count)).until or make.NOW) - make.NOW for count in range(1, 10)
    ]

    assert pauses == [*PAUSES, *[PAUSES[-1]] * (9 - len(PAUSES))]
    assert sorted(pauses) == pauses


@pytest.mark.parametrize("outcome", [AttemptOutcome.INTERRUPTED, AttemptOutcome.ERROR])
def test_what_tells_nothing_of_the_agent_is_passed_over(outcome: AttemptOutcome) -> None:
    stands = standing(latest(outcome, AttemptOutcome.AUTH_ERROR, outcome, AttemptOutcome.MODEL_DOWN))

    assert (stands.failures, stands.reason) == (2, Reason.AGENT_AUTH)
    assert stands.until == make.ago(minutes=1) + PAUSES[1]


def test_an_attempt_that_has_not_ended_tells_nothing() -> None:
    assert standing([make.attempt(outcome=AttemptOutcome.MODEL_DOWN, finished_at=None)]) == Standing()


def test_the_first_that_is_not_paused_is_picked() -> None:
    assert pick((A, B), {}, (), now=make.NOW).agent == A
    assert pick((A, B), {A: DOWN}, (), now=make.NOW).agent == B
    assert pick((A, B), {A: RESTED, B: DOWN}, (), now=make.NOW).agent == A


def test_when_all_are_paused_it_is_told_when_the_first_may_work_again() -> None:
    nobody = pick((A, B), {A: DOWN, B: LIMITED}, (), now=make.NOW)

    assert (nobody.agent, nobody.look_again, nobody.reason) == (None, make.later(minutes=2), Reason.MODEL_DOWN)


def test_an_agent_whose_pause_is_over_is_tried_out_by_one_attempt_at_a_time() -> None:
    nobody = pick((A,), {A: RESTED}, (B, A), now=make.NOW)

    assert (nobody.agent, nobody.look_again) == (None, make.NOW + ONE_AT_A_TIME)
    assert pick((A,), {A: RESTED}, (B,), now=make.NOW).agent == A
    assert pick((A,), {}, (A, A), now=make.NOW).agent == A


def test_a_case_waits_for_an_agent_a_day_long() -> None:
    nobody = pick((A,), {A: DOWN}, (), now=make.NOW)
    case = make.case()

    waits = after_nobody(case, nobody, queued_at=make.NOW - PATIENCE + timedelta(seconds=1), now=make.NOW)
    ends = after_nobody(case, nobody, queued_at=make.NOW - PATIENCE, now=make.NOW)

    assert (waits.state, waits.due_at, waits.tries) == (CaseState.QUEUED, make.later(minutes=5), case.tries)
    assert (ends.state, ends.reason) == (CaseState.FAILED, Reason.MODEL_DOWN)
