"""Functions that a host lends to conditions, such as ``change_in``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfheald.domain.conditions.errors import ConditionError, ErrorKind
from selfheald.domain.conditions.syntax import Call
from selfheald.domain.conditions.values import is_value


class FunctionError(ValueError):
    """A host's function cannot answer; its text becomes part of the condition's error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that conditions may call by name."""

    arities: Sequence[int]
    """The allowed numbers of parameters."""
    answer: Callable[[Sequence[object], Mapping[str, object]], object]
    """Takes the parameters (JSON's types) and all inputs; gives a JSON value, or raises FunctionError."""


def answered(call: Call, functions: Mapping[str, Function], inputs: Mapping[str, object], *, dry_run: bool) -> object:
    """Look a function up and call it now; a dry run checks only and answers false. Raises ConditionError."""
    function = functions.get(call.name)
    if function is None:
        raise _refused(f"Function with name '{call.name}' is not found.")
    if len(call.params) not in function.arities:
        raise _refused(
            f"Function '{call.name}' accepts {_listed(function.arities)} parameter(s)"
            f" and was provided with {len(call.params)}."
        )
    if dry_run:
        return False
    try:
        value = function.answer(call.params, inputs)
    except FunctionError as error:
        raise _refused(f"Function '{call.name}' returned error: {error}") from error
    if not is_value(value):
        raise _refused(f"Function '{call.name}' returned unsupported value: {value}")
    return value


def _refused(message: str) -> ConditionError:
    return ConditionError(message, kind=ErrorKind.FUNCTION)


def _listed(arities: Sequence[int]) -> str:
    *first, last = map(str, arities or ("no",))
    return f"{', '.join(first)} or {last}" if first else last
