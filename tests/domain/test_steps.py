"""What a case does next."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case, CaseState
from selfheald.domain.errors import (
    NotFoundError,
    RefusedError,
    SelfhealdError,
    TransientError,
    UnauthorizedError,
)
from selfheald.domain.ids import PipelineId
from selfheald.domain.pipeline import Pipeline, Result
from selfheald.domain.proposal import PullRequestState
from selfheald.domain.reasons import Reason
from selfheald.domain.retry import DELAYS
from selfheald.domain.steps import (
    FREE_TRIES,
    Used,
    after_attempt,
    after_error,
    after_look_at_ci,
    after_look_at_pull_request,
    used,
)

LOOK_AGAIN = timedelta(minutes=1)


def ended(outcome: AttemptOutcome, **overrides: Any) -> Attempt:
    return make.attempt(outcome=outcome, finished_at=NOW, **overrides)


def healing(**overrides: Any) -> Case:
    return make.case(state=CaseState.HEALING, lease_owner="me", **overrides)


def settle(case: Case, attempt: Attempt, so_far: Used, **limits: int) -> Case:
    return after_attempt(case, attempt, so_far, make.limits(**limits), now=NOW, jitter=0.5)


def test_a_fix_is_pushed() -> None:
    fixed = ended(AttemptOutcome.FIXED, commit=make.sha(5), summary="round half up")

    after = settle(healing(), fixed, Used(in_case=1, on_base=1))

    assert (after.state, after.proposal, after.summary) == (CaseState.PUSHING, make.sha(5), "round half up")


def test_an_interrupted_attempt_goes_back_to_the_queue() -> None:
    after = settle(healing(tries=2), make.attempt(), Used(in_case=0, on_base=0))

    assert (after.state, after.tries, after.due_at) == (CaseState.QUEUED, 2, NOW)


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (AttemptOutcome.NO_CHANGE, CaseState.NOT_FIXABLE, Reason.NO_CHANGE),
        (AttemptOutcome.REFUSED, CaseState.NOT_FIXABLE, Reason.REFUSED_BY_AGENT),
        (AttemptOutcome.TIMEOUT, CaseState.EXHAUSTED, Reason.AGENT_TIMEOUT),
        (AttemptOutcome.CRASHED, CaseState.EXHAUSTED, Reason.AGENT_CRASHED),
        (AttemptOutcome.BLOCKED, CaseState.BLOCKED, Reason.DIFF_GUARD),
        (AttemptOutcome.VERIFY_FAILED, CaseState.EXHAUSTED, Reason.VERIFY_FAILED),
    ],
)
def test_the_last_attempt_that_counts_ends_the_case(outcome: AttemptOutcome, state: CaseState, reason: Reason) -> None:
    after = settle(healing(), ended(outcome), Used(in_case=1, on_base=1))

    assert (after.state, after.reason) == (state, reason)


def test_another_attempt_follows_while_one_is_left() -> None:
    after = settle(healing(), ended(AttemptOutcome.TIMEOUT), Used(in_case=1, on_base=1), attempts_per_commit=2)

    assert (after.state, after.tries) == (CaseState.QUEUED, 0)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (AttemptOutcome.AGENT_MISSING, Reason.AGENT_MISSING),
        (AttemptOutcome.AUTH_ERROR, Reason.AGENT_AUTH),
        (AttemptOutcome.MODEL_DOWN, Reason.MODEL_DOWN),
        (AttemptOutcome.RATE_LIMITED, Reason.RATE_LIMITED),
        (AttemptOutcome.ERROR, Reason.ERROR),
    ],
)
def test_an_attempt_that_had_no_chance_is_made_again_later_a_few_times(outcome: AttemptOutcome, reason: Reason) -> None:
    unused = Used(in_case=0, on_base=0)

    again = settle(healing(), ended(outcome), unused)
    last = settle(healing(tries=FREE_TRIES - 1), ended(outcome), unused)

    assert (again.state, again.tries, again.due_at) == (CaseState.QUEUED, 1, NOW + DELAYS[0])
    assert (last.state, last.reason) == (CaseState.FAILED, reason)


def test_only_attempts_that_count_are_counted() -> None:
    attempts = [
        ended(AttemptOutcome.TIMEOUT, base=make.sha(1)),
        ended(AttemptOutcome.INTERRUPTED, base=make.sha(1)),
        ended(AttemptOutcome.FIXED, base=make.sha(2)),
        make.attempt(base=make.sha(1)),
    ]

    assert used(attempts, make.sha(1)) == Used(in_case=2, on_base=1)
    assert used(attempts, make.sha(2), elsewhere=3) == Used(in_case=2, on_base=4)


OURS = {"ref": make.branch(f"selfheal-{make.sha()}"), "commit": make.sha(5), "id": PipelineId("ours")}


def validating(**overrides: Any) -> Case:
    defaults = {"pushed": make.sha(5), "proposal": make.sha(5), "pushed_at": make.ago(minutes=1)}
    return make.case(state=CaseState.VALIDATING, **defaults | overrides)


def look(case: Case, *pipelines: Pipeline, so_far: Used | None = None, **limits: int) -> Case:
    return after_look_at_ci(
        case,
        pipelines,
        make.project().validation,
        so_far or Used(in_case=1, on_base=0),
        make.limits(**limits),
        now=NOW,
        look_again=LOOK_AGAIN,
    )


def test_a_pass_on_our_commit_is_published() -> None:
    after = look(validating(), make.passed_pipeline(**OURS))

    assert (after.state, after.proof) == (CaseState.PUBLISHING, "ours")


def test_a_failure_on_our_commit_is_fed_back() -> None:
    after = look(validating(), make.pipeline(**OURS))

    assert (after.state, after.base, after.failed_pipeline) == (CaseState.QUEUED, make.sha(5), "ours")


def test_a_failure_on_the_last_attempt_s_commit_exhausts_the_case() -> None:
    after = look(validating(), make.pipeline(**OURS), so_far=Used(in_case=3, on_base=0))

    assert (after.state, after.reason) == (CaseState.EXHAUSTED, Reason.ATTEMPTS_USED_UP)


@pytest.mark.parametrize(
    "other",
    [
        {"commit": make.sha(6)},
        {"file": ".semaphore/deploy.yml"},
        {"ref": make.tag()},
        {"promotion_of": PipelineId("ours")},
    ],
)
def test_other_pipelines_prove_nothing(other: dict[str, Any]) -> None:
    after = look(validating(), make.passed_pipeline(**OURS | other))

    assert (after.state, after.due_at) == (CaseState.VALIDATING, NOW + LOOK_AGAIN)


def test_a_rerun_stands_for_the_run_before_it() -> None:
    failed = make.pipeline(**OURS, created_at=make.ago(minutes=5))
    rerun = make.running_pipeline(**OURS, created_at=make.ago(minutes=1))

    assert look(validating(), failed, rerun).state is CaseState.VALIDATING


def test_ci_that_never_starts_is_given_up() -> None:
    after = look(validating(pushed_at=make.ago(minutes=10)))

    assert (after.state, after.reason) == (CaseState.NO_CI, Reason.CI_NOT_STARTED)


def test_ci_that_never_ends_is_given_up() -> None:
    after = look(validating(pushed_at=make.ago(hours=2)), make.running_pipeline(**OURS))

    assert (after.state, after.reason) == (CaseState.WITHDRAWN, Reason.CI_TIMEOUT)


@pytest.mark.parametrize("result", [Result.STOPPED, Result.CANCELED])
@pytest.mark.parametrize(
    ("done_at", "state", "reason"),
    [
        (make.ago(minutes=9), CaseState.VALIDATING, None),
        (make.ago(minutes=10), CaseState.WITHDRAWN, Reason.CI_STOPPED),
        (None, CaseState.WITHDRAWN, Reason.CI_STOPPED),
    ],
)
def test_ci_that_was_stopped_is_waited_for_as_long_as_for_a_first_run(
    result: Result, done_at: datetime | None, state: CaseState, reason: Reason | None
) -> None:
    pushed, begun = make.ago(minutes=25), make.ago(minutes=20)
    stopped = make.pipeline(**OURS, result=result, created_at=begun, done_at=done_at)

    after = look(validating(pushed_at=pushed), stopped)

    assert (after.state, after.reason) == (state, reason)


def test_a_rerun_of_a_stopped_run_is_waited_for() -> None:
    stopped = make.pipeline(
        **OURS, result=Result.STOPPED, created_at=make.ago(minutes=40), done_at=make.ago(minutes=30)
    )
    rerun = make.running_pipeline(**OURS, created_at=make.ago(minutes=15))

    after = look(validating(pushed_at=make.ago(minutes=45)), stopped, rerun)

    assert (after.state, after.due_at) == (CaseState.VALIDATING, NOW + LOOK_AGAIN)


def test_ci_that_ended_late_is_believed_before_it_is_timed_out() -> None:
    """The daemon may have been down: first complete, only then time out."""
    after = look(validating(pushed_at=make.ago(days=2)), make.passed_pipeline(**OURS))

    assert after.state is CaseState.PUBLISHING


def test_without_a_push_time_the_last_change_counts() -> None:
    after = look(validating(pushed_at=None, updated_at=make.ago(hours=1)))

    assert after.state is CaseState.NO_CI


@pytest.mark.parametrize(
    ("state", "seen", "expected"),
    [
        (CaseState.PUBLISHING, PullRequestState.OPEN, CaseState.PROPOSED),
        (CaseState.PUBLISHING, PullRequestState.MERGED, CaseState.HEALED),
        (CaseState.PUBLISHING, PullRequestState.CLOSED, CaseState.DECLINED),
        (CaseState.PROPOSED, PullRequestState.OPEN, CaseState.PROPOSED),
        (CaseState.PROPOSED, PullRequestState.MERGED, CaseState.HEALED),
        (CaseState.PROPOSED, PullRequestState.CLOSED, CaseState.DECLINED),
    ],
)
def test_a_case_follows_its_pull_request(state: CaseState, seen: PullRequestState, expected: CaseState) -> None:
    after = after_look_at_pull_request(
        make.case(state=state), make.pull_request(state=seen), now=NOW, look_again=LOOK_AGAIN
    )

    assert after.state is expected
    if expected is CaseState.PROPOSED:
        assert after.due_at == NOW + LOOK_AGAIN
    if state is CaseState.PUBLISHING and seen is PullRequestState.OPEN:
        assert (after.pull_request, after.pull_request_url) == (7, "https://github.com/acme/billing/pull/7")


@pytest.mark.parametrize("state", [CaseState.PUBLISHING, CaseState.PROPOSED])
@pytest.mark.parametrize("label", ["selfheal:stop", "Selfheal:Stop"])
def test_the_label_stop_on_an_open_pull_request_is_a_lasting_no(state: CaseState, label: str) -> None:
    labelled = make.pull_request(labels=("selfheal", label))

    after = after_look_at_pull_request(make.case(state=state), labelled, now=NOW, look_again=LOOK_AGAIN)

    assert (after.state, after.reason) == (CaseState.DECLINED, Reason.STOP_LABEL)


def fail(case: Case, error: SelfhealdError) -> Case:
    return after_error(case, error, now=NOW, jitter=0.5)


def test_an_error_puts_the_step_off() -> None:
    after = fail(make.case(state=CaseState.PUSHING), TransientError("the network is down"))

    assert (after.state, after.tries, after.due_at) == (CaseState.PUSHING, 1, NOW + DELAYS[0])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TransientError(), Reason.ERROR),
        (UnauthorizedError(), Reason.UNAUTHORIZED),
        (NotFoundError(), Reason.NOT_FOUND),
    ],
)
def test_too_many_errors_in_a_row_fail_the_case(error: SelfhealdError, reason: Reason) -> None:
    after = fail(make.case(state=CaseState.VALIDATING, tries=len(DELAYS)), error)

    assert (after.state, after.reason) == (CaseState.FAILED, reason)


@pytest.mark.parametrize(
    ("state", "reason"),
    [(CaseState.PUSHING, Reason.PUSH_REFUSED), (CaseState.PUBLISHING, Reason.PULL_REQUEST_REFUSED)],
)
def test_a_refusal_fails_the_case_at_once(state: CaseState, reason: Reason) -> None:
    after = fail(make.case(state=state), RefusedError("protected branch"))

    assert (after.state, after.reason) == (CaseState.FAILED, reason)


def test_an_open_pull_request_is_never_given_up() -> None:
    after = fail(make.case(state=CaseState.PROPOSED, tries=len(DELAYS)), TransientError())

    assert (after.state, after.tries, after.due_at) == (CaseState.PROPOSED, len(DELAYS), NOW + DELAYS[-1])
