"""pydantic's errors in our words: what is wrong, and what is allowed."""

from collections.abc import Mapping
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from selfheald.settings.fields import Kind
from selfheald.settings.mistakes import KeyPath
from selfheald.settings.shape import keys_at, kind_at

_SECRET_KEYS = {
    "token": "a secret never stands here; name it by `token_env` or `token_file`",
    "api_key": "a secret never stands here; name it by `api_key_env` or `api_key_file`",
    "private_key": "a secret never stands here; name its file by `private_key_file`",
}

_EXPECTED = {
    "string_unicode": "text without half characters is expected",
    "int_type": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "float_type": "a number is expected",
    "finite_number": "a finite number is expected",
    "bool_type": "true or false is expected",
    "list_type": "a list is expected, such as [a, b]",
    "dict_type": "names with their keys are expected",
    "model_type": "keys are expected, such as {key: value}",
    "model_attributes_type": "keys are expected, such as {key: value}",
}

_BOUNDS = {
    "greater_than_equal": "at least {ge} is allowed",
    "greater_than": "more than {gt} is allowed",
    "less_than_equal": "at most {le} is allowed",
    "too_short": "at least {min_length} is needed",
}

_LONGEST = 40  # Characters of a wrong value that a message shows.


def explain(error: ErrorDetails, path: KeyPath) -> str:
    """Say what is wrong with the key at ``path``, and what is allowed."""
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return _unknown(path)
        case "missing":
            return "it is missing"
        case "value_error":
            return str(context["error"])
        case "enum" | "literal_error":
            return f"{_found(error['input'])}; allowed are {context['expected']}"
        case "string_type":
            return _no_text(error["input"], path)
        case kind if kind in _EXPECTED:
            return f"{_EXPECTED[kind]}, {_found(error['input'])}"
        case kind if kind in _BOUNDS:
            return f"{_BOUNDS[kind].format(**_whole(context))}, {_found(error['input'])}"
    return error["msg"]


def _whole(context: Mapping[str, object]) -> dict[str, object]:
    """Bounds of numbers as people write them: 0, not 0.0."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in context.items()
    }


def _unknown(path: KeyPath) -> str:
    key, allowed = str(path[-1]), keys_at(path[:-1])
    if key in _SECRET_KEYS:
        return _SECRET_KEYS[key]
    close = get_close_matches(key, allowed, n=1)
    meant = f"did you mean `{close[0]}`? " if close else ""
    return f"unknown key; {meant}allowed are {', '.join(allowed)}"


def _no_text(value: object, path: KeyPath) -> str:
    kind = kind_at(path) or Kind("text")
    quotes = (
        "; put it in quotes" if kind.expected == Kind("").expected and isinstance(value, bool | int | float) else ""
    )
    return f"{kind.expected}, {_found(value)}{quotes}"


def _found(value: object) -> str:
    """Name what stands there. Text is shown in part only: it may be long, and it comes from a person's slip."""
    match value:
        case None:
            return "nothing stands here"
        case bool():
            return f"`{str(value).lower()}` stands here"
        case int() | float():
            return f"the number {str(value)[:_LONGEST] if isinstance(value, float) else _digits(value)} stands here"
        case str():
            return f"`{value[:_LONGEST]}` stands here"
        case list():
            return "a list stands here" if value else "an empty list stands here"
        case dict():
            return "keys stand here" if value else "nothing stands here"
    return "something else stands here"


def _digits(value: int) -> str:
    """Write an integer; Python refuses to write very long ones."""
    return str(value) if value.bit_length() < 128 else "(a huge one)"  # noqa: PLR2004 - 128 bits are 39 digits
