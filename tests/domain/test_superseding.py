"""When an open case has been overtaken."""

from typing import Any

import pytest
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.branch import BranchHead
from selfheald.domain.case import END_STATES, CaseState
from selfheald.domain.pipeline import Pipeline, Result
from selfheald.domain.policy import SupersededBy
from selfheald.domain.proposal import PullRequestState
from selfheald.domain.reasons import Reason
from selfheald.domain.superseding import after_left_behind, after_newer_pipeline, left_behind, no_longer_needed

UNPROPOSED = (
    CaseState.AWAITING_APPROVAL,
    CaseState.QUEUED,
    CaseState.HEALING,
    CaseState.PUSHING,
    CaseState.VALIDATING,
    CaseState.PUBLISHING,
)
GREEN = make.passed_pipeline(id="newer", commit=make.sha(5))
RED = make.pipeline(id="newer", commit=make.sha(5))


@pytest.mark.parametrize("state", UNPROPOSED)
@pytest.mark.parametrize(("newer", "reason"), [(GREEN, Reason.BRANCH_GREEN), (RED, Reason.SUPERSEDED)])
def test_a_newer_pipeline_ends_a_case_without_a_pull_request(state: CaseState, newer: Pipeline, reason: Reason) -> None:
    after = after_newer_pipeline(make.case(state=state), newer, now=NOW)

    assert (after.state, after.reason, after.closed_at) == (CaseState.SUPERSEDED, reason, NOW)


@pytest.mark.parametrize(
    "newer",
    [None, make.pipeline(id="rerun"), make.pipeline(id="stopped", commit=make.sha(5), result=Result.STOPPED)],
)
def test_a_rerun_that_failed_again_or_was_stopped_ends_nothing(newer: Pipeline | None) -> None:
    case = make.case()

    assert after_newer_pipeline(case, newer, now=NOW) is case


def test_a_rerun_that_passed_ends_the_case() -> None:
    after = after_newer_pipeline(make.case(), make.passed_pipeline(id="rerun"), now=NOW)

    assert after.reason is Reason.BRANCH_GREEN


@pytest.mark.parametrize("state", [CaseState.PROPOSED, *END_STATES])
def test_a_case_with_a_pull_request_or_at_its_end_stays(state: CaseState) -> None:
    case = make.case(state=state)

    assert after_newer_pipeline(case, GREEN, now=NOW) is case


def test_a_case_ends_with_its_branch() -> None:
    after = after_left_behind(make.case(), Reason.BRANCH_GONE, now=NOW)

    assert (after.state, after.reason) == (CaseState.SUPERSEDED, Reason.BRANCH_GONE)


@pytest.mark.parametrize(
    ("head", "by", "reason"),
    [
        (None, SupersededBy.COMMIT, Reason.BRANCH_GONE),
        (None, SupersededBy.PIPELINE, Reason.BRANCH_GONE),
        (BranchHead(commit=make.sha(1)), SupersededBy.COMMIT, None),
        (BranchHead(commit=make.sha(5)), SupersededBy.COMMIT, Reason.SUPERSEDED),
        (BranchHead(commit=make.sha(5)), SupersededBy.PIPELINE, None),
        (BranchHead(commit=make.sha(5), message="Bump the version [skip ci]"), SupersededBy.COMMIT, None),
        (BranchHead(commit=make.sha(5), message="[CI skip] Bump"), SupersededBy.COMMIT, None),
    ],
)
def test_a_failure_is_an_old_one_when_its_branch_is_gone_or_has_a_newer_commit_that_is_built(
    head: BranchHead | None, by: SupersededBy, reason: Reason | None
) -> None:
    assert left_behind(make.sha(1), head, by) is reason


@pytest.mark.parametrize(
    ("newer", "pull_request", "needless"),
    [
        (GREEN, {}, True),
        (None, {}, False),
        (RED, {}, False),
        (make.passed_pipeline(commit=make.sha(2)), {}, False),
        (GREEN, {"state": PullRequestState.MERGED}, False),
        (GREEN, {"head_commit": make.sha(9)}, False),
    ],
)
def test_a_pull_request_goes_only_when_the_branch_is_green_without_it_and_nobody_else_works_on_it(
    newer: Pipeline | None, pull_request: dict[str, Any], *, needless: bool
) -> None:
    case = make.case(state=CaseState.PROPOSED, pushed=make.sha(2))

    assert no_longer_needed(case, make.pull_request(**pull_request), newer) is needless
