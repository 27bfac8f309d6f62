"""Globs over branch names and paths."""

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain import globs
from selfheald.domain.policy import BranchFilter

MATCHES = [
    ("main", "main"),
    ("**", "main"),
    ("**", "a/b/c"),
    ("*", "main"),
    ("release/**", "release/1"),
    ("release/**", "release/a/b"),
    ("**/CODEOWNERS", "CODEOWNERS"),
    ("**/CODEOWNERS", "a/b/CODEOWNERS"),
    ("a/**/b", "a/b"),
    ("a/**/b", "a/x/y/b"),
    ("a/**/b/**/c", "a/b/x/b/c"),
    ("**/a*/**/*.py", "x/ab/y/ac/z.py"),
    ("**/**", "x"),
    ("**/x/**/**/y", "q/x/y"),
    ("selfheal-*", "selfheal-abc"),
    ("selfheal-*", "selfheal-"),
    ("v?.[0-9]", "v1.2"),
    ("[!a-c]x", "dx"),
    ("[^a]", "b"),
    ("[]]", "]"),
    ("[*]", "*"),
    ("[a-]", "-"),
    ("[+--]", ","),
    ("a*b*c", "a-b-bc"),
    ("*a*", "bab"),
    ("**/*a?c*e", "x/zabc-e"),
    ("a.b", "a.b"),
    (".github/**", ".github/workflows/ci.yml"),
]

MISSES = [
    ("main", "Main"),
    ("main", "main\n"),
    ("main", "mainly"),
    ("*", "a/b"),
    ("release/**", "release"),
    ("release/**", "prerelease/x"),
    ("**/CODEOWNERS", "MYCODEOWNERS"),
    ("**/CODEOWNERS", "CODEOWNERS/x"),
    ("a/**/b", "ab"),
    ("a/**/b", "a/xb"),
    ("selfheal-*", "selfheal-a/b"),
    ("a?b", "a/b"),
    ("a[!x]b", "a/b"),
    ("[!a-c]x", "ax"),
    ("a.b", "axb"),
    ("**/a/**/b", "b/a"),
]


@pytest.mark.parametrize(("pattern", "name"), MATCHES)
def test_a_glob_matches(pattern: str, name: str) -> None:
    assert globs.matches(pattern, name)


@pytest.mark.parametrize(("pattern", "name"), MISSES)
def test_a_glob_does_not_match(pattern: str, name: str) -> None:
    assert not globs.matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("", "may not be empty"),
        ("x" * 501, "at most 500"),
        ("!main", "use `exclude`"),
        ("a\\*", "backslash"),
        ("{a,b}", "braces"),
        ("a}", "braces"),
        ("/main", "empty segment"),
        ("release/", "empty segment"),
        ("a//b", "empty segment"),
        ("feature**", "whole segment"),
        ("a[b", "never closed"),
        ("[z-a]", "no set of characters"),
        ("[]", "no set of characters"),
    ],
)
def test_a_malformed_glob_is_explained(pattern: str, hint: str) -> None:
    assert hint in (globs.check(pattern) or "")
    with pytest.raises(globs.GlobError):
        globs.matches(pattern, "main")


def test_a_good_glob_has_nothing_wrong() -> None:
    assert globs.check("release/**") is None


@pytest.mark.parametrize(
    ("branch", "allowed"),
    [("main", True), ("release/1", True), ("feature", False), ("release/selfheal", False)],
)
def test_a_branch_must_be_included_and_not_excluded(branch: str, allowed: bool) -> None:  # noqa: FBT001 - a table's column
    branches = BranchFilter(include=("main", "release/**"), exclude=("**/selfheal",))

    assert globs.allows(branches, branch) is allowed


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*a" * 100 + "b", "a" * 5_000),
        ("**/" * 60 + "b", "a/" * 3_000 + "a"),
        ("**/a/" * 60 + "b", "a/" * 3_000 + "c"),
        ("**/*a*a*a/" * 20 + "b", "aaaa/" * 2_000 + "c"),
        ("?" * 250 + "*b", "a" * 5_000),
    ],
)
def test_hostile_input_is_answered_at_once(pattern: str, name: str) -> None:
    started = time.monotonic()

    assert not globs.matches(pattern, name)

    assert time.monotonic() - started < 2


@given(
    pattern=st.text(alphabet="ab*?/", min_size=1, max_size=10),
    name=st.lists(st.text(alphabet="ab", min_size=1, max_size=4), min_size=1, max_size=4),
)
def test_a_glob_agrees_with_a_plain_reading_of_the_rules(pattern: str, name: list[str]) -> None:
    if globs.check(pattern) is None:
        assert globs.matches(pattern, "/".join(name)) is _plainly(pattern.split("/"), name)


@given(st.text(max_size=30), st.text(max_size=30))
def test_every_text_is_a_glob_or_is_explained(pattern: str, name: str) -> None:
    if globs.check(pattern) is None:
        assert globs.matches(pattern, name) in (True, False)


def _plainly(pattern: list[str], name: list[str]) -> bool:
    """The rules, written without any care for speed."""
    if not pattern:
        return not name
    if pattern == ["**"]:
        return bool(name)
    if pattern[0] == "**":
        return any(_plainly(pattern[1:], name[skip:]) for skip in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], pattern[0]) and _plainly(pattern[1:], name[1:])
