"""Which commits ``change_in`` compares, and what it makes of git's answers."""

import pytest

from selfheald.domain.conditions.change_in import Build, change_in, ranges_in
from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.ranges import Checkout, CommitRange, RangeChanges

SHA = "a" * 40
HEAD = "b" * 40
FEATURE = Checkout(commit=SHA, branch="feature")
PULL_REQUEST = Checkout(commit=SHA, target="develop", source=HEAD)
BUILT_BEFORE = "c" * 40
KNOWN = Checkout(commit=SHA, branch="feature", previous=BUILT_BEFORE)
FORK = Checkout(commit=SHA, target="develop", source=HEAD, is_fork=True)


def asked(text: str, checkout: Checkout | None = FEATURE, *, is_tag: bool = False) -> list[str]:
    build = Build(pipeline_file=".semaphore/semaphore.yml", checkout=checkout, is_tag=is_tag)
    return [str(wanted) for wanted in ranges_in(Condition.parse(text), build)]


@pytest.mark.parametrize(
    ("options", "checkout", "range_text"),
    [
        ("{}", FEATURE, f"master...{SHA}"),
        ("{default_branch: 'main'}", FEATURE, f"main...{SHA}"),
        ("{default_branch: 'feature'}", FEATURE, f"{SHA}^...{SHA}"),
        ("{default_branch: 'feature'}", KNOWN, f"{BUILT_BEFORE}...{SHA}"),
        ("{branch_range: '$SEMAPHORE_GIT_COMMIT_RANGE'}", FEATURE, f"{SHA}^...{SHA}"),
        ("{branch_range: '$SEMAPHORE_GIT_COMMIT_RANGE'}", KNOWN, f"{BUILT_BEFORE}...{SHA}"),
        ("{branch_range: '$SEMAPHORE_GIT_SHA^...$SEMAPHORE_GIT_SHA'}", FEATURE, f"{SHA}^...{SHA}"),
        ("{branch_range: 'HEAD~2..HEAD'}", FEATURE, f"{SHA}~2..{SHA}"),
        ("{branch_range: 'stable...$SEMAPHORE_GIT_SHA'}", FEATURE, f"stable...{SHA}"),
        ("{default_branch: 'feature', default_range: 'v1..feature'}", FEATURE, "v1..feature"),
        ("{branch_range: 'a...b'}", PULL_REQUEST, f"develop...{HEAD}"),
        ("{branch_range: 'a...b'}", FORK, f"develop...{HEAD}"),
        ("{default_range: 'a...b'}", FORK, "a...b"),
    ],
)
def test_the_range_is_chosen_by_what_was_built(options: str, checkout: Checkout, range_text: str) -> None:
    assert asked(f"change_in('/lib', {options})", checkout) == [range_text]


@pytest.mark.parametrize("text", ["main", "--output=x...b", "a...", "$SEMAPHORE_GIT_SHA...b", "a...b c"])
def test_what_git_could_not_read_is_not_asked_for_and_is_no_change(text: str) -> None:
    """A default range is given to git as it stands: variables are not replaced in it."""
    condition = f"change_in('/', {{default_branch: 'feature', default_range: '{text}'}})"

    assert asked(condition) == []
    assert not holds(condition, {})


def test_each_range_is_asked_for_once() -> None:
    text = "change_in('/a') or change_in('/b') or change_in('/c', {default_branch: 'main'})"

    assert asked(text) == [f"master...{SHA}", f"main...{SHA}"]


def test_nothing_is_asked_for_a_tag_nor_when_the_files_are_given() -> None:
    assert asked("change_in('/a')", is_tag=True) == []
    assert asked("change_in('/a')", None) == []


@pytest.mark.parametrize(
    "call", ["change_in()", "change_in(1)", "change_in('/a', {branch_range: 1})", "other('/a')", "branch = 'x'"]
)
def test_a_call_that_is_wrong_asks_for_nothing(call: str) -> None:
    assert asked(call) == []


def holds(text: str, changes: dict[CommitRange, RangeChanges]) -> bool:
    build = Build(pipeline_file=".semaphore/semaphore.yml", checkout=FEATURE, changes=changes)
    return Condition.parse(text).evaluate({"branch": "feature"}, {"change_in": change_in(build)})


MASTER = CommitRange(base="master", head=SHA)


def test_the_files_of_the_range_decide() -> None:
    changes = {MASTER: RangeChanges(files=("lib/a.py",))}

    assert holds("change_in('/lib/')", changes)
    assert not holds("change_in('/docs/')", changes)


def test_an_empty_difference_is_under_the_root_and_an_unreadable_one_is_not() -> None:
    assert holds("change_in('/')", {MASTER: RangeChanges(files=("",))})
    assert not holds("change_in('/')", {MASTER: RangeChanges(unknown=SHA)})
    assert not holds("change_in('/')", {MASTER: RangeChanges()})


def test_a_default_branch_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ConditionError, match=r"Unknown git reference 'master'\."):
        holds("change_in('/')", {MASTER: RangeChanges(unknown="master")})


def test_a_range_that_nobody_looked_at_is_an_error_even_in_a_dead_branch() -> None:
    with pytest.raises(ConditionError, match=r"the changed files of master\.\.\.a+ are not known"):
        holds("branch = 'other' and change_in('/')", {})
