"""PyGithub's and requests' errors in the domain's words."""

import json
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import requests

import github
from selfheald.domain.errors import (
    NotFoundError,
    RefusedError,
    SelfhealdError,
    TransientError,
    UnauthorizedError,
)

MESSAGE_LIMIT = 300
"""Characters of GitHub's own words in an error: enough for its longest known message."""

UNNAMED_WAIT = timedelta(seconds=60)
"""GitHub's documentation: wait at least a minute after a secondary rate limit that names no time."""

LIBRARY_ERRORS = (
    github.GithubException,
    github.BadAttributeException,
    requests.RequestException,
    json.JSONDecodeError,
)
"""What PyGithub lets out of a call; the second and the last when an answer is not GitHub's, or was cut off."""


def translated(error: Exception, doing: str, *, now: float) -> SelfhealdError:
    """Say in the domain's words what went wrong while ``doing``. ``now`` is in seconds since the epoch."""
    if isinstance(error, github.GithubException):
        return _by_status(error, doing, now)
    # Its text may quote addresses and headers; its name says enough.
    return TransientError(f"{doing}: {type(error).__name__}")


def status_of(error: Exception) -> str:
    """The HTTP status of a library's error as a metric label."""
    if isinstance(error, github.GithubException):
        return str(error.status)
    return "timeout" if isinstance(error, requests.Timeout) else "error"


def said(error: github.GithubException) -> str:
    """What GitHub said, as one bounded line: its message, then what it has against the fields."""
    data: Any = error.data if isinstance(error.data, Mapping) else {}
    parts = [str(data.get("message") or "")]
    errors = data.get("errors")
    for item in errors if isinstance(errors, list) else []:
        if isinstance(item, Mapping):
            parts.append(str(item.get("message") or f"{item.get('field')} {item.get('code')}"))
        else:
            parts.append(str(item))
    return _one_line(": ".join(part for part in parts if part))[:MESSAGE_LIMIT]


def _by_status(error: github.GithubException, doing: str, now: float) -> SelfhealdError:
    headers = error.headers or {}
    text = f"{doing}: {error.status} {said(error)}".rstrip()
    wait = _wait(headers, now)
    limited = wait is not None or isinstance(error, github.RateLimitExceededException)
    match error.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return TransientError(text, retry_after=wait or UNNAMED_WAIT)
        case HTTPStatus.FORBIDDEN if limited:
            return TransientError(text, retry_after=wait or UNNAMED_WAIT)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return UnauthorizedError(text)
        case HTTPStatus.NOT_FOUND:
            return NotFoundError(text)
        case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return RefusedError(text)
        case _:
            return TransientError(text, retry_after=wait)


def _wait(headers: Mapping[str, str], now: float) -> timedelta | None:
    """The time that GitHub names: Retry-After, or the reset of a limit that is used up."""
    after = headers.get("retry-after", "")
    if after.isdecimal():
        return timedelta(seconds=int(after))
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        # One second more: the reset is somewhere within its second.
        return timedelta(seconds=max(1.0, int(reset) - now + 1))
    return None


def _one_line(text: str) -> str:
    return " ".join("".join(" " if unicodedata.category(char)[0] == "C" else char for char in text).split())
