"""For the tests of the redaction."""

import pytest

from selfheald.redaction.redactor import Redactor

KNOWN = ("known-canary/1+x?y=z&ü", "second_canary_0123456789")


@pytest.fixture(scope="session")
def redact() -> Redactor:
    """A redaction that knows two secrets, with the library's rules."""
    redactor = Redactor(lambda: KNOWN)
    redactor.load()
    return redactor
