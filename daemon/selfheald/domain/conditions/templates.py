"""The small part of Go's templates that can stand in ``${{ }}``: operands, functions and pipes, no parentheses."""

import json
import re
from collections.abc import Callable, Sequence

from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.values import crash

TOKEN = re.compile(
    r"""\s+
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<raw>`[^`]*`)
    |(?P<number>[+-]?[0-9]+(?:\.[0-9]+)?(?![\w.]))
    |(?P<field>\.[A-Za-z_]\w*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<pipe>\|)""",
    re.VERBOSE,
)
GAPS = re.compile(r"[\s|]|\Z")
"""What may follow an operand."""
LONGEST = 100_000
"""Characters that a function may give."""
CONSTANTS: dict[str, object] = {"true": True, "false": False}


class NoValue:
    """What ``.NAME`` gives: templates are run without data."""

    def __str__(self) -> str:
        return "<no value>"


def _repeated(count: object, text: object) -> str:
    times = count if isinstance(count, int) else 0
    if times * len(str(text)) > LONGEST:
        raise _failed(f"repeat gives more than {LONGEST} characters")
    return str(text) * times


FUNCTIONS: dict[str, tuple[int, Callable[..., object]]] = {
    "upper": (1, lambda text: str(text).upper()),
    "toUpper": (1, lambda text: str(text).upper()),
    "lower": (1, lambda text: str(text).lower()),
    "toLower": (1, lambda text: str(text).lower()),
    "trim": (1, lambda text: str(text).strip()),
    "nospace": (1, lambda text: "".join(str(text).split())),
    "quote": (1, lambda text: json.dumps(str(text), ensure_ascii=False)),
    "squote": (1, lambda text: f"'{text}'"),
    "len": (1, lambda text: len(str(text).encode("utf-8", "surrogatepass"))),
    "default": (2, lambda fallback, text: text if str(text) else fallback),
    "trimPrefix": (2, lambda prefix, text: str(text).removeprefix(str(prefix))),
    "trimSuffix": (2, lambda suffix, text: str(text).removesuffix(str(suffix))),
    "hasPrefix": (2, lambda prefix, text: str(text).startswith(str(prefix))),
    "hasSuffix": (2, lambda suffix, text: str(text).endswith(str(suffix))),
    "contains": (2, lambda part, text: str(part) in str(text)),
    "repeat": (2, _repeated),
    "replace": (3, lambda old, new, text: str(text).replace(str(old), str(new))),
}
"""Of sprout's functions those for text; the piped value is the last parameter."""


def evaluated(template: str) -> object:
    """Evaluate what stands between the braces; raises ConditionError with Go's wording."""
    piped: list[object] = []
    commands = _commands(template)
    if not all(commands):
        raise _failed("missing value for command")
    for command in commands:
        piped = [_run(command, piped)]
    return piped[0]


def _commands(template: str) -> list[list[tuple[str, str]]]:
    commands: list[list[tuple[str, str]]] = [[]]
    position = 0
    while position < len(template):
        found = TOKEN.match(template, position)
        if found is None:
            raise _bad_character(template[position])
        position = found.end()
        if found.lastgroup == "pipe":
            commands.append([])
        elif found.lastgroup is not None:
            commands[-1].append((found.lastgroup, found.group()))
            if GAPS.match(template, position) is None:
                raise _bad_character(template[position])
    return commands


def _run(command: Sequence[tuple[str, str]], piped: list[object]) -> object:
    (kind, text), *rest = command
    params = [_operand(*token) for token in rest] + piped
    if kind != "word" or text in CONSTANTS:
        if params:
            raise _failed(f"can't give argument to non-function {text}")
        return _operand(kind, text)
    count, function = _function(text)
    if len(params) != count:
        raise _failed(f"wrong number of args for {text}: want {count} got {len(params)}")
    return function(*params)


def _function(name: str) -> tuple[int, Callable[..., object]]:
    if name not in FUNCTIONS:
        raise _failed(f'function "{name}" not defined')
    return FUNCTIONS[name]


def _operand(kind: str, text: str) -> object:
    if kind == "string":
        return _unquoted(text)
    if kind == "raw":
        return text[1:-1]
    if kind == "number":
        return float(text) if "." in text else int(text[:20])
    if kind == "field":
        return NoValue()
    if text in CONSTANTS:
        return CONSTANTS[text]
    count, _ = _function(text)  # every function takes something
    raise _failed(f"wrong number of args for {text}: want {count} got 0")


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError as error:
        raise _failed("invalid syntax in a string") from error


def _bad_character(character: str) -> ConditionError:
    return _failed(f"bad character U+{ord(character):04X} '{character}'")


def _failed(what: str) -> ConditionError:
    return crash(f"template: expression:1: {what}")
