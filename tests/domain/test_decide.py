"""Whether a pipeline is healed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import builders as make
from tests.builders import NOW

from selfheald.domain.branch import BranchHead
from selfheald.domain.conditions.language import Condition
from selfheald.domain.decide import decide, decide_again, protection, trace
from selfheald.domain.decision import Defer, Heal, Skip
from selfheald.domain.history import History
from selfheald.domain.ids import CaseId, PipelineId, Sha
from selfheald.domain.observation import Observation, SourceBranch, origin_of
from selfheald.domain.pipeline import Pipeline, Result, State
from selfheald.domain.policy import BranchFilter, Choice, Mode, Project, Rate
from selfheald.domain.proposal import PullRequest
from selfheald.domain.reasons import Reason


def observation(
    pipeline: Pipeline | None = None,
    *,
    project: Project | None = None,
    history: History | None = None,
    pull_request: PullRequest | None = None,
) -> Observation:
    return Observation(
        target=make.target(project=project or make.project()),
        pipeline=pipeline or make.pipeline(),
        pull_request=pull_request,
        history=history or History(),
        now=NOW,
    )


def test_a_failed_pipeline_of_a_branch_is_healed() -> None:
    assert decide(observation()) == Heal(approval=False)


def test_mode_approve_asks_first() -> None:
    assert decide(observation(project=make.project(mode=Mode.APPROVE))) == Heal(approval=True)


_BY_PIPELINE: list[tuple[dict[str, Any], Reason]] = [
    ({"result": Result.PASSED}, Reason.NOT_FAILED),
    ({"result": Result.STOPPED}, Reason.NOT_FAILED),
    ({"state": State.RUNNING}, Reason.NOT_FAILED),
    ({"ref": make.branch("selfheal-" + "a" * 40)}, Reason.OWN_BRANCH),
    ({"commit_message": "selfheal CI: x\n\nSelfheal-Case: 7"}, Reason.OWN_COMMIT),
    ({"commit_message": "Experiment [Skip Selfheal]"}, Reason.SKIP_REQUESTED),
    ({"file": ".semaphore/deploy.yml"}, Reason.PIPELINE_FILE),
    ({"promotion_of": PipelineId("ppl-0")}, Reason.PROMOTION),
    ({"ref": make.tag()}, Reason.TAG),
    ({"ref": make.branch("dependabot/npm/left-pad")}, Reason.BRANCH_EXCLUDED),
    ({"reason": "malformed"}, Reason.MALFORMED),
]


@pytest.mark.parametrize(("overrides", "reason"), _BY_PIPELINE)
def test_a_pipeline_is_skipped_for_what_it_is(overrides: dict[str, Any], reason: Reason) -> None:
    decision = decide(observation(make.pipeline(**overrides)))

    assert isinstance(decision, Skip)
    assert decision.reason is reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Experiment [skip selfheal]", Reason.SKIP_REQUESTED),
        ("selfheal CI: x\n\nSelfheal-Case: 7", Reason.OWN_COMMIT),
    ],
)
def test_a_pull_request_is_judged_by_the_message_of_its_head_too(message: str, reason: Reason) -> None:
    request = make.pull_request(head_branch="feature", head_commit=make.sha(5))
    seen = observation(make.pipeline(ref=make.pull_request_ref(), commit=make.sha(8)), pull_request=request)
    at_head = replace(seen, source=SourceBranch(head=BranchHead(commit=make.sha(5), message=message)))
    moved = replace(seen, source=SourceBranch(head=BranchHead(commit=make.sha(6), message=message)))

    assert decide(at_head) == Skip(reason=reason, saw=next(one.saw for one in trace(at_head) if not one.allows))
    assert isinstance(decided := decide(moved), Skip)
    assert decided.reason is Reason.SUPERSEDED


_BY_PROJECT: list[tuple[dict[str, Any], Reason]] = [
    ({"mode": Mode.OFF}, Reason.MODE_OFF),
    ({"mode": Mode.OBSERVE}, Reason.OBSERVE_ONLY),
    ({"branches": BranchFilter(include=("release/**",))}, Reason.BRANCH_EXCLUDED),
    ({"when": Condition.parse("branch = 'develop'")}, Reason.CONDITION_FALSE),
    ({"when": Condition.parse("branch =~ '('")}, Reason.CONDITION_ERROR),
]


@pytest.mark.parametrize(("overrides", "reason"), _BY_PROJECT)
def test_a_pipeline_is_skipped_for_its_project_s_settings(overrides: dict[str, Any], reason: Reason) -> None:
    decision = decide(observation(project=make.project(**overrides)))

    assert isinstance(decision, Skip)
    assert decision.reason is reason


_BY_HISTORY = [
    (History(own_commit=True), Reason.OWN_COMMIT),
    (History(declined=CaseId(3)), Reason.DECLINED),
    (History(open_case=CaseId(3)), Reason.ALREADY_OPEN),
    (History(attempts_on_commit=1), Reason.ALREADY_ATTEMPTED),
    (History(newer_pipeline=PipelineId("ppl-2")), Reason.SUPERSEDED),
]


@pytest.mark.parametrize(("history", "reason"), _BY_HISTORY)
def test_a_pipeline_is_skipped_for_what_happened_before(history: History, reason: Reason) -> None:
    decision = decide(observation(history=history))

    assert isinstance(decision, Skip)
    assert decision.reason is reason


_LIMITS = [
    (History(cases_on_branch=3, window_frees_at=make.later(hours=5)), Reason.CASES_PER_BRANCH, timedelta(hours=5)),
    (History(cases_in_project=10), Reason.CASES_PER_PROJECT, timedelta(minutes=10)),
    (History(open_pull_requests=5), Reason.OPEN_PULL_REQUESTS, timedelta(minutes=10)),
    (History(cost_micros_today=20_000_000), Reason.COST_PER_DAY, timedelta(minutes=10)),
    (History(last_unfixed_at=make.ago(minutes=10)), Reason.COOLDOWN, timedelta(minutes=20)),
]


@pytest.mark.parametrize(("history", "reason", "wait"), _LIMITS)
def test_a_reached_limit_puts_a_pipeline_off(history: History, reason: Reason, wait: timedelta) -> None:
    decision = decide(observation(history=history))

    assert isinstance(decision, Defer)
    assert (decision.reason, decision.until) == (reason, NOW + wait)


@pytest.mark.parametrize(("spent", "allowed"), [(4_999_999, True), (5_000_000, False)])
def test_what_all_projects_have_spent_puts_a_pipeline_off(spent: int, *, allowed: bool) -> None:
    project = make.project(limits=make.limits(cost_usd_per_day_of_all=Decimal(5)))
    seen = observation(project=project, history=History(cost_micros_today_of_all=spent))

    decision = decide(seen)

    assert isinstance(decision, Heal) is allowed
    if isinstance(decision, Defer):
        assert (decision.reason, decision.saw) == (Reason.COST_PER_DAY_OF_ALL, "5.00 of 5.00 USD")


def test_a_pipeline_that_is_put_off_for_a_day_is_skipped_for_good() -> None:
    old = make.pipeline(done_at=make.ago(hours=25))

    decision = decide(observation(old, history=History(open_pull_requests=5)))

    assert decision == Skip(reason=Reason.OPEN_PULL_REQUESTS, saw="5 of 5")


def test_patience_counts_from_the_creation_when_no_end_is_known() -> None:
    odd = make.pipeline(done_at=None, created_at=make.ago(hours=25))

    assert isinstance(decide(observation(odd, history=History(open_pull_requests=5))), Skip)


def test_a_rested_branch_may_be_healed_again() -> None:
    assert isinstance(decide(observation(history=History(last_unfixed_at=make.ago(minutes=31)))), Heal)


def test_a_pipeline_without_its_commit_is_asked_again() -> None:
    decision = decide(observation(make.pipeline(commit=Sha(""))))

    assert isinstance(decision, Defer)
    assert decision.reason is Reason.DETAILS_PENDING


def test_a_pull_request_that_cannot_be_read_is_asked_again() -> None:
    decision = decide(observation(make.pipeline(ref=make.pull_request_ref())))

    assert isinstance(decision, Defer)
    assert decision.reason is Reason.UNAVAILABLE


_WHEN_FAILED = Condition.parse("result = 'failed'")


def test_a_pull_request_of_our_own_branch_is_always_ours() -> None:
    """The original recipe's condition is true for it: its ``branch`` is empty."""
    seen = observation(make.pipeline(ref=make.pull_request_ref()), pull_request=make.pull_request())

    decision = decide(seen)

    assert isinstance(decision, Skip)
    assert decision.reason is Reason.OWN_PULL_REQUEST


