"""The questions that decide whether a pipeline is healed, one small function each. Pure."""

from collections.abc import Callable
from datetime import timedelta

from selfheald.domain.case import BRANCH_PREFIX
from selfheald.domain.changes import answers_told, functions_of, ranges_told
from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.inputs import inputs_of
from selfheald.domain.globs import allows, matches
from selfheald.domain.observation import Check, Observation
from selfheald.domain.own_work import made_by_selfheald
from selfheald.domain.pipeline import RefKind
from selfheald.domain.policy import Choice, Mode
from selfheald.domain.prices import MICROS, micros_of
from selfheald.domain.reasons import Reason
from selfheald.domain.superseding import left_behind

ASK_AGAIN = timedelta(minutes=2)
"""When something needed for the decision could not be read."""

LIMIT_CHECK = timedelta(minutes=10)
"""How often a limit without a known end (open pull requests, the day's cost) is looked at again."""

SKIP_MARK = "[skip selfheal]"


def _failed(seen: Observation) -> Check:
    pipeline = seen.pipeline
    return Check(
        reason=Reason.NOT_FAILED,
        question="Did the pipeline fail?",
        allows=pipeline.failed,
        saw=f"state {pipeline.state}, result {pipeline.result or '-'}, reason {pipeline.reason or '-'}",
    )


def _complete(seen: Observation) -> Check:
    return Check(
        reason=Reason.DETAILS_PENDING,
        question="Has Semaphore filled in its commit?",
        allows=bool(seen.pipeline.commit),
        saw=f"commit {seen.pipeline.commit or '-'}",
        retry_at=seen.now + ASK_AGAIN,
    )


def _pull_request_known(seen: Observation) -> Check:
    needed = seen.pipeline.ref.kind is RefKind.PULL_REQUEST
    return Check(
        reason=Reason.UNAVAILABLE,
        question="Is everything readable that the decision needs?",
        allows=not needed or seen.pull_request is not None,
        saw=f"pull request {seen.pipeline.ref.name}" if needed else "nothing else needed",
        retry_at=seen.now + ASK_AGAIN,
    )


def _not_own_branch(seen: Observation) -> Check:
    ref = seen.pipeline.ref
    return Check(
        reason=Reason.OWN_BRANCH,
        question="Is the branch somebody else's?",
        allows=not (ref.kind is RefKind.BRANCH and ref.name.startswith(BRANCH_PREFIX)),
        saw=str(ref),
    )


def _not_own_pull_request(seen: Observation) -> Check:
    head = seen.pull_request.head_branch if seen.pull_request else ""
    return Check(
        reason=Reason.OWN_PULL_REQUEST,
        question="Is the pull request somebody else's?",
        allows=not head.startswith(BRANCH_PREFIX),
        saw=f"head {head}" if head else "not a pull request",
    )


def _not_own_commit(seen: Observation) -> Check:
    by_message = any(made_by_selfheald(message) for message in seen.messages)
    return Check(
        reason=Reason.OWN_COMMIT,
        question="Is the commit somebody else's?",
        allows=not (seen.history.own_commit or by_message),
        saw=f"commit {seen.pipeline.commit[:12]}, our message {_yes(answer=by_message)}",
    )


def _not_told_to_skip(seen: Observation) -> Check:
    told = any(SKIP_MARK in message.lower() for message in seen.messages)
    return Check(
        reason=Reason.SKIP_REQUESTED,
        question=f"Is the failed commit's message without {SKIP_MARK}?",
        allows=not told,
        saw=f"{SKIP_MARK} {_yes(answer=told)}",
    )


def _not_declined(seen: Observation) -> Check:
    case = seen.history.declined
    return Check(
        reason=Reason.DECLINED,
        question="Has no human said no to this failure?",
        allows=case is None,
        saw=f"case {case}" if case else "no such case",
    )


def _not_open(seen: Observation) -> Check:
    case = seen.history.open_case
    return Check(
        reason=Reason.ALREADY_OPEN,
        question="Is no case open for this failure?",
        allows=case is None,
        saw=f"case {case}" if case else "no such case",
    )


def _attempts_left(seen: Observation) -> Check:
    used, allowed = seen.history.attempts_on_commit, seen.project.limits.attempts_per_commit
    return Check(
        reason=Reason.ALREADY_ATTEMPTED,
        question="Is an attempt left for the failed commit?",
        allows=used < allowed,
        saw=f"{used} of {allowed} used",
    )


