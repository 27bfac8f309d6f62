"""Guards on files as a whole."""

import pytest
from tests.guards.diffs import added, deleted, found, modified, rules

from selfheald.domain.finding import GuardAction
from selfheald.domain.guards.change import LINK, SUBMODULE, Change, GuardPolicy
from selfheald.domain.guards.rules import Rule
from selfheald.domain.proposal import ChangeKind


def link(path: str, target: str) -> Change:
    return added(path, target, mode=LINK)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (modified(".github/workflows/ci.yml", "a: 1\n", "a: 2\n"), Rule.PROTECTED_PATH),
        (link("docs/here", "/etc/passwd"), Rule.LINK_OUTSIDE),
        (link("docs/here", "../../etc"), Rule.LINK_OUTSIDE),
        (link("docs/here", "a/../../../etc"), Rule.LINK_OUTSIDE),
        (link("here", ".git/config"), Rule.LINK_OUTSIDE),
        (link("here", ""), Rule.LINK_OUTSIDE),
        (Change(path="lib", kind=ChangeKind.ADDED, old_mode="", mode=SUBMODULE), Rule.SUBMODULE),
        (Change(path="lib", kind=ChangeKind.DELETED, old_mode=SUBMODULE, mode=""), Rule.SUBMODULE),
        (added(".gitmodules", "[submodule]\n"), Rule.SUBMODULE),
        (modified("run.sh", "a\n", "a\n", mode="100755"), Rule.MODE_CHANGED),
        (Change(path="a.png", kind=ChangeKind.ADDED, old_mode="", binary=True, size=9), Rule.BINARY),
        (added("big.txt", "x", size=1_000_001), Rule.FILE_TOO_LARGE),
        (Change(path="huge.py", kind=ChangeKind.MODIFIED, cut=True), Rule.NOT_LOOKED_AT),
        (added("vendor/.git/config", "x"), Rule.NESTED_REPOSITORY),
    ],
)
def test_a_file_that_should_not_be_proposed_is_found(change: Change, rule: Rule) -> None:
    assert rules(change, protected=(".github/**",)) == [rule]


@pytest.mark.parametrize(
    "change",
    [
        link("docs/here", "../README.md"),
        deleted("a.txt"),
        Change(path="a.png", kind=ChangeKind.DELETED, mode="", binary=True, size=9_000_000),
        added("HEAD"),
        added("src/objects/refs/HEAD.py", ""),
    ],
)
def test_what_any_fix_may_do_is_no_finding(change: Change) -> None:
    assert rules(change) == []


def test_a_folder_that_git_takes_for_a_repository_is_found_under_any_name() -> None:
    parts = [
        added("x/HEAD", "ref: refs/heads/main\n"),
        added("x/objects/a"),
        added("x/refs/heads/main"),
        deleted("y/refs/z"),
    ]

    (finding,) = found(*parts)

    assert (finding.rule, finding.path) == (Rule.NESTED_REPOSITORY, "x")


def test_many_files_and_many_lines_are_put_before_a_human() -> None:
    policy = GuardPolicy(max_files=1, max_lines=2)

    assert rules(added("a.txt", "1\n2\n"), added("b.txt", "3\n"), policy=policy) == [
        Rule.TOO_MANY_FILES,
        Rule.TOO_MANY_LINES,
    ]
    assert rules(added("a.txt", "1\n2\n"), policy=policy) == []


def test_a_rule_does_what_is_configured_but_a_protected_path_always_blocks() -> None:
    policy = GuardPolicy(actions={Rule.PROTECTED_PATH: None, Rule.BINARY: None, Rule.MODE_CHANGED: GuardAction.BLOCK})
    changes = [
        modified("a.sh", "a\n", "a\n", mode="100755"),
        Change(path="b.png", kind=ChangeKind.ADDED, old_mode="", binary=True),
    ]

    findings = found(*changes, protected=("a.sh",), policy=policy)

    assert {(one.rule, one.action) for one in findings} == {
        (Rule.MODE_CHANGED, GuardAction.BLOCK),
        (Rule.PROTECTED_PATH, GuardAction.BLOCK),
    }