def test_an_own_pull_request_is_healed_at_its_head() -> None:
    head = make.pull_request(head_branch="feature")
    seen = observation(make.pipeline(ref=make.pull_request_ref()), pull_request=head)

    assert isinstance(decide(seen), Heal)
    assert (seen.origin.commit, seen.origin.source_branch) == (head.head_commit, "feature")


@pytest.mark.parametrize(
    ("overrides", "head", "reason"),
    [
        ({"own_pull_requests": Choice.SKIP}, {"head_branch": "feature"}, Reason.PULL_REQUEST),
        ({}, {"head_branch": "feature", "head_repository": "fork/billing"}, Reason.FORK),
    ],
)
def test_pull_requests_are_skipped_by_kind(overrides: dict[str, Any], head: dict[str, Any], reason: Reason) -> None:
    pipeline = make.pipeline(ref=make.pull_request_ref())

    decision = decide(
        observation(pipeline, project=make.project(**overrides), pull_request=make.pull_request(**head)),
    )

    assert isinstance(decision, Skip)
    assert decision.reason is reason


def test_a_fork_may_be_healed_and_has_no_branch_of_ours() -> None:
    project = make.project(forked_pull_requests=Choice.HEAL, when=_WHEN_FAILED)
    fork = make.pull_request(head_branch="main", head_repository=None)
    seen = observation(make.pipeline(ref=make.pull_request_ref()), project=project, pull_request=fork)

    assert isinstance(decide(seen), Heal)
    assert seen.origin.source_branch is None


