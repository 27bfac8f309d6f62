"""Finds what is assigned to a name that says secret, if it looks like one: ``API_KEY=…``, ``"token": "…"``.

Words are looked for first, by plain searches, and patterns are only matched where one stands: so a text without them
costs next to nothing, and no text takes more than time in proportion to its length.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from selfheald.domain.redaction import SecretSpan
from selfheald.redaction.looks import is_mixed, is_placeholder, is_random

LONGEST = 512
"""Characters of a value that are looked at; all of a longer one is taken out."""

NAME = 40
"""Characters before a word that may belong to its name."""

MOST_IN_A_RUN = 16
"""Times that one word is looked at within characters that nothing parts: ``pwd:pwd:pwd:…`` is no text of anybody's, and
each of them has the next ones as its value."""

_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "key", "auth", "credential")

_BARE = r"""[^\s"'`\\,;<>(){}\[\]|&]"""
_PART = _BARE.replace("&", "&=")
_VALUE = rf"""(?:\\?["'`])?(?P<scheme>(?:bearer|basic|token)[ ]{{1,4}})?(?P<value>{_PART}{{8,{LONGEST}}}={{0,2}})"""
_REST = re.compile(_BARE + "*")

_ASSIGNED = re.compile(
    r"(?P<word>passw(?:or)?d|passphrase|pwd|secret|token|key|auth(?:orization|entication)?|credentials?)"
    r"(?:[_-]?(?:\d{1,2}|base))?(?P<close>(?:\\?[\"'`])?\]?\s{0,4}(?::=|=>|==?|:)[ \t]{0,40}|[ \t]{1,4})" + _VALUE,
    re.IGNORECASE,
)
"""A name's last word, what stands between it and its value (for shells, YAML, JSON, source code), and the value."""

_FLAG = re.compile(r"(?:^|[\s\"'])--?[\w-]*\Z")
"""What stands before the last word of a flag's name, whose value comes after a space."""

_IN_ADDRESS = re.compile(r"://[^\s/@?#]*\Z")
"""Before the user's name in an address, which may be ``x-access-token``: addresses are looked at by themselves."""

_KEYS = re.compile(
    r"(?:access|account|admin|api|app|auth|client|deploy|encryption|ingest|license|master|private|secret|service|shared"
    r"|signing|storage|write)[_-]?\Z",
    re.IGNORECASE,
)
"""Before ``key``: a ``key`` alone is that of a cache, a map or a primary one."""

_TOKENS = re.compile(r"(?:access|api|auth|bearer|bot|deploy|id|personal|private|refresh|service)[_-]?\Z", re.IGNORECASE)
"""Before ``token``: one of these is surely a secret, whatever it looks like."""


def assignments(text: str) -> Iterator[SecretSpan]:
    """Find the values of names that say secret, and what is secret by its place: addresses, headers, arguments."""
    lower = text.replace("\u0130", "I").lower()  # the one letter that becomes two
    for word in _WORDS:
        yield from _at(lower, word, partial(_assigned, text))
    for word, pattern in _PLACES.items():
        yield from _at(lower, word, partial(_placed, text, pattern))
    yield from _in_addresses(text)
    yield from _in_cookies(text, lower)


def _at(lower: str, word: str, look: Callable[[int], SecretSpan | None]) -> Iterator[SecretSpan]:
    """Look wherever the word stands, but not within what was found, and not for ever within one run of characters."""
    at, over, run, looked = lower.find(word), 0, 0, 0
    while at >= 0:
        if at >= run:
            bare = _REST.match(lower, at)
            run, looked = (bare.end() if bare else at), 0
        looked += 1
        span = look(at) if at >= over and looked <= MOST_IN_A_RUN else None
        if span:
            yield span
            over = span.end
        at = lower.find(word, at + len(word))


def _assigned(text: str, at: int) -> SecretSpan | None:
    found = _ASSIGNED.match(text, at)
    if found is None:
        return None
    before = text[max(0, at - NAME) : at]
    if _IN_ADDRESS.search(before) or (found["close"].isspace() and not _FLAG.search(before)):
        return None
    sure = _is_sure(found["word"], before)
    logs_in = found["scheme"] and found["word"].lower() == "authorization" and not is_placeholder(found["value"])
    if sure is None or not (logs_in or _is_secret(found["value"], sure=sure)):
        return None
    rest = _REST.match(text, found.end())
    return SecretSpan(start=found.start("value"), end=rest.end() if rest else found.end(), rule="assignment")


def _is_sure(word: str, before: str) -> bool | None:
    """Whether the name leaves no doubt; ``None``: it says nothing of a secret."""
    match word.lower():
        case "key":
            return True if _KEYS.search(before) else None
        case "token" | "auth" | "credential" | "credentials":
            return word.isupper() or _TOKENS.search(before) is not None
        case _:
            return True


def _is_secret(value: str, *, sure: bool) -> bool:
    value = value.rstrip(".:!?")
    return is_mixed(value) if sure else is_random(value)


_PLACES = {
    "bearer ": re.compile(rf"bearer {{1,4}}(?P<value>{_BARE}{{16,}})", re.IGNORECASE),
    "basic ": re.compile(rf"basic {{1,4}}(?P<value>{_BARE}{{16,}})", re.IGNORECASE),
    "sig": re.compile(r"(?<=[?&-])sig(?:nature)?=(?P<value>[^&\s\"'<>]{16,2000})", re.IGNORECASE),
    "-u": re.compile(r"-u(?:ser)?[ =]{1,4}[\"']?[^\s:\"']{1,64}:(?P<value>[^\s\"']{8,200})"),
    "login ": re.compile(r"login {1,4}\S{1,100}\s{1,4}password {1,4}(?P<value>\S{8,200})", re.IGNORECASE),
    "sem connect ": re.compile(r"sem connect {1,4}\S{1,200} {1,4}(?P<value>\S{16,200})"),
}
"""Words after which a secret stands in a place of its own."""

_USER_AND_PASSWORD = re.compile(r"""://(?P<user>[^/\s:@"'`<>]{0,200})(?::(?P<password>[^/\s@"'`<>]{1,500}))?@""")
_COOKIES = re.compile(r"""cookie["']?\s{0,4}[:=](?P<value>[^\r\n]{8,4000})""", re.IGNORECASE)
_COOKIE = re.compile(r"=(?P<value>[^;,\s\"']{8,4000})")


def _placed(text: str, pattern: re.Pattern[str], at: int) -> SecretSpan | None:
    found = pattern.match(text, at)
    if found and is_mixed(found["value"]):
        return SecretSpan(start=found.start("value"), end=found.end("value"), rule="credential")
    return None


def _in_addresses(text: str) -> Iterator[SecretSpan]:
    for found in _USER_AND_PASSWORD.finditer(text):
        user, password = found["user"], found["password"] or ""
        if password and password != user and not is_placeholder(password):
            yield SecretSpan(start=found.start("password"), end=found.end("password"), rule="address")
        if is_mixed(user):
            yield SecretSpan(start=found.start("user"), end=found.end("user"), rule="address")


def _in_cookies(text: str, lower: str) -> Iterator[SecretSpan]:
    at = lower.find("cookie")
    while at >= 0:
        header = _COOKIES.match(text, at)
        for found in _COOKIE.finditer(text, header.start("value"), header.end("value")) if header else ():
            if is_random(found["value"]):
                yield SecretSpan(start=found.start("value"), end=found.end("value"), rule="cookie")
        at = lower.find("cookie", header.end() if header else at + len("cookie"))