def _newest(seen: Observation) -> Check:
    newer = seen.history.newer_pipeline
    return Check(
        reason=Reason.SUPERSEDED,
        question="Is it the newest pipeline of its branch and file?",
        allows=newer is None,
        saw=f"newer: {newer}" if newer else "none newer has ended",
    )


def _still_there(seen: Observation) -> Check:
    question = "Is its commit still the newest one of its branch?"
    source, commit, by = seen.source, seen.origin.commit, seen.project.superseded_by
    if source is None:
        saw = f"{seen.origin.source_branch or 'no branch of ours'}; not looked at"
        return Check(reason=Reason.SUPERSEDED, question=question, allows=True, saw=saw)
    if not source.readable:
        unread, again = "the branch could not be read", seen.now + ASK_AGAIN
        return Check(reason=Reason.UNAVAILABLE, question=question, allows=False, saw=unread, retry_at=again)
    why = left_behind(commit, source.head, by)
    at = f"at {source.head.commit[:12]}" if source.head else "gone"
    told = ", which is not built" if source.head and source.head.skips_ci else ""
    saw = f"failed at {commit[:12]}, the branch is {at}{told}; superseded_by {by}"
    return Check(reason=why or Reason.SUPERSEDED, question=question, allows=why is None, saw=saw)


def _switched_on(seen: Observation) -> Check:
    mode = seen.project.mode
    return Check(
        reason=Reason.MODE_OFF,
        question="Is the project switched on?",
        allows=mode is not Mode.OFF,
        saw=f"mode {mode}",
    )


def _pipeline_file(seen: Observation) -> Check:
    files = seen.project.pipeline_files
    return Check(
        reason=Reason.PIPELINE_FILE,
        question="Is its file one of `pipeline_files`?",
        allows=any(matches(pattern, seen.pipeline.file) for pattern in files),
        saw=f"{seen.pipeline.file} against {', '.join(files)}",
    )


def _not_promoted(seen: Observation) -> Check:
    parent = seen.pipeline.promotion_of
    return Check(
        reason=Reason.PROMOTION,
        question="Does a push run this pipeline?",
        allows=parent is None,
        saw=f"promotion of {parent}" if parent else "not a promotion",
    )


def _kind_allowed(seen: Observation) -> Check:
    project, kind = seen.project, seen.pipeline.ref.kind
    reason, choice, what = Reason.TAG, Choice.HEAL, "a branch"
    if kind is RefKind.TAG:
        reason, choice, what = Reason.TAG, project.tags, "a tag"
    elif seen.pull_request and seen.pull_request.is_fork:
        reason, choice, what = Reason.FORK, project.forked_pull_requests, "a forked pull request"
    elif kind is RefKind.PULL_REQUEST:
        reason, choice, what = Reason.PULL_REQUEST, project.own_pull_requests, "a pull request"
    return Check(
        reason=reason,
        question="Are tags and pull requests of this kind healed?",
        allows=choice is Choice.HEAL,
        saw=what if kind is RefKind.BRANCH else f"{what}: {choice}",
    )


def _branch_allowed(seen: Observation) -> Check:
    branch, filters = seen.origin.source_branch, seen.project.branches
    return Check(
        reason=Reason.BRANCH_EXCLUDED,
        question="Do `branches.include` and `branches.exclude` allow the branch?",
        allows=branch is None or allows(filters, branch),
        saw=f"{branch or 'no branch of ours'}; include {list(filters.include)}, exclude {list(filters.exclude)}",
    )


def _condition(seen: Observation) -> Check:
    condition, inputs = seen.project.when, inputs_of(seen.pipeline)
    saw = f"{condition.text} with " + ", ".join(f"{name}={value!r}" for name, value in inputs.items())
    question = "Is the condition `when` true?"
    if seen.changes is None:
        unread, again = f"{saw}; the changed files could not be read", seen.now + ASK_AGAIN
        return Check(reason=Reason.UNAVAILABLE, question=question, allows=False, saw=unread, retry_at=again)
    saw += ranges_told(seen)
    try:
        answer = condition.evaluate(inputs, functions_of(seen))
    except ConditionError as error:
        return Check(reason=Reason.CONDITION_ERROR, question=question, allows=False, saw=f"{saw}: {error}")
    return Check(reason=Reason.CONDITION_FALSE, question=question, allows=answer, saw=f"{saw}{answers_told(seen)}")


