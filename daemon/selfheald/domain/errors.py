"""What can go wrong, by what to do about it.

::

    SelfhealdError
    ├── ConfigError        the configuration is wrong: the start is refused
    ├── TransientError     try again later (``retry_after`` when the other side named a time)
    │   └── UnauthorizedError   a token is refused: retried slowly, since a new one may be put in place
    └── PermanentError     trying again changes nothing
        ├── NotFoundError       the thing does not exist, or we may not see it
        └── RefusedError        the other side understood and said no (a protected branch, a validation rule)

Adapters translate their library's errors into these once, at the edge; nothing above an adapter knows httpx, github,
sqlite3 or subprocess errors. A message says what was attempted and with which ids, and never holds a secret.
"""

from datetime import timedelta


class SelfhealdError(Exception):
    """Something went wrong in selfheald."""

    @property
    def message(self) -> str:
        """The text for people: what was attempted, with which ids."""
        return str(self) or (self.__doc__ or "").strip().splitlines()[0]


class ConfigError(SelfhealdError):
    """The configuration is wrong."""


class TransientError(SelfhealdError):
    """It may work later."""

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnauthorizedError(TransientError):
    """A token is missing, wrong or without the needed permission."""


class PermanentError(SelfhealdError):
    """Trying again changes nothing."""


class NotFoundError(PermanentError):
    """It does not exist, or the token may not see it."""


class RefusedError(PermanentError):
    """The other side understood the request and refused it."""
