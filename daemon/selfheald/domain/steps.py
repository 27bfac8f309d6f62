"""What a case does next, given what was observed. Pure: the engine acts and saves what these return."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError, UnauthorizedError
from selfheald.domain.finding import GuardAction
from selfheald.domain.guards.rules import Rule
from selfheald.domain.ids import Sha
from selfheald.domain.pipeline import Pipeline, RefKind
from selfheald.domain.policy import Limits, Validation
from selfheald.domain.proposal import PullRequest, PullRequestState
from selfheald.domain.reasons import Reason
from selfheald.domain.retry import DELAYS, retry_delay

FREE_TRIES = len(DELAYS)
"""After this many attempts in a row that did not count (no agent, no model), a case is given up: after some hours."""

STOP_LABEL = "selfheal:stop"
"""On a pull request it is a lasting no; GitHub does not tell labels apart by their case."""

_ENDS = {
    AttemptOutcome.NO_CHANGE: (CaseState.NOT_FIXABLE, Reason.NO_CHANGE),
    AttemptOutcome.REFUSED: (CaseState.NOT_FIXABLE, Reason.REFUSED_BY_AGENT),
    AttemptOutcome.TIMEOUT: (CaseState.EXHAUSTED, Reason.AGENT_TIMEOUT),
    AttemptOutcome.CRASHED: (CaseState.EXHAUSTED, Reason.AGENT_CRASHED),
    AttemptOutcome.BLOCKED: (CaseState.BLOCKED, Reason.DIFF_GUARD),
    AttemptOutcome.OVER_BUDGET: (CaseState.OVER_BUDGET, Reason.BUDGET_USED_UP),
    AttemptOutcome.TURNS_USED_UP: (CaseState.EXHAUSTED, Reason.TURNS_USED_UP),
    AttemptOutcome.LIMIT_REACHED: (CaseState.EXHAUSTED, Reason.SANDBOX_LIMIT),
    AttemptOutcome.VERIFY_FAILED: (CaseState.EXHAUSTED, Reason.VERIFY_FAILED),
    AttemptOutcome.AGENT_MISSING: (CaseState.FAILED, Reason.AGENT_MISSING),
    AttemptOutcome.AUTH_ERROR: (CaseState.FAILED, Reason.AGENT_AUTH),
    AttemptOutcome.MODEL_DOWN: (CaseState.FAILED, Reason.MODEL_DOWN),
    AttemptOutcome.RATE_LIMITED: (CaseState.FAILED, Reason.RATE_LIMITED),
    AttemptOutcome.ERROR: (CaseState.FAILED, Reason.ERROR),
}
"""How a case ends when an attempt ended like this and none is left."""

_REFUSALS = {
    CaseState.PUSHING: Reason.PUSH_REFUSED,
    CaseState.PUBLISHING: Reason.PULL_REQUEST_REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Attempts that counted."""

    in_case: int
    on_base: int
    """Those that started from the commit from which the next one would start, over all cases."""

    def leave_one(self, limits: Limits) -> bool:
        """Whether another attempt may start."""
        return self.in_case < limits.attempts_per_case and self.on_base < limits.attempts_per_commit


def used(attempts: Sequence[Attempt], base: Sha, *, elsewhere: int = 0, feedback: int = 0) -> Used:
    """Count a case's attempts; ``elsewhere`` are those on the same commit in other cases.

    Of those that the guards blocked, ``feedback`` many do not count on their commit: the next one is told what was
    found. They count in the case all the same.
    """
    counted = [attempt for attempt in attempts if attempt.outcome and attempt.outcome.counts]
    on_base = [attempt for attempt in counted if attempt.base == base]
    blocked = sum(attempt.outcome is AttemptOutcome.BLOCKED for attempt in on_base)
    return Used(in_case=len(counted), on_base=len(on_base) - min(blocked, feedback) + elsewhere)


def after_attempt(case: Case, attempt: Attempt, so_far: Used, limits: Limits, *, now: datetime, jitter: float) -> Case:
    """The case after an attempt, which ``so_far`` includes."""
    outcome = attempt.outcome or AttemptOutcome.INTERRUPTED
    if outcome is AttemptOutcome.FIXED:
        asks = any(finding.action is GuardAction.APPROVE for finding in attempt.findings)
        to = CaseState.AWAITING_APPROVAL if asks else CaseState.PUSHING
        return advance(case, to, now=now, proposal=attempt.commit, summary=attempt.summary)
    if outcome is AttemptOutcome.INTERRUPTED:
        return advance(case, CaseState.QUEUED, now=now, tries=case.tries)
    if outcome.counts and so_far.leave_one(limits):
        return advance(case, CaseState.QUEUED, now=now)
    if not outcome.counts and case.tries + 1 < FREE_TRIES:
        delay = retry_delay(case.tries + 1, SelfhealdError(), jitter=jitter) or timedelta(0)
        return advance(case, CaseState.QUEUED, now=now, tries=case.tries + 1, due_at=now + delay)
    end, reason = _ENDS[outcome]
    if any(finding.rule == Rule.PROTECTED_PATH for finding in attempt.findings):
        reason = Reason.PROTECTED_PATH
    return advance(case, end, now=now, reason=reason)


