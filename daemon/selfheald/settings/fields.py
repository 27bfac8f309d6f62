"""The kinds of text that a key may hold. Each is checked when it is read, and parsed again when it is used."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from selfheald.domain import globs
from selfheald.domain.changes import check_when
from selfheald.domain.durations import parse_duration, parse_rate
from selfheald.domain.limits import parse_size

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_PARAMETER = re.compile(r"[$%]\{\{[^(})]+\}\}")
"""What Semaphore replaces in a pipeline file before it reads the conditions."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PORTS = 65_536


@dataclass(frozen=True, slots=True)
class Kind:
    """What people call this kind of value."""

    word: str
    """In the reference."""
    expected: str = "text is expected"
    """When something else than text stands there."""


def _checked(check: Callable[[str], object]) -> AfterValidator:
    """Make a validator of a function that raises ``ValueError`` or says what is wrong."""

    def validate(text: str) -> str:
        check(text)
        return text

    return AfterValidator(validate)


def _time(text: str) -> None:
    if not parse_duration(text):
        raise ValueError(f"`{text}` is no time at all; allowed are 30s, 5m, 2h, 7d")


def _line(text: str) -> None:
    if not text.strip() or not text.isprintable():
        raise ValueError("a line of text is expected, not empty")


def _argument(text: str) -> None:
    if "\0" in text:
        raise ValueError("an argument of a program cannot hold a NUL character")


def _name(text: str) -> None:
    if not _PLAIN_NAME.fullmatch(text):
        raise ValueError("a name is made of letters, digits, `.`, `_` and `-`, and starts with a letter or digit")


def _environment_name(text: str) -> None:
    if not _ENVIRONMENT_NAME.fullmatch(text):
        # The text is not shown: it may be the secret itself.
        raise ValueError("the name of an environment variable is expected, not its value: letters, digits and `_`")


def _slug(text: str) -> None:
    if not _SLUG.fullmatch(text) or text.endswith(".git"):
        raise ValueError(f"`{text[:80]}` is no repository; write it as owner/name")


def _when(text: str) -> None:
    if found := _PARAMETER.search(text):
        raise ValueError(f"`{found.group()[:80]}` is not filled in here: write the value itself")
    check_when(text)


def _as_text(value: object) -> object:
    """`true` without quotes is text in a promotion's condition."""
    return str(value).lower() if isinstance(value, bool) else value


def _glob(text: str) -> None:
    problem = globs.check(text)
    if problem:
        raise ValueError(problem)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(text: str) -> None:
    """Refuse what could carry a secret or lose one. The text is not shown: it may hold a password."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("an address without spaces is expected, such as https://acme.semaphoreci.com")
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.port == 0:
        raise ValueError("an address is expected, such as https://acme.semaphoreci.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an address holds no user, password, `?` or `#`; a secret goes into the environment or a file")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("a secret would travel in the clear; https:// is required (http:// only to this machine)")


def split_address(text: str) -> tuple[str, int]:
    """Read ``host:port``; an IPv6 host stands in brackets. Raises ``ValueError``."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") and host.endswith("]") else host
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) >= _PORTS or not _is_host(bare, host):
        raise ValueError(f"`{text[:80]}` is no host:port, such as 127.0.0.1:9464 or [::1]:9464")
    return bare, int(port)


def _is_host(bare: str, written: str) -> bool:
    if bare != written:
        try:
            return ipaddress.ip_address(bare).version == 6  # noqa: PLR2004 - IPv6 is what brackets are for
        except ValueError:
            return False
    return _HOST.fullmatch(bare) is not None


def _egress(text: str) -> None:
    try:
        named = split_address(text)[1] > 0
    except ValueError:
        named = False
    if not named:
        raise ValueError(
            f"`{text[:80]}` is no host:port, such as registry.example.com:443 or 10.0.0.7:4873;"
            " no `https://`, path or `*` is allowed"
        )


def _absolute(text: str) -> None:
    _line(text)
    if not text.startswith("/") or ".." in text.split("/"):
        raise ValueError(f"`{text[:80]}` is no absolute path")


def _title(text: str) -> None:
    _line(text)
    unknown = [name for name in _PLACEHOLDER.findall(text) if name != "summary"]
    if unknown:
        raise ValueError(f"`{{{unknown[0]}}}` means nothing here; allowed is `{{summary}}`")


def _branch_or_word(text: str) -> None:
    if not text or not text.isprintable() or " " in text or text.startswith("-"):
        raise ValueError("allowed are `source`, `default`, or a branch's name")


def _author(text: str) -> None:
    _line(text)
    if "<" in text or ">" in text:
        raise ValueError("a name without `<` and `>` is expected")


def _email(text: str) -> None:
    _author(text)
    if "@" not in text or " " in text:
        raise ValueError(f"`{text[:80]}` is no email address")


Line = Annotated[str, Kind("text"), _checked(_line)]
Argument = Annotated[str, Kind("text"), _checked(_argument)]
"""Any text that a program can be given: a script has many lines, and may be empty."""
Name = Annotated[str, Kind("name"), _checked(_name)]
EnvironmentName = Annotated[str, Kind("variable"), _checked(_environment_name)]
FilePath = Annotated[str, Kind("path"), _checked(_line)]
AbsolutePath = Annotated[str, Kind("absolute path"), _checked(_absolute)]
Duration = Annotated[str, Kind("duration", "a duration is expected, such as 30s, 5m, 2h or 7d"), _checked(_time)]
Pause = Annotated[str, Kind("duration", "a duration is expected, such as 0s, 30s or 2h"), _checked(parse_duration)]
Size = Annotated[str, Kind("size", "a size is expected, such as 512m, 4g or 1t"), _checked(parse_size)]
RateText = Annotated[str, Kind("rate", "a rate is expected, such as 3 per 24h"), _checked(parse_rate)]
Glob = Annotated[str, Kind("glob"), _checked(_glob)]
Url = Annotated[str, Kind("address"), _checked(_url)]
Slug = Annotated[str, Kind("owner/name"), _checked(_slug)]
ConditionText = Annotated[
    str, Kind("condition"), BeforeValidator(_as_text, json_schema_input_type=str | bool), _checked(_when)
]
Listen = Annotated[str, Kind("host:port"), _checked(split_address)]
Egress = Annotated[str, Kind("host:port"), _checked(_egress)]
Title = Annotated[str, Kind("text"), _checked(_title)]
BaseBranch = Annotated[str, Kind("branch"), _checked(_branch_or_word)]
Author = Annotated[str, Kind("text"), _checked(_author)]
Email = Annotated[str, Kind("email"), _checked(_email)]
