"""What is taken out of texts: the secrets of the configuration and of the daemon's environment."""

import os
import re
from collections.abc import Iterator, Mapping

from selfheald.redaction.looks import is_mixed
from selfheald.redaction.redactor import Redactor
from selfheald.settings.values import Configuration

_TELLING = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET|SIGNING)_?KEY|DSN)(_|$)",
    re.IGNORECASE,
)


def redactor_of(configuration: Configuration, environ: Mapping[str, str] = os.environ) -> Redactor:
    """Make what takes secrets out of texts; it knows every value that the configuration's secrets have had so far."""
    others = tuple(_secrets_of(environ))
    return Redactor(lambda: (*configuration.secret_values(), *others))


def _secrets_of(environ: Mapping[str, str]) -> Iterator[str]:
    """What else the daemon's environment holds: no agent sees it, but who knows what prints it."""
    for name, value in environ.items():
        if _TELLING.search(name) and is_mixed(value):
            yield value
