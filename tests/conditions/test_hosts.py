"""What hosts bring to conditions: paths, parameters, recorded answers, a pipeline's inputs."""

import pytest
from tests import builders

from selfheald.domain.conditions.change_in import Build, change_in
from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.functions import Function, FunctionError
from selfheald.domain.conditions.globs import glob_matches
from selfheald.domain.conditions.inputs import inputs_of
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.parameters import filled_in
from selfheald.domain.conditions.recorded import Answer, ShapeError, described_functions
from selfheald.domain.conditions.reduction import reduced
from selfheald.domain.pipeline import RefKind, Result

FILES = ("lib/a.py", "docs/b.md", ".semaphore/semaphore.yml")
NO_INPUTS: dict[str, object] = {}


def build(*files: str, is_tag: bool = False, is_promotion: bool = False) -> dict[str, Function]:
    made = Build(
        files=files or FILES, pipeline_file=".semaphore/semaphore.yml", is_tag=is_tag, is_promotion=is_promotion
    )
    return {"change_in": change_in(made)}


def holds(text: str, functions: dict[str, Function]) -> bool:
    return Condition.parse(text).evaluate(NO_INPUTS, functions)


def test_changed_files_are_asked_for_by_prefix_and_by_star() -> None:
    assert holds("change_in('/lib', {pipeline_file: 'ignore'})", build())
    assert holds("change_in(['/x', '/**/*.md'], {pipeline_file: 'ignore'})", build())
    assert not holds("change_in('/docs', {exclude: '/**/*.md', pipeline_file: 'ignore'})", build())


def test_the_pipeline_file_counts_except_in_promotions() -> None:
    assert holds("change_in('/none')", build())
    assert not holds("change_in('/none')", build(is_promotion=True))
    assert holds("change_in('/none', {pipeline_file: 'track'})", build(is_promotion=True))


def test_on_a_tag_the_answer_is_what_the_option_says() -> None:
    assert holds("change_in('/none')", build(is_tag=True))
    assert not holds("change_in('/lib', {on_tags: false})", build(is_tag=True))


@pytest.mark.parametrize(
    "call",
    [
        "change_in(1)",
        "change_in('/a', 'b')",
        "change_in('/a', {on_tags: 'yes'})",
        "change_in('/a', {exclude: [1]})",
        "change_in('/a', {pipeline_file: 'maybe'})",
    ],
)
def test_wrong_parameters_are_named(call: str) -> None:
    with pytest.raises(ConditionError, match="Function 'change_in' returned error: the "):
        holds(call, build())


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a}*", "/a}b", True),
        ("/a,*", "/a,b", True),
        ("/*[^b-a]", "/xy", True),
        ("/*[b-a]", "/xy", False),
        (r"/*\[", "/a[", True),
        (r"/*[\]x]", "/a]", True),
        ("/{a,{b,c}}*", "/cd", True),
    ],
)
def test_globs_are_doublestars(pattern: str, path: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert glob_matches(pattern, path) is expected


@pytest.mark.parametrize("pattern", ["*{a", "*[", "*\\"])
def test_a_malformed_glob_is_an_error(pattern: str) -> None:
    with pytest.raises(FunctionError, match="syntax error"):
        glob_matches(pattern, "/a")


def test_a_glob_that_takes_too_long_is_an_error() -> None:
    with pytest.raises(FunctionError, match="too long"):
        glob_matches("/" + "*a" * 60 + "{*b,*c}", "/" + "a" * 3_000)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('${{ "a" | quote }}', '"a"'),
        ("${{ `a b` | nospace | squote }}", "'ab'"),
        ("${{ parameters.X | toUpper | lower }}", "y"),
        ("${{ parameters.X | toLower | len }}", "1"),
        ('${{ replace "a" "b" "aa" }}', "bb"),
        ('${{ "" | default "d" }}${{ "x" | default "d" }}', "dx"),
        ('${{ " a " | trim | trimPrefix "a" }}${{ "ab" | trimSuffix "b" }}', "a"),
        ('${{ "ab" | hasPrefix "a" }} ${{ "ab" | hasSuffix "a" }} ${{ "ab" | contains "b" }}', "true false true"),
        ('${{ "ab" | repeat 2 }}${{ "ab" | repeat "x" }}', "abab"),
        ("%{{ 1.5 }} %{{ -2 }} ${{ true }} ${{ quote true }}", '1.5 -2 true "True"'),
        ("${{ quote .A }}", '"<no value>"'),
    ],
)
def test_functions_of_templates(text: str, filled: str) -> None:
    assert filled_in(text, {"X": "y"}) == filled


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ('"a" | upper "b"', "wrong number of args for upper: want 1 got 2"),
        ("quote upper", "wrong number of args for upper: want 1 got 0"),
        ("quote nope", 'function "nope" not defined'),
        ('"a" | "b"', "can't give argument to non-function"),
        ('"\\q"', "invalid syntax in a string"),
        ("é", "bad character U[+]00E9"),
        ('"ab" | repeat 99999999', "more than 100000 characters"),
    ],
)
def test_errors_of_templates(template: str, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        filled_in(f"${{{{ {template} }}}}", {})


def test_a_reduction_writes_every_kind_of_answer() -> None:
    answers = [Answer(name="f", params=None, result=None)]

    assert reduced("f() and branch = 'x'", answers) == "nil and (branch = 'x')"
    assert reduced("[1.5, {a: []}]", answers) == "[1.5, {a: []}]"


def test_described_functions_answer_as_told() -> None:
    functions = described_functions({"f": {"returns_param": 0}, "g": {"arity": [0]}, "h": {"returns_param": 7}})

    assert holds("f('a') = 'a' and g() != 'a' and h('a') != 'a'", functions)


def test_a_recorded_function_refuses_other_parameters() -> None:
    functions = described_functions([{"name": "f", "params": [1], "result": True}])

    with pytest.raises(ConditionError, match="Function 'f' returned error: no answer is known"):
        holds("f(2)", functions)


@pytest.mark.parametrize(
    "description",
    [
        1,
        [1],
        [{"name": 1}],
        [{"name": "f", "params": 1}],
        {"f": 1},
        {"f": {"arity": 1}},
        {"f": {"cases": 1}},
        {"f": {"cases": [1]}},
    ],
)
def test_other_descriptions_are_refused(description: object) -> None:
    with pytest.raises(ShapeError):
        described_functions(description)


def test_a_branch_a_tag_and_a_pull_request_set_one_keyword_each() -> None:
    kinds = {RefKind.BRANCH: "branch", RefKind.TAG: "tag", RefKind.PULL_REQUEST: "pull_request"}

    for ref in (builders.branch("feature/x"), builders.tag("v1"), builders.pull_request_ref(7)):
        inputs = inputs_of(builders.pipeline(ref=ref))
        assert {name: inputs[name] for name in kinds.values()} == {
            name: ref.name if kind is ref.kind else "" for kind, name in kinds.items()
        }


def test_the_result_is_empty_until_there_is_one() -> None:
    failed = inputs_of(builders.pipeline(result=Result.FAILED, reason="test"))

    assert (failed["result"], failed["result_reason"]) == ("failed", "test")
    assert inputs_of(builders.pipeline(result=None))["result"] == ""
