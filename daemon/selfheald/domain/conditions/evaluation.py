"""From an expression and its inputs to true or false, in Semaphore's order.

All keywords and functions are looked up from left to right first, and functions are called then; so nothing is
short-circuited, and a missing input or a failing function counts even in a dead branch. Then the parts are reduced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from selfheald.domain.conditions.errors import ConditionError, ErrorKind
from selfheald.domain.conditions.functions import Function, answered
from selfheald.domain.conditions.pcre.matching import Matcher
from selfheald.domain.conditions.syntax import Call, Comparison, Keyword, Literal, Node, in_order
from selfheald.domain.conditions.values import as_pattern, crash, equal, fingerprint, octets, truth


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An expression, ready to run."""

    steps: tuple[Node, ...]
    """The parts from left to right, each after its operands."""
    calls: tuple[Call, ...]
    """The function calls from left to right."""
    answered_by: Mapping[Call, int]
    """For each call the first call with the same name and parameters: that one's answer is used for all of them."""
    matches: int
    """How many comparisons use a regular expression."""

    @classmethod
    def of(cls, root: Node) -> Self:
        """Lay an expression out for a machine with a stack."""
        steps = tuple(in_order(root))
        calls = tuple(step for step in steps if isinstance(step, Call))
        seen: dict[tuple[str, str], int] = {}
        answered_by = {
            call: seen.setdefault((call.name, fingerprint(list(call.params))), position)
            for position, call in enumerate(calls)
        }
        matches = sum(isinstance(step, Comparison) and step.operator in ("=~", "!~") for step in steps)
        return cls(steps, calls, answered_by, matches)


def run(
    program: Program, inputs: Mapping[str, object], functions: Mapping[str, Function], *, dry_run: bool = False
) -> bool:
    """Evaluate; raises ConditionError only."""
    answers = _collected(program, inputs, functions, dry_run=dry_run)
    matcher = Matcher(program.matches)
    stack: list[object] = []
    for step in program.steps:
        match step:
            case Literal(value):
                stack.append(value)
            case Keyword(name):
                stack.append(_given(name, inputs))
            case Call():
                stack.append(answers[program.answered_by[step]])
            case Comparison(operator):
                right, left = stack.pop(), stack.pop()
                stack.append(compared(operator, left, right, matcher))
            case _:
                right, left = stack.pop(), stack.pop()
                stack.append(joined(step.operator, left, right))
    return truth(stack.pop())


def _collected(
    program: Program, inputs: Mapping[str, object], functions: Mapping[str, Function], *, dry_run: bool
) -> list[object]:
    answers: list[object] = []
    for step in program.steps:
        if isinstance(step, Keyword) and step.name not in inputs:
            raise _missing(step.name)
        if isinstance(step, Call):
            answers.append(answered(step, functions, inputs, dry_run=dry_run))
    return answers


def _given(name: str, inputs: Mapping[str, object]) -> object:
    value = inputs[name]
    if value is None:
        raise _missing(name)
    return value


def _missing(name: str) -> ConditionError:
    return ConditionError(f"Missing value of keyword parameter '{name}'.", kind=ErrorKind.MISSING_INPUT)


def joined(operator: str, left: object, right: object) -> bool:
    """Join two operands by ``and`` or ``or``; the right one's truth is asked for only if it matters."""
    if operator.lower() == "and":
        return truth(left) and truth(right)
    return truth(left) or truth(right)


def compared(operator: str, left: object, right: object, matcher: Matcher) -> bool:
    """Compare two operands."""
    if operator in ("=", "!="):
        return equal(left, right) is (operator == "=")
    return _matches(left, right, matcher) is (operator == "=~")


def _matches(subject: object, pattern: object, matcher: Matcher) -> bool:
    if subject == "":
        return False  # never matches, and the pattern is not even compiled
    text = as_pattern(pattern)
    if not isinstance(subject, str):
        raise crash("FunctionClauseError: the left side of =~ or !~ is not a string")
    return matcher.finds(text, octets(subject))
