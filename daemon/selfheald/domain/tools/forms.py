"""The forms in which arguments that are no ids may leave. They are Semaphore's own, or narrower."""

import re
from collections.abc import Callable, Mapping

TEXT_LIMIT = 256
"""Characters of a text that is searched for."""

PATH_LIMIT = 512
"""Characters of an artifact's path."""

DOCS_LIMIT = 30
"""Pages of the documentation that one search may bring."""

CURSOR_DIGITS = 9
"""Digits of a number in a cursor: a log has fewer events, a report fewer characters."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_LOG_CURSOR = re.compile(rf"([0-9]{{0,{CURSOR_DIGITS}}})(?::([0-9]{{1,{CURSOR_DIGITS}}}))?")
_NUMBER = re.compile(rf"[0-9]{{1,{CURSOR_DIGITS}}}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class WrongFormError(ValueError):
    """An argument is not in good form; the message says what is."""


def formed(name: str, value: object) -> str | int | None:
    """Give an argument as it may leave; ``None`` when it is empty. Raises :class:`WrongFormError`."""
    if value is None:
        return None
    if name == "limit":
        return _limit(value)
    if not isinstance(value, str):
        raise WrongFormError(f"{name} must be a string")
    if not (text := value.strip()):
        return None
    return _FORMS[name](text)


def uuids_in(text: str) -> list[str]:
    """Give the UUIDs in a text, as they stand there."""
    return _UUID.findall(text)


def log_cursor(value: object) -> tuple[str, int | None]:
    """Read the cursor of a log: Semaphore's own, and before which part of that page. Raises WrongFormError."""
    match = _LOG_CURSOR.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        if value is None:
            return "", None
        raise WrongFormError('cursor must be the "nextCursor" of an earlier answer, or a line number, as a string')
    return match[1], None if match[2] is None else int(match[2])


def offset(value: object) -> int:
    """Read the cursor of a content: a number of characters. Raises :class:`WrongFormError`."""
    if value is None or value == "":
        return 0
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise WrongFormError('cursor must be the "nextCursor" of an earlier answer')
    return int(value)


def _limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= DOCS_LIMIT:
        raise WrongFormError(f"limit must be a number from 1 to {DOCS_LIMIT}")
    return int(value)


def _mode(text: str) -> str:
    if text.lower() not in {"summary", "detailed"}:
        raise WrongFormError("mode must be one of [summary detailed]")
    return text.lower()


def _branch(text: str) -> str:
    if not _BRANCH.fullmatch(text) or any(part in text for part in ("..", "//", "@{")):
        raise WrongFormError("branch must be the name of a branch, without wildcards")
    return text


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise WrongFormError("version must be one of Semaphore's, e.g. v1.5")
    return text


def _searched(text: str) -> str:
    if len(text) > TEXT_LIMIT or _CONTROL.search(text) or any(sign in text for sign in "\"'\\`"):
        raise WrongFormError(f"this must be a plain text of at most {TEXT_LIMIT} characters, without quotes")
    return text


def _path(text: str) -> str:
    """Raise for what would name another place, in whatever writing."""
    trimmed = text.removesuffix("/")
    parts = trimmed.split("/")
    if (
        len(text) > PATH_LIMIT
        or _CONTROL.search(text)
        or any(sign in text for sign in "\\%?#")
        or any(part in {"", ".", ".."} for part in parts)
    ):
        raise WrongFormError(f"path must be a relative path of at most {PATH_LIMIT} characters, without . .. \\ % ? #")
    return trimmed


_FORMS: Mapping[str, Callable[[str], str]] = {
    "branch": _branch,
    "mode": _mode,
    "path": _path,
    "query": _searched,
    "repository_url": _searched,
    "version": _version,
}
