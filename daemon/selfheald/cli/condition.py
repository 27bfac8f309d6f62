"""``selfheald condition``: evaluate Semaphore conditions outside any pipeline."""

import json
from collections.abc import Iterator, Mapping
from typing import IO

import click

from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.functions import Function
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.recorded import Answer, ShapeError, described_functions, functions_of

EXIT_ERROR = 2
"""The condition could not be evaluated."""


def _inputs(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, object]:
    inputs: dict[str, object] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise click.BadParameter(f"'{text}' is not NAME=VALUE")
        inputs[name] = value
    return inputs


def _functions(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> Mapping[str, Function]:
    answers = []
    for name, text in _inputs(context, parameter, given).items():
        try:
            answers.append(Answer(name=name, params=None, result=json.loads(str(text))))
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"the answer of '{name}' is not JSON: {text}") from error
    return functions_of(answers)


@click.command()
@click.argument("expression", metavar="[EXPR]", required=False)
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, callback=_inputs, help="A keyword's value.")
@click.option(
    "--function",
    "functions",
    metavar="NAME=JSON",
    multiple=True,
    callback=_functions,
    help="A function's answer, whatever its parameters are.",
)
@click.option(
    "--jsonl",
    metavar="FILE",
    type=click.File("rb"),
    help='Evaluate one {"expr", "inputs", "functions"?} a line instead; - is the standard input.',
)
@click.pass_context
def condition(
    context: click.Context,
    expression: str | None,
    inputs: Mapping[str, object],
    functions: Mapping[str, Function],
    jsonl: IO[bytes] | None,
) -> None:
    """Evaluate the Semaphore condition EXPR: prints true or false, or the error (exit code 2)."""
    if (expression is None) is (jsonl is None):
        raise click.UsageError("give either EXPR or --jsonl FILE")
    if jsonl is not None:
        for answer in answered_lines(jsonl):
            click.echo(json.dumps(answer))
        return
    try:
        click.echo(json.dumps(Condition(str(expression)).evaluate(inputs, functions)))
    except ConditionError as error:
        click.echo(_printable(str(error)), err=True)
        context.exit(EXIT_ERROR)


def _printable(message: str) -> str:
    return message.encode("utf-8", "backslashreplace").decode("utf-8")


def answered_lines(lines: IO[bytes]) -> Iterator[dict[str, object]]:
    """Answer each line: ``{"result": …}`` or ``{"error": …}``; a bad line is an error like any other."""
    for line in lines:
        try:
            yield {"result": _evaluated(line)}
        except (ValueError, RecursionError) as error:  # a ConditionError is a ValueError, as json's errors are
            yield {"error": str(error)}


def _evaluated(line: bytes) -> bool:
    case = json.loads(line)
    if not isinstance(case, dict) or not isinstance(case.get("expr"), str):
        raise ShapeError('a line must be an object with the text "expr"')
    inputs = case.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise ShapeError('"inputs" must be an object')
    functions = described_functions(case.get("functions") or [])
    return Condition(case["expr"]).evaluate(inputs, functions, dry_run=case.get("dry_run") is True)