def _fixable_file(seen: Observation) -> Check:
    malformed = seen.pipeline.reason == "malformed"
    protected = any(matches(pattern, seen.pipeline.file) for pattern in seen.project.protected_paths)
    return Check(
        reason=Reason.MALFORMED,
        question="Could a fix be proposed?",
        allows=not (malformed and protected),
        saw=f"malformed {_yes(answer=malformed)}, pipeline file protected {_yes(answer=protected)}",
    )


def _branch_rate(seen: Observation) -> Check:
    rate, used = seen.project.limits.cases_per_branch, seen.history.cases_on_branch
    return Check(
        reason=Reason.CASES_PER_BRANCH,
        question="Is `cases_per_branch` free?",
        allows=used < rate.count,
        saw=f"{used} of {rate}",
        retry_at=seen.history.window_frees_at or seen.now + LIMIT_CHECK,
    )


def _project_rate(seen: Observation) -> Check:
    rate, used = seen.project.limits.cases_per_project, seen.history.cases_in_project
    return Check(
        reason=Reason.CASES_PER_PROJECT,
        question="Is `cases_per_project` free?",
        allows=used < rate.count,
        saw=f"{used} of {rate}",
        retry_at=seen.history.window_frees_at or seen.now + LIMIT_CHECK,
    )


def _pull_request_limit(seen: Observation) -> Check:
    used, allowed = seen.history.open_pull_requests, seen.project.limits.open_pull_requests
    return Check(
        reason=Reason.OPEN_PULL_REQUESTS,
        question="Is `open_pull_requests` free?",
        allows=used < allowed,
        saw=f"{used} of {allowed}",
        retry_at=seen.now + LIMIT_CHECK,
    )


def _cost(seen: Observation) -> Check:
    used, allowed = seen.history.cost_micros_today, seen.project.limits.cost_usd_per_day
    return Check(
        reason=Reason.COST_PER_DAY,
        question="Is `cost_usd_per_day` free?",
        allows=used < micros_of(allowed),
        saw=f"{used / MICROS:.2f} of {allowed:.2f} USD",
        retry_at=seen.now + LIMIT_CHECK,
    )


def _cost_of_all(seen: Observation) -> Check:
    used, allowed = seen.history.cost_micros_today_of_all, seen.project.limits.cost_usd_per_day_of_all
    return Check(
        reason=Reason.COST_PER_DAY_OF_ALL,
        question="Is `cost_usd_per_day` of all projects together free?",
        allows=allowed is None or used < micros_of(allowed),
        saw="no limit" if allowed is None else f"{used / MICROS:.2f} of {allowed:.2f} USD",
        retry_at=seen.now + LIMIT_CHECK,
    )


def _rested(seen: Observation) -> Check:
    last, cooldown = seen.history.last_unfixed_at, seen.project.limits.cooldown
    until = last + cooldown if last else None
    return Check(
        reason=Reason.COOLDOWN,
        question="Has the branch rested after a case without a fix?",
        allows=until is None or until <= seen.now,
        saw=f"until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "no such case",
        retry_at=until,
    )


def _may_write(seen: Observation) -> Check:
    return Check(
        reason=Reason.OBSERVE_ONLY,
        question="May selfheald do more than observe?",
        allows=seen.project.mode is not Mode.OBSERVE,
        saw=f"mode {seen.project.mode}",
    )


def _yes(*, answer: bool) -> str:
    return "yes" if answer else "no"


_Question = Callable[[Observation], Check]

GUARDS: tuple[_Question, ...] = (
    _failed,
    _complete,
    _pull_request_known,
    _not_own_branch,
    _not_own_pull_request,
    _not_own_commit,
    _not_told_to_skip,
    _not_declined,
    _not_open,
    _attempts_left,
    _newest,
    _still_there,
)
BEFORE_CONDITION: tuple[_Question, ...] = (
    _switched_on,
    _pipeline_file,
    _not_promoted,
    _kind_allowed,
    _branch_allowed,
)
SETTINGS: tuple[_Question, ...] = (*BEFORE_CONDITION, _condition, _fixable_file)
LIMITS: tuple[_Question, ...] = (_branch_rate, _project_rate, _pull_request_limit, _cost, _cost_of_all, _rested)
LAST: tuple[_Question, ...] = (_may_write,)
