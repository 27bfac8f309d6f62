"""Guards on tests that are there, and do not run."""

import re
from collections import Counter
from collections.abc import Iterator

from selfheald.domain.guards.cases import Mark, MarkKind
from selfheald.domain.guards.change import Found
from selfheald.domain.guards.dialects import is_test_path
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_RULES = {
    MarkKind.SKIP: Rule.TEST_SKIPPED,
    MarkKind.FOCUS: Rule.TEST_FOCUSED,
    MarkKind.RETURN: Rule.EARLY_RETURN,
    MarkKind.RETRY: Rule.RETRY_ADDED,
    MarkKind.SWALLOW: Rule.ERROR_SWALLOWED,
}


def skips(sides: Sides) -> Iterator[Found]:
    """Find what stands in a test's way and did not before; it may move with its test."""
    renamed = {old.leaf: new.leaf for old, new in sides.pairs.same}
    new = {case.leaf for case in sides.pairs.new}
    new_files = {change.path for change in sides.changes if change.before is None}
    new_files -= {after.path for _, after in sides.pairs.same}
    known = Counter((mark.kind, renamed.get(mark.owner, mark.owner)) for mark in sides.before.marks)
    for mark in sides.after.marks:
        if known[mark.kind, mark.owner] > 0:
            known[mark.kind, mark.owner] -= 1
        elif mark.owner not in new or mark.owner == "TestMain" or mark.kind in {MarkKind.SKIP, MarkKind.FOCUS}:
            yield _found(mark, is_new=mark.owner in new or mark.path in new_files)
    yield from _hooks(sides)


def _hooks(sides: Sides) -> Iterator[Found]:
    """What steers a whole run: hooks of pytest, build constraints of Go."""
    panicked = {_PANICS.sub("", line.text) for line in sides.removed}
    for line in sides.added:
        if line.path.endswith(".py") and _PYTEST_HOOK.match(line.text):
            yield Found(
                Rule.TEST_COMMAND_CHANGED, line.path, line.number, f"a hook changes what tests come to: {line.text}"
            )
        if _DOC_SKIP.search(line.text) and line.path.endswith((".py", ".rs", ".rst", ".md")):
            yield Found(Rule.TEST_SKIPPED, line.path, line.number, f"an example is no longer tried: {line.text}")
        if _UNDEFINED.match(line.text) and is_test_path(line.path):
            yield Found(Rule.TEST_DELETED, line.path, line.number, f"a test is undefined: {line.text}")
        if ".ok()" in line.text and _PANICS.sub("", line.text) in panicked:
            yield Found(Rule.ERROR_SWALLOWED, line.path, line.number, f"an error is ignored: {line.text}")
        if line.path.endswith("_test.go") and _BUILD_TAG.match(line.text):
            yield Found(
                Rule.TEST_SKIPPED, line.path, line.number, f"tests are built only under a condition: {line.text}"
            )


_PYTEST_HOOK = re.compile(
    r"def pytest_(?:collection_modifyitems|ignore_collect|collect_file|runtest_makereport|sessionfinish|"
    r"runtest_protocol|runtest_call|"
    r"report_teststatus|pyfunc_call|collection_finish|runtestloop)\b|session\.exitstatus\s*=|items\[:\]\s*=|"
    r"def load_tests\b"
)
_DOC_SKIP = re.compile(r"#\s*doctest:\s*\+SKIP|^//[/!]\s*```\s*(?:rust,)?(?:ignore|no_run)")
_UNDEFINED = re.compile(r"(?:undef_method|undef|remove_method|del|delattr\(\w+,)\s*[:\"']?\w*\.?test")
_PANICS = re.compile(r"\.(?:unwrap|expect|ok)\([^()]*\)")
_BUILD_TAG = re.compile(r"//\s*(?:go:build|\+build)\b")


def _found(mark: Mark, *, is_new: bool) -> Found:
    rule = _RULES[mark.kind]
    if is_new and rule is Rule.TEST_SKIPPED:
        rule = Rule.NEW_TEST_SKIPPED
    what = f"the test `{mark.owner}`" if mark.owner else "a test"
    return Found(rule, mark.path, mark.line, f"{what} {mark.kind}: {mark.text}")
