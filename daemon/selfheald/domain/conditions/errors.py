"""What is wrong with a condition, in Semaphore's words."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """Which step of reading or evaluating a condition ended it."""

    LEXICAL = "lexical"
    """The text holds characters that start no token."""
    SYNTAX = "syntax"
    """The tokens form no expression."""
    MISSING_INPUT = "missing_input"
    """A keyword is used and the host gave no value for it."""
    FUNCTION = "function"
    """A function is unknown, was called with a wrong number of parameters, or could not answer."""
    EXCEPTION = "exception"
    """Semaphore's own evaluator would have crashed: a bad regular expression, a value that is no text or no boolean."""


class ConditionError(ValueError):
    """A condition cannot be read or evaluated; the text is Semaphore's wording where Semaphore has one."""

    def __init__(self, message: str, *, kind: ErrorKind) -> None:
        super().__init__(message)
        self.kind = kind
