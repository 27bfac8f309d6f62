# ruff: noqa: E501 - a diff stands on one line
"""One diff for each thing that a rule knows and the corpora do not show."""

import pytest
from tests.guards.diffs import added, deleted, found, modified, rules

from selfheald.domain.guards.change import Change
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.strength import Strength, of_call, of_condition

PY = "tests/test_a.py"


@pytest.mark.parametrize(
    ("path", "before", "after", "rule"),
    [
        ("a_test.go", "func TestA(t *testing.T) {\n\tif !reflect.DeepEqual(a, b) {\n\t\tt.Error(a)\n\t}\n}\n",
         "func TestA(t *testing.T) {\n\tif a == nil {\n\t\tt.Error(a)\n\t}\n}\n", Rule.ASSERTION_WEAKENED),
        ("a_test.go", 'func TestA(t *testing.T) {\n\tif diff := cmp.Diff(a, b); diff != "" {\n\t\tt.Error(diff)\n\t}\n}\n',
         "func TestA(t *testing.T) {\n\tif false {\n\t\tt.Error(diff)\n\t}\n}\n", Rule.ASSERTION_VACUOUS),
        ("a_test.go", "func TestA(t *testing.T) {\n\tif len(diff) > 0 {\n\t\tt.Error(diff)\n\t}\n}\n",
         "func TestA(t *testing.T) {\n}\n", Rule.TEST_EMPTIED),
        ("tests/a.rs", "#![deny(warnings)]\n#[test]\nfn a() {}\n", "#[test]\nfn a() {}\n", Rule.LINTER_DISABLED),
        (".credo.exs", "{Credo.Check.A, []},\n", "{Credo.Check.A, false},\n", Rule.LINTER_DISABLED),
        (".rubocop.yml", "Metrics/MethodLength:\n  Max: 10\n", "Metrics/MethodLength:\n  Max: 90\n", Rule.LINTER_DISABLED),
        ("src/a.py", "x = 1  # noqa: E501\ny = 2\n", "x = 2  # noqa: E501\ny = 2  # noqa\n", Rule.LINTER_SUPPRESSED),
        ("tsconfig.json", '{\n  "strict": true\n}\n', '{\n  "strict": true,\n  "skipLibCheck": true\n}\n', Rule.LINTER_DISABLED),
        ("tests/a.rs", "#[test]\nfn a() {\n    assert_eq!(f(), 1,);\n}\n", "#[test]\nfn a() {\n    assert!(true);\n}\n",
         Rule.ASSERTION_VACUOUS),
        (PY, "@pytest.mark.timeout(5)\ndef test_a():\n    assert f()\n", "def test_a():\n    assert f()\n", Rule.TIMEOUT_RAISED),
        (PY, "def test_a():\n    assert f(timeout=1)\n", "def test_a():\n    assert f(timeout=None)\n", Rule.TIMEOUT_RAISED),
        ("test/a.test.js", "it('a', () => { expect(f()).toBe(1) })\n",
         "it('a', () => { expect(f()).toBe(1) }, 60000)\n", Rule.TIMEOUT_RAISED),
        ("spec/a_spec.rb", "it 'a' do\n  expect(f).to eq(1)\nend\n",
         "it 'a', focus: true do\n  expect(f).to eq(1)\nend\n", Rule.TEST_FOCUSED),
        ("src/test/ATest.java", "class ATest { @Test void a() { assertThat(f(), is(3)); } }",
         "class ATest { @Test void a() { assertThat(f(), notNullValue()); } }", Rule.ASSERTION_WEAKENED),
        ("src/test/ATest.java",
         'class ATest {\n @ParameterizedTest\n @CsvSource(textBlock = """\n 1, 2\n 3, 4\n """)\n void a(int b) { assertEquals(b, f()); } }',
         'class ATest {\n @ParameterizedTest\n @CsvSource(textBlock = """\n 1, 2\n """)\n void a(int b) { assertEquals(b, f()); } }',
         Rule.CASES_REMOVED),
    ],
)  # fmt: skip
def test_a_weakening_is_found(path: str, before: str, after: str, rule: Rule) -> None:
    assert rule in rules(modified(path, before, after))


