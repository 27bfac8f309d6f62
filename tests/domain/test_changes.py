"""What ``change_in`` means for a decision, and what people are told of it."""

from typing import Any

import pytest
from tests import builders as make

from selfheald.domain.changes import answers_told, check_when, ranges_told, ranges_wanted
from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.decide import decide, trace
from selfheald.domain.decision import Decision, Defer, Heal, Skip
from selfheald.domain.history import History
from selfheald.domain.ids import Sha
from selfheald.domain.lookup import ranges_to_read
from selfheald.domain.observation import Observation
from selfheald.domain.policy import Choice
from selfheald.domain.reasons import Reason

RANGE = CommitRange(base="master", head=make.sha())


def seen(when: str, *files: str, **overrides: Any) -> Observation:
    project = make.project(when=Condition.parse(when), tags=Choice.HEAL)
    default: dict[str, Any] = {
        "target": make.target(project=project),
        "pipeline": make.pipeline(),
        "pull_request": None,
        "history": History(),
        "now": make.NOW,
        "changes": {RANGE: RangeChanges(files=files)},
    }
    return Observation(**default | overrides)


def reason(decision: Decision) -> Reason:
    return Reason.ALLOWED if isinstance(decision, Heal) else decision.reason


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("change_in('/lib/')", Reason.ALLOWED),
        ("change_in('/docs/')", Reason.CONDITION_FALSE),
        ("change_in('/lib/', {default_branch: 1})", Reason.CONDITION_ERROR),
        ("changed_in('/lib/')", Reason.CONDITION_ERROR),
        ("change_in('../lib/')", Reason.ALLOWED),
    ],
)
def test_the_changed_files_decide(when: str, expected: Reason) -> None:
    assert reason(decide(seen(when, "lib/a.py"))) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("branch = ", "Syntax error"),
        ("changed_in('/lib')", "Function with name 'changed_in' is not found"),
        ("branch = 'x' and change_in()", "accepts 1 or 2"),
        ("change_in('/a') =~ 'x'", "not a string"),
    ],
)
def test_a_condition_that_could_never_hold_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConditionError, match=words):
        check_when(text)


@pytest.mark.parametrize(
    "text",
    [make.WHEN, "change_in('/a') = true", "branch =~ '('", "'main' =~ branch", "tag = 'v1' or change_in('/', {})"],
)
def test_a_condition_that_may_hold_is_taken(text: str) -> None:
    check_when(text)


def test_the_pipeline_file_does_not_count_as_in_a_promotion() -> None:
    file = ".semaphore/semaphore.yml"

    assert isinstance(decide(seen("change_in('/lib/')", file)), Skip)
    assert isinstance(decide(seen("change_in('/lib/', {pipeline_file: 'track'})", file)), Heal)


def test_changed_files_that_cannot_be_read_put_the_decision_off() -> None:
    decision = decide(seen("change_in('/lib/')", changes=None))

    assert isinstance(decision, Defer)
    assert decision.reason is Reason.UNAVAILABLE


def test_a_tag_has_no_changed_files_and_the_option_says_what_that_means() -> None:
    tag = make.pipeline(ref=make.tag())

    assert isinstance(decide(seen("change_in('/lib/')", pipeline=tag, changes={})), Heal)
    assert ranges_wanted(seen("change_in('/lib/')", pipeline=tag)) == ()


def test_a_pull_request_is_asked_for_by_its_target_and_head() -> None:
    pipeline = make.pipeline(ref=make.pull_request_ref())
    head = make.pull_request(head_branch="feature")

    assert ranges_wanted(seen("change_in('/a')", pipeline=pipeline, pull_request=head)) == (
        CommitRange(base="main", head=head.head_commit),
    )
    assert ranges_wanted(seen("change_in('/a')", pipeline=pipeline)) == ()


def test_a_pipeline_without_its_commit_is_not_asked_for() -> None:
    assert ranges_wanted(seen("change_in('/a')", pipeline=make.pipeline(commit=Sha("")))) == ()


def test_git_is_read_only_when_nothing_before_the_condition_says_no() -> None:
    assert ranges_to_read(seen("change_in('/a')")) == (RANGE,)
    assert ranges_to_read(seen("branch = 'main'")) == ()
    assert ranges_to_read(seen("change_in('/a')", pipeline=make.pipeline(file="other.yml"))) == ()
    assert ranges_to_read(seen("change_in('/a')", pipeline=make.passed_pipeline())) == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (RangeChanges(files=("lib/a.py", "b")), "2 changed files"),
        (RangeChanges(files=("lib/a.py",)), "1 changed file"),
        (RangeChanges(files=("",)), "0 changed files"),
        (RangeChanges(unknown="master"), "there is no master"),
    ],
)
def test_people_are_told_how_many_files_changed(changes: RangeChanges, told: str) -> None:
    assert ranges_told(seen("change_in('/lib/')", changes={RANGE: changes})) == f"; {RANGE}: {told}"
    assert ranges_told(seen("change_in('/lib/')", changes={})) == ""
    assert ranges_told(seen("change_in('/lib/')", changes=None)) == ""


def test_people_are_told_what_each_call_answered() -> None:
    paths = f"/{'x' * 200}"
    text = f"change_in(['/lib/', '/b']) or change_in('{paths}')"

    assert answers_told(seen(text, "lib/a.py")) == (f"; change_in of /lib/, /b: yes; change_in of {paths[:100]}…: no")


def test_the_trace_tells_ranges_and_answers() -> None:
    checks = trace(seen("change_in('/lib/')", "lib/a.py"))
    saw = next(check.saw for check in checks if check.reason is Reason.CONDITION_FALSE)

    assert saw.endswith(f"; {RANGE}: 1 changed file; change_in of /lib/: yes")
