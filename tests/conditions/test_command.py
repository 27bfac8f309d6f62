"""``selfheald condition`` at the shell."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conditions import vectors

from selfheald.cli.condition import condition


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(condition, arguments, input=given)


def test_true_and_false_are_printed() -> None:
    expression = "result = 'failed' AND branch !~ '^selfheal-.*'"

    assert run(expression, "--input", "branch=main", "--input", "result=failed").output == "true\n"
    assert run(expression, "--input", "branch=selfheal-1", "--input", "result=failed").output == "false\n"


def test_a_value_may_hold_the_equals_sign() -> None:
    assert run("branch = 'a=b'", "--input", "branch=a=b").output == "true\n"


def test_an_error_goes_to_stderr_and_ends_with_2() -> None:
    result = run("branch = 'x'")

    assert (result.stdout, result.stderr) == ("", "Missing value of keyword parameter 'branch'.\n")
    assert result.exit_code == 2


def test_a_functions_answer_can_be_given() -> None:
    assert run("change_in('/a', {x: 1}) = [1]", "--function", "change_in=[1]").output == "true\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("true", "--jsonl", "-"),
        ("true", "--input", "x"),
        ("true", "--function", "f"),
        ("true", "--function", "f=?"),
    ],
)
def test_wrong_use_is_explained(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_each_line_is_answered_in_order_and_bad_lines_do_not_stop() -> None:
    lines = [
        b'{"expr": "true"}',
        b"{",
        b"[1]",
        b'{"expr": 1}',
        b"[" * 100_000,
        b'{"expr": "true", "inputs": 1}',
        b'{"expr": "f()", "functions": 1}',
        b"\xff",
        b"",
        b'{"expr": "f() = [1]", "inputs": {}, "functions": [{"name": "f", "params": [], "result": [1]}]}',
        b'{"expr": "branch = \'x\'", "inputs": {"branch": "\\ud800"}}',
        b'{"expr": "\\ud800"}',
    ]

    result = run("--jsonl", "-", given=b"\n".join(lines))

    answers = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert [answer.get("result", "error") for answer in answers] == [True, *["error"] * 8, True, False, "error"]


def test_a_file_of_vectors_is_answered(tmp_path: Path) -> None:
    cases = [vector for vector in vectors.read("upstream") if not vector.get("exotic")]
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(f"{json.dumps(case)}\n" for case in cases))

    answers = [json.loads(line) for line in run("--jsonl", str(file)).output.splitlines()]

    assert [answer.get("result", "error") for answer in answers] == [case["expect"] for case in cases]


def test_an_error_with_half_a_character_can_still_be_printed() -> None:
    assert run("f('a')", "--input", "branch=x").exit_code == 2
    assert run("\ud800").exit_code == 2
