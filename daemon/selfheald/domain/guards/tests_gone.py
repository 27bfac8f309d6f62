"""Guards on tests that are gone, or check less often."""

import re
from collections import Counter
from collections.abc import Iterator

from selfheald.domain.guards.cases import Case, Reading
from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.dialects import dialect_of, is_test_path
from selfheald.domain.guards.pairing import taken_in
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides
from selfheald.domain.guards.tables import UNKNOWN
from selfheald.domain.proposal import ChangeKind


def tests_gone(sides: Sides) -> Iterator[Found]:
    """Compare the sets of tests before and after, over the whole diff: a test that moves or is renamed is not gone."""
    grown = [*sides.pairs.new, *(after for before, after in sides.pairs.same if _has_grown(before, after))]
    grown += [after for before, after in sides.pairs.same if before.path != after.path]
    asserted = Counter(one.key for case in sides.pairs.new for one in case.assertions)
    gone = [
        case
        for case in sides.pairs.gone
        if not (taken_in(case, grown) and case.literals <= sides.room)
        and not _split_up(case, asserted)
        and not _tabled(case, sides)
        and not _in_template(case, sides)
    ]
    deleted = {change.path for change in sides.changes if _is_empty(change)}
    lost_code = sides.before.definitions - sides.after.definitions
    for path, count in Counter(case.path for case in gone).items():
        here = [case for case in gone if case.path == path]
        tested = all(case.words & lost_code for case in here) and _code_is_gone(sides)
        if path in deleted and not tested:
            yield Found(Rule.TEST_FILE_DELETED, path, 0, f"is gone, with {count} tests")
        else:
            yield from (_gone(case, sides, lost_code) for case in here)
    yield from _other_files(sides)
    yield from _replaced(sides)
    yield from _tables(sides, gone)
    yield from _uncollected(sides)


def _has_grown(before: Case, after: Case) -> bool:
    return len(after.words) > len(before.words) or len(after.assertions) > len(before.assertions)


_TEMPLATE = re.compile(r"[%$]|#\{")


def _in_template(case: Case, sides: Sides) -> bool:
    """Whether a test of the same name is in a suite that is made for each row of a table."""
    return any(
        one.leaf == case.leaf
        and one.path == case.path
        and _TEMPLATE.search(one.suite)
        and case.literals <= one.literals
        for one in sides.after.cases
    )


def _split_up(case: Case, asserted: Counter[str]) -> bool:
    """Whether new tests make all assertions that this one made."""
    return bool(case.assertions) and all(asserted[one.key] for one in case.assertions)


def _tabled(case: Case, sides: Sides) -> bool:
    """Whether all values of a test still stand in the code, and what it called is still called."""
    after = {word for one in sides.after.cases for word in (*one.words, *one.calls)}
    after |= {one.name for helper in sides.after.helpers.values() for one in helper}
    called = set(case.calls) - {one.name for one in case.assertions}
    return (
        bool(case.literals) and case.literals <= sides.room and (not called or bool(called & after) or _defines(sides))
    )


def _defines(sides: Sides) -> bool:
    """Whether tests are made by code: Ruby's way of writing a table of them."""
    return any("define_method" in line.text for line in sides.added)


def _is_empty(change: Change) -> bool:
    return not (change.after or "").strip()


def _code_is_gone(sides: Sides) -> bool:
    """Whether the diff takes code away that is no test."""
    return any(not is_test_path(change.path) and change.before for change in sides.changes)


def _gone(case: Case, sides: Sides, lost_code: set[str]) -> Found:
    helpers = set(sides.before.helpers)
    if _code_is_gone(sides) and case.words & (lost_code - helpers - {case.suite, case.leaf}):
        return Found(Rule.TEST_DELETED_WITH_CODE, case.path, case.line, f"the test `{case.name}` is gone with its code")
    return Found(Rule.TEST_DELETED, case.path, case.line, f"the test `{case.name}` is gone")


def _other_files(sides: Sides) -> Iterator[Found]:
    """Files of tests in languages that are not understood."""
    texts = {change.after for change in sides.changes if change.kind is not ChangeKind.DELETED}
    for change in sides.changes:
        is_read = dialect_of(change.path) is not None or change.before is None
        if not is_read and is_test_path(change.path) and _is_empty(change) and change.before not in texts:
            yield Found(Rule.TEST_FILE_DELETED, change.path, 0, "a file of the tests is gone")


def _replaced(sides: Sides) -> Iterator[Found]:
    """Tests of Python and Ruby that a later one of the same name replaces without a word."""
    before = Counter((case.path, case.name) for case in sides.before.cases)
    after = Counter((case.path, case.name) for case in sides.after.cases)
    for case in sides.after.cases:
        key = (case.path, case.name)
        if after[key] > max(before[key], 1) and case.path.endswith(".py"):
            yield Found(
                Rule.TEST_DELETED,
                case.path,
                case.line,
                f"another test is called `{case.name}`, too: one of them does not run",
            )


def _tables(sides: Sides, gone: list[Case]) -> Iterator[Found]:
    """Tables by the tests and names that they belong to, all of a test's parameters taken together."""
    renamed = {old.leaf: new for old, new in sides.pairs.same}
    lost = {case.leaf for case in gone}
    old, new = _rows(sides.before), _rows(sides.after)
    for (path, owner, name), (rows, line) in old.items():
        case = renamed.get(owner)
        there = new.get((path, owner, name)) or (new.get((case.path, case.leaf, name)) if case else None)
        if there is None and name == _PARAMETERS and case and not _grew(case, sides):
            there = (0, case.line)
        unsure = rows >= UNKNOWN and there is not None and there[0] > 1
        if there and there[0] < rows and not unsure and owner not in lost:
            count = "a table" if rows >= UNKNOWN else f"{rows} rows"
            yield Found(
                Rule.CASES_REMOVED, path, there[1] or line, f"`{owner or name}` had {count}, and has {there[0]}"
            )


_PARAMETERS = "parameters"


def _rows(reading: Reading) -> dict[tuple[str, str, str], tuple[int, int]]:
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for table in reading.tables:
        owner, _, name = table.owner.rpartition(" ")
        key = (table.path, owner, name)
        found[key] = (found.get(key, (0, 0))[0] + table.rows, table.line)
    return found


def _grew(case: Case, sides: Sides) -> bool:
    """Whether a test that has no parameters now has a table of its own, or siblings that are new."""
    own = any(table.owner.startswith(f"{case.leaf} ") for table in sides.after.tables)
    return own or bool(sides.pairs.new)


_SUREFIRE = re.compile(r"(?:^|/)(?:Test[^/]*|[^/]*(?:Tests?|TestCase|IT|Spec|Specs))\.java$")


def _uncollected(sides: Sides) -> Iterator[Found]:
    """Java's build tools choose test classes by their names."""
    for before, after in sides.pairs.same:
        if after.path.endswith(".java") and _SUREFIRE.search(before.path) and not _SUREFIRE.search(after.path):
            yield Found(
                Rule.TEST_FILE_DELETED, after.path, after.line, f"`{after.name}` is no longer collected by its name"
            )
        if _GO_PLATFORM.search(after.path) and not _GO_PLATFORM.search(before.path):
            yield Found(Rule.TEST_FILE_DELETED, after.path, after.line, f"`{after.name}` runs on one platform only now")


_GO_PLATFORM = re.compile(
    r"_(?:aix|android|darwin|dragonfly|freebsd|illumos|ios|js|linux|netbsd|openbsd|plan9|solaris|wasip1|windows|"
    r"386|amd64|arm|arm64|wasm|ppc64|mips|riscv64|s390x)_test\.go$"
)
