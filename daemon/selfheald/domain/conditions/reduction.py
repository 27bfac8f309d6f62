"""Rewrite a condition with the functions' answers filled in, as ``when reduce`` does before a pipeline is validated.

Constant parts are folded, keywords stay symbolic, everything is lower-case and bracketed. The rewrite loses something,
as Semaphore's does: ``branch = 'true'`` becomes ``branch = true``, which cannot be read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from selfheald.domain.conditions.evaluation import Program, compared, joined
from selfheald.domain.conditions.grammar import parse
from selfheald.domain.conditions.pcre.matching import Matcher
from selfheald.domain.conditions.recorded import Answer
from selfheald.domain.conditions.syntax import Call, Comparison, Junction, Keyword, Literal
from selfheald.domain.conditions.values import literal, written_number


@dataclass(frozen=True, slots=True)
class Symbolic:
    """A part that is not known yet, as text."""

    text: str
    compound: bool

    def __str__(self) -> str:
        return f"({self.text})" if self.compound else self.text


def reduced(text: str, answers: Sequence[Answer]) -> str | float:
    """Reduce an expression; a bare number stays a number. Raises ConditionError."""
    program = Program.of(parse(text))
    matcher = Matcher(program.matches)
    stack: list[object] = []
    for step in program.steps:
        if isinstance(step, Comparison | Junction):
            right, left = stack.pop(), stack.pop()
            stack.append(_combined(step, left, right, matcher))
        else:
            stack.append(_leaf(step, answers))
    result = stack.pop()
    if isinstance(result, Symbolic):
        return result.text
    is_number = isinstance(result, int | float) and not isinstance(result, bool)
    return result if is_number else written(result)  # type: ignore[return-value]  # mypy loses the type in the name


def _leaf(step: Literal | Call | Keyword, answers: Sequence[Answer]) -> object:
    match step:
        case Literal(value):
            return value
        case Call(name, params):
            for answer in answers:
                if answer.name == name and answer.fits(params):
                    return answer.result
            return Symbolic(f"{name}({', '.join(map(written, params))})", compound=False)
        case _:
            return Symbolic(step.name, compound=False)


def _combined(step: Comparison | Junction, left: object, right: object, matcher: Matcher) -> object:
    if isinstance(left, Symbolic) or isinstance(right, Symbolic):
        return Symbolic(f"{_operand(left)} {step.operator} {_operand(right)}", compound=True)
    if isinstance(step, Comparison):
        return compared(step.operator, left, right, matcher)
    return joined(step.operator, left, right)


def _operand(value: object) -> str:
    return str(value) if isinstance(value, Symbolic) else written(value)


def written(value: object) -> str:
    """Write a value as the language spells it; ``'true'`` and ``'false'`` come out as booleans, as at Semaphore."""
    parts: list[str] = []
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Symbolic):
            parts.append(item.text)
        elif isinstance(item, list):
            pending += reversed(_between("[", [[member] for member in item], "]"))
        elif isinstance(item, dict):
            pending += reversed(_between("{", [[_verbatim(f"{key}: "), item[key]] for key in item], "}"))
        else:
            parts.append(_scalar(literal(item)))
    return "".join(parts)


def _verbatim(text: str) -> Symbolic:
    return Symbolic(text, compound=False)


def _between(opening: str, members: list[list[object]], closing: str) -> list[object]:
    parts: list[object] = [_verbatim(opening)]
    for position, member in enumerate(members):
        parts += [_verbatim(", "), *member] if position else member
    return [*parts, _verbatim(closing)]


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return written_number(value)
    return "nil" if value is None else f"'{value}'"
