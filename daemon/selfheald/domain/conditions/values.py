"""The values of the language: truth, equality, and how they are written.

Strings are byte strings at Semaphore: a host's text is its UTF-8 bytes, a literal's character is one byte (Latin-1), so
``branch = 'café'`` is false for the branch ``café``. Here bytes are kept as text, one character a byte.

Every walk over lists and maps is iterative: their depth is the author's choice, the stack's depth is not.
"""

from collections.abc import Mapping
from decimal import Decimal

from selfheald.domain.conditions.errors import ConditionError, ErrorKind

LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


class Text(str):
    """A literal's characters, each of which is one byte."""

    __slots__ = ()


class Name(str):
    """A key of a map literal (an atom at Semaphore: it never equals a host's key of the same spelling)."""

    __slots__ = ()


def crash(error: str) -> ConditionError:
    """Build the error for what raises an exception at Semaphore; ``error`` is its type and text."""
    return ConditionError(error, kind=ErrorKind.EXCEPTION)


def octets(text: str) -> str:
    """Write a string's bytes, one character a byte."""
    if isinstance(text, Text) or text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def is_value(value: object) -> bool:
    """Tell whether a host's answer is something the language knows (JSON's types)."""
    return value is None or isinstance(value, bool | int | float | str | list | dict)


def literal(value: object) -> object:
    """Give the value of a literal operand: ``'true'`` and ``'false'`` are booleans."""
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    return value


def truth(value: object) -> bool:
    """Convert an operand of and/or, or the final result; raises ConditionError for nil and for a host's ``"false"``."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value >= 0
    if value is None or value == "false":
        raise crash("RuntimeError: not possible")
    return isinstance(value, str) or bool(value)


def equal(left: object, right: object) -> bool:
    """Compare as Elixir's ``==``: by type, except that ``1`` equals ``1.0``."""
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            pending.extend(zip(one, other, strict=True))
        elif isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys() or _is_literal_map(one) is not _is_literal_map(other):
                return False
            pending.extend((one[key], other[key]) for key in one)
        elif not _equal_scalars(one, other):
            return False
    return True


def _is_literal_map(value: Mapping[object, object]) -> bool:
    return any(isinstance(key, Name) for key in value)


def _equal_scalars(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return octets(one) == octets(other)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return one is None and other is None


def fingerprint(value: object) -> str:
    """Write a JSON value so that equal texts mean equal JSON (``1`` as ``1.0``, keys in any order)."""
    written: list[str] = []
    pending: list[tuple[str, object]] = [("", value)]
    while pending:
        prefix, item = pending.pop()
        written.append(prefix)
        if isinstance(item, list):
            written.append(f"list{len(item)} ")
            pending.extend(("", member) for member in reversed(item))
        elif isinstance(item, dict):
            written.append(f"map{len(item)} ")
            pending.extend((f"{key}:", item[key]) for key in sorted(item, reverse=True))
        else:
            written.append(_scalar_fingerprint(item))
    return "".join(written)


def _scalar_fingerprint(item: object) -> str:
    if isinstance(item, str):
        return f"text{len(item)} {item}"
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    if isinstance(item, int) and not isinstance(item, bool):
        return f"{item:x} "  # hexadecimal, since Python refuses to write very long decimals
    return f"{item} "


def read_integer(digits: str) -> int:
    """Read an integer of any length (Python's ``int`` stops at 4300 digits)."""
    return int(Decimal(digits))


def written_number(number: float) -> str:
    """Write a number as Elixir does."""
    if isinstance(number, int):
        return str(Decimal(number))
    mantissa, exponent_mark, exponent = repr(number).partition("e")
    if not exponent_mark:
        return mantissa
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent.lstrip('+')}"


def as_pattern(value: object) -> str:
    """Interpolate a right operand of ``=~`` into text, as bytes; raises ConditionError for a map."""
    if isinstance(value, str):
        return octets(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return written_number(value)
    if isinstance(value, list):
        return _joined(value)
    if value is None:
        return ""
    raise crash("Protocol.UndefinedError: protocol String.Chars not implemented for a map")


def _joined(items: list[object]) -> str:
    """Join a list as Elixir's ``List.to_string``: code points and UTF-8 texts, nested at will."""
    written: list[str] = []
    pending = items[::-1]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        else:
            written.append(_characters(item))
    return "".join(written)


def _characters(item: object) -> str:
    if isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= LAST_CODE_POINT and item not in SURROGATES:
        return octets(chr(item))
    if not isinstance(item, str):
        raise crash("ArgumentError: cannot convert the given list to a string")
    text = octets(item)
    try:
        text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise crash("UnicodeConversionError: invalid encoding in a list") from error
    return text