def after_look_at_ci(
    case: Case,
    pipelines: Sequence[Pipeline],
    validation: Validation,
    so_far: Used,
    limits: Limits,
    *,
    now: datetime,
    look_again: timedelta,
) -> Case:
    """A validating case after asking which pipelines our branch has. ``so_far.on_base`` is for our pushed commit.

    A run that was stopped tells nothing; somebody may start it again, within the time that a first run has for that.
    """
    since = case.pushed_at or case.updated_at
    newest = newest_on_commit(case, pipelines)
    if newest is None and now >= since + validation.start_timeout:
        return advance(case, CaseState.NO_CI, now=now, reason=Reason.CI_NOT_STARTED)
    if newest and newest.passed:
        return advance(case, CaseState.PUBLISHING, now=now, proof=newest.id)
    if newest and newest.failed:
        if case.pushed and so_far.leave_one(limits):
            return advance(case, CaseState.QUEUED, now=now, base=case.pushed, failed_pipeline=newest.id)
        return advance(case, CaseState.EXHAUSTED, now=now, reason=Reason.ATTEMPTS_USED_UP)
    if newest and newest.stopped and now >= (newest.done_at or newest.created_at) + validation.start_timeout:
        return advance(case, CaseState.WITHDRAWN, now=now, reason=Reason.CI_STOPPED)
    if now >= since + validation.timeout:
        return advance(case, CaseState.WITHDRAWN, now=now, reason=Reason.CI_TIMEOUT)
    return stay(case, now=now, tries=0, due_at=now + look_again)


def newest_on_commit(case: Case, pipelines: Sequence[Pipeline]) -> Pipeline | None:
    """The newest run of the failed pipeline's file on our commit; a rerun stands for the run before it."""
    ours = [
        pipeline
        for pipeline in pipelines
        if pipeline.commit == case.pushed
        and pipeline.file == case.pipeline.file
        and pipeline.ref.kind is RefKind.BRANCH
        and pipeline.promotion_of is None
    ]
    return max(ours, key=lambda pipeline: pipeline.created_at, default=None)


def after_look_at_pull_request(case: Case, pull_request: PullRequest, *, now: datetime, look_again: timedelta) -> Case:
    """A publishing or proposed case after its pull request was made or looked at."""
    if pull_request.state is PullRequestState.MERGED:
        return advance(case, CaseState.HEALED, now=now, reason=Reason.MERGED)
    if pull_request.state is PullRequestState.CLOSED:
        return advance(case, CaseState.DECLINED, now=now, reason=Reason.CLOSED_BY_HUMAN)
    if STOP_LABEL in (label.lower() for label in pull_request.labels):
        return advance(case, CaseState.DECLINED, now=now, reason=Reason.STOP_LABEL)
    due_at = now + look_again
    if case.state is CaseState.PUBLISHING:
        number, url = pull_request.number, pull_request.url
        return advance(case, CaseState.PROPOSED, now=now, pull_request=number, pull_request_url=url, due_at=due_at)
    return stay(case, now=now, tries=0, due_at=due_at)


def after_error(case: Case, error: SelfhealdError, *, now: datetime, jitter: float) -> Case:
    """A case after a step that failed: put off, or given up with the reason.

    Not found is tried again too: Semaphore's 404 can be false for a while. An open pull request is never given up.
    """
    tries = case.tries + 1
    if isinstance(error, RefusedError) and case.state in _REFUSALS:
        return advance(case, CaseState.FAILED, now=now, reason=_REFUSALS[case.state])
    delay = retry_delay(tries, error, jitter=jitter)
    if delay is None and case.state is CaseState.PROPOSED:
        tries = case.tries
        delay = retry_delay(tries, error, jitter=jitter)
    if delay is None:
        return advance(case, CaseState.FAILED, now=now, reason=error_reason(error))
    return stay(case, now=now, tries=tries, due_at=now + delay)


def error_reason(error: SelfhealdError) -> Reason:
    """The reason that stands for an error."""
    match error:
        case NotFoundError():
            return Reason.NOT_FOUND
        case UnauthorizedError():
            return Reason.UNAUTHORIZED
        case _:
            return Reason.ERROR