def test_a_tag_may_be_healed() -> None:
    seen = observation(make.pipeline(ref=make.tag()), project=make.project(tags=Choice.HEAL))

    assert isinstance(decide(seen), Heal)


def test_the_origin_of_an_unread_pull_request_is_what_was_built() -> None:
    origin = origin_of(make.pipeline(ref=make.pull_request_ref()), None)

    assert (origin.commit, origin.source_branch) == (make.sha(), None)


def test_the_trace_asks_every_question_also_after_a_no() -> None:
    checks = trace(observation(make.pipeline(ref=make.tag()), project=make.project(mode=Mode.OFF)))

    assert [check.reason for check in checks if not check.allows] == [Reason.MODE_OFF, Reason.TAG]
    assert len(checks) == len(trace(observation()))


def test_guards_are_asked_before_settings_and_limits() -> None:
    own = make.pipeline(ref=make.branch("selfheal-x"), commit_message="[skip selfheal]")
    seen = observation(own, project=make.project(mode=Mode.OFF), history=History(open_pull_requests=9))

    decision = decide(seen)

    assert isinstance(decision, Skip)
    assert decision.reason is Reason.OWN_BRANCH


@given(
    result=st.sampled_from([*Result, None]),
    state=st.sampled_from(State),
    branch=st.text(min_size=1, max_size=40),
    message=st.text(max_size=80),
    cases=st.integers(0, 20),
    mode=st.sampled_from(Mode),
)
def test_deciding_is_total_and_agrees_with_its_trace(
    *, result: Result | None, state: State, branch: str, message: str, cases: int, mode: Mode
) -> None:
    pipeline = make.pipeline(result=result, state=state, ref=make.branch(branch), commit_message=message)
    project = replace(make.project(mode=mode), limits=make.limits(cases_per_branch=Rate(count=5, window=timedelta(1))))
    seen = observation(pipeline, project=project, history=History(cases_on_branch=cases))

    decision, checks = decide(seen), trace(seen)

    if isinstance(decision, Heal):
        assert all(check.allows for check in checks)
    else:
        assert decision.reason is next(check.reason for check in checks if not check.allows)


def test_protection_asks_guards_and_limits_and_no_settings() -> None:
    project = make.project(mode=Mode.OBSERVE, when=Condition.parse("branch = 'develop'"))

    assert protection(observation(project=project)) is None


@pytest.mark.parametrize(
    "history", [History(declined=CaseId(3)), History(attempts_on_commit=1), History(open_pull_requests=5)]
)
def test_protection_holds_for_those_who_heal_by_hand(history: History) -> None:
    check = protection(observation(history=history))

    assert check
    assert not check.allows


@pytest.mark.parametrize(
    ("history", "decision"),
    [
        (History(), None),
        (History(declined=CaseId(3)), Skip(reason=Reason.DECLINED, saw="case 3")),
        (
            History(open_pull_requests=5),
            Defer(until=make.later(minutes=10), reason=Reason.OPEN_PULL_REQUESTS, saw="5 of 5"),
        ),
    ],
)
def test_guards_and_limits_are_asked_again_when_the_case_is_opened(
    history: History, decision: Skip | Defer | None
) -> None:
    assert decide_again(observation(history=history)) == decision


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            SourceBranch(head=BranchHead(commit=make.sha(7))),
            "; superseded_by commit",
        ),
        (SourceBranch(head=None), "the branch is gone"),
        (SourceBranch(head=BranchHead(commit=make.sha(7), message="[skip ci]")), "which is not built"),
        (SourceBranch(head=None, readable=False), "could not be read"),
        (None, "main; not looked at"),
    ],
)
def test_the_trace_tells_where_the_branch_is(source: SourceBranch | None, words: str) -> None:
    checks = trace(replace(observation(), source=source))

    assert words in next(check.saw for check in checks if "newest one of its branch" in check.question)
