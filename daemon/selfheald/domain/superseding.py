"""Only the newest failure of a branch is healed: when an open case has been overtaken. Pure."""

from datetime import datetime

from selfheald.domain.branch import BranchHead
from selfheald.domain.case import Case, CaseState, advance
from selfheald.domain.ids import Sha
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import SupersededBy
from selfheald.domain.proposal import PullRequest, PullRequestState
from selfheald.domain.reasons import Reason


def after_newer_pipeline(case: Case, newer: Pipeline | None, *, now: datetime) -> Case:
    """The case once a newer pipeline of its branch and file has passed or failed; the same when it goes on.

    A newer failure of the same commit is a rerun: the case goes on. Once a pull request is open, only
    :func:`no_longer_needed` ends the case from here.
    """
    if newer is None or case.state.is_end or case.state is CaseState.PROPOSED:
        return case
    if newer.passed:
        return advance(case, CaseState.SUPERSEDED, now=now, reason=Reason.BRANCH_GREEN)
    if newer.failed and newer.commit != case.pipeline.commit:
        return advance(case, CaseState.SUPERSEDED, now=now, reason=Reason.SUPERSEDED)
    return case


def left_behind(commit: Sha, head: BranchHead | None, by: SupersededBy) -> Reason | None:
    """Why a failure of this commit needs no heal, now that its branch is there; ``None``: it is the newest one.

    A commit that Semaphore does not build leaves the failure before it the newest one.
    """
    if head is None:
        return Reason.BRANCH_GONE
    if by is SupersededBy.PIPELINE or head.commit == commit or head.skips_ci:
        return None
    return Reason.SUPERSEDED


def after_left_behind(case: Case, reason: Reason, *, now: datetime) -> Case:
    """The case once its source branch has moved on or has been deleted."""
    return advance(case, CaseState.SUPERSEDED, now=now, reason=reason)


def no_longer_needed(case: Case, pull_request: PullRequest, newer: Pipeline | None) -> bool:
    """Whether our open pull request can go: its branch is green again, and not by our commit.

    One with commits of others is theirs, and stays.
    """
    return (
        newer is not None
        and newer.passed
        and newer.commit not in (case.pushed, case.proposal)
        and pull_request.state is PullRequestState.OPEN
        and not touched_by_others(case, pull_request)
    )


def touched_by_others(case: Case, pull_request: PullRequest) -> bool:
    """Whether the pull request's head is not the commit that we pushed: hands off."""
    return pull_request.head_commit != case.pushed