@pytest.mark.parametrize(
    "changes",
    [
        [modified(PY, "def test_a():\n    sleep(2)\n    assert f()\n", "def test_a():\n    sleep(1)\n    assert f()\n")],
        [modified(PY, "@retry(3)\ndef test_a():\n    assert f()\n", "@retry(2)\ndef test_a():\n    assert f()\n")],
        [modified("src/a.py", "x = 1  # noqa: E501\n", "xy = 1  # noqa: E501\n")],
        [modified("src/a.py", "sleep(1)\n", "sleep(9)\n")],
        [modified(PY, "def test_a():\n    assert f() == 1\n", "def test_a():\n    assert f() == 1\n    assert g() == 2\n")],
        [modified(PY, "@pytest.mark.skip\ndef test_a():\n    assert f()\n", "def test_a():\n    assert f()\n")],
        [modified(PY, "def test_a():\n    assert f()\n", "def test_a():\n    assert f()\ndef test_b():\n    if x:\n        return\n    assert g()\n")],
        [deleted("spec/a.feature", "Feature: a\n"), added("spec/b.feature", "Feature: a\n")],
    ],
)  # fmt: skip
def test_an_honest_change_is_not_found(changes: list[Change]) -> None:
    assert rules(*changes) == []


def test_a_test_that_goes_with_its_code_is_a_note() -> None:
    code = modified("src/a.py", "def old():\n    return 1\n", "x = 1\n")
    tests = modified(PY, "def test_old():\n    assert old() == 1\n", "x = 2\n")

    assert rules(code, tests) == [Rule.TEST_DELETED_WITH_CODE]
    assert Rule.TEST_DELETED in rules(tests)


def test_a_file_of_tests_in_a_language_that_is_not_understood_may_not_vanish() -> None:
    assert rules(deleted("spec/a.feature", "Feature: a\n")) == [Rule.TEST_FILE_DELETED]


def test_a_test_that_runs_on_one_platform_only_is_found() -> None:
    text = "func TestA(t *testing.T) {\n\tif f() != 1 {\n\t\tt.Error(1)\n\t}\n}\n"

    assert Rule.TEST_FILE_DELETED in rules(deleted("a_test.go", text), added("a_windows_test.go", text))


def test_a_new_test_that_is_skipped_is_a_note() -> None:
    assert rules(added(PY, "@pytest.mark.skip\ndef test_a():\n    assert f() == 1\n")) == [Rule.NEW_TEST_SKIPPED]


def test_a_finding_names_file_line_and_what_it_is() -> None:
    before = "def test_a():\n    assert f() == 1\n    assert g() == 2\n"

    (finding,) = found(modified(PY, before, "def test_a():\n    assert f() == 1\n"))

    assert str(finding) == f"{PY}:3: assertion_removed: `test_a` no longer asserts assert g() == 2"


@pytest.mark.parametrize(
    ("condition", "strength"),
    [
        ("True", Strength.VACUOUS),
        ("x == x", Strength.VACUOUS),
        ("x == 1 or True", Strength.VACUOUS),
        ("x", Strength.LOOSE),
        ("x is not None", Strength.LOOSE),
        ("len(x) > 0", Strength.LOOSE),
        ("x in y", Strength.PARTIAL),
        ("x == 1 or x == 2", Strength.PARTIAL),
        ("x == approx(1)", Strength.PARTIAL),
        ("x is None", Strength.EXACT),
        ("x == 1", Strength.EXACT),
        ("x === 1", Strength.EXACT),
    ],
)
def test_conditions_are_ordered_by_what_they_demand(condition: str, strength: Strength) -> None:
    assert of_condition(condition) is strength


@pytest.mark.parametrize(
    ("name", "arguments", "strength"),
    [
        ("assertEqual", ("1", "1"), Strength.VACUOUS),
        ("assertTrue", ("True",), Strength.VACUOUS),
        ("assertTrue", (), Strength.LOOSE),
        ("assert_nothing_raised", (), Strength.LOOSE),
        ("assertThat", ("x", "is(3)"), Strength.EXACT),
        ("assertThat", ("x", "is(not(3))"), Strength.PARTIAL),
        ("assertThat", ("x", "containsString(y)"), Strength.PARTIAL),
        ("pytest.raises", ("Exception",), Strength.LOOSE),
        ("pytest.raises", ("KeyError",), Strength.PARTIAL),
        ("pytest.raises", ("KeyError", "match='a'"), Strength.EXACT),
        ("assertSame", ("a", "b"), Strength.STRICT),
        ("assert_called_with", ("1", "2"), Strength.EXACT),
        ("toBe", ("1",), Strength.EXACT),
        ("toSomething", (), Strength.LOOSE),
        ("toSomething", ("'a'",), Strength.PARTIAL),
    ],
)
def test_assertions_are_ordered_by_what_they_demand(name: str, arguments: tuple[str, ...], strength: Strength) -> None:
    assert of_call(name, arguments) is strength
