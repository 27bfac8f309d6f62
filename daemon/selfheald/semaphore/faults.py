"""Semaphore's ways of saying no, translated once into the domain's errors. Pure.

The rules come from reading Semaphore's services, which disagree with each other: an error body may be a JSON string, a
JSON object with ``message`` or plain text, and none of them has to name its type. Some answers are only passing:

- 500 ``Internal error`` is how an overloaded Semaphore asks for a pause; it has no 429.
- 400 ``Pipeline with id: … not found`` on a list means that a pipeline vanished while its page was read.
- 404 in plain text comes from the authorization, which may be mistaken for a moment; in JSON it is meant.
- 403 comes from the edge when its authorization service is slow.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError, TransientError, UnauthorizedError

BODY_LIMIT = 256
"""Characters of an answer that an error message may quote: enough for Semaphore's sentences, not for a web page."""

RETRY_AFTER_LIMIT = timedelta(hours=1)
"""No header makes us wait longer: a proxy's mistake must not silence an organization for a day."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_LATER = (HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_VANISHED = "Pipeline with id"


class PassingError(TransientError):
    """A bad answer that is often a good one the second time."""


class DoubtfulNotFoundError(NotFoundError):
    """Semaphore says that it does not exist, in the way that may be a mistake."""


AGAIN = (PassingError, DoubtfulNotFoundError)
"""The errors for which a question is worth asking a second time at once."""


def fault(what: str, status: int, headers: Mapping[str, str], body: bytes) -> SelfhealdError:
    """The error that an answer other than 2xx stands for.

    ``what`` says what was attempted, with ids. ``headers`` has lower-case names or ignores case.
    """
    text, is_json = reading(body)
    message = f"{what}: Semaphore answered {status}{': ' + text if text else ''}"
    if status == HTTPStatus.UNAUTHORIZED:
        return UnauthorizedError(message)
    if status in _MISSING:
        return NotFoundError(message) if is_json else DoubtfulNotFoundError(message)
    if status == HTTPStatus.BAD_REQUEST and _VANISHED in text:
        return PassingError(message)
    if status in _LATER:
        return TransientError(message, retry_after=_retry_after(headers))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = _retry_after(headers)
        return PassingError(message) if pause is None else TransientError(message, retry_after=pause)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return RefusedError(f"{what}: Semaphore answered {status}, a redirect; is the organization's url right?")
    return RefusedError(message)


def reading(body: bytes) -> tuple[str, bool]:
    """The text of an error body, on one line and cut to :data:`BODY_LIMIT`, and whether the body was JSON."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _quotable(body[: 4 * BODY_LIMIT].decode(errors="replace")), False
    if isinstance(value, dict):
        value = value.get("message", value)
    return _quotable(value if isinstance(value, str) else json.dumps(value)), True


def _quotable(text: str) -> str:
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= BODY_LIMIT else text[: BODY_LIMIT - 1] + "…"


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """``Retry-After`` in seconds; its date form is ignored, for our clocks may differ."""
    value = headers.get("retry-after", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    return min(timedelta(seconds=int(value[:9])), RETRY_AFTER_LIMIT)
