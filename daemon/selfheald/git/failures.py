"""What git says when it fails, translated once into the domain's errors.

git tells its errors apart by text only; the texts are those of git 2.39 and of GitHub, with ``LC_ALL=C``.
"""

import re
from collections.abc import Iterable

from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError, TransientError, UnauthorizedError


class CorruptMirrorError(TransientError):
    """A mirror on our own disk is damaged: it has to be made anew."""


class UnadvertisedError(NotFoundError):
    """The server gives out only the tips of its references (an old protocol)."""


# The first that matches wins: what the server decided comes before what the transport noticed.
_WORDS: tuple[tuple[type[SelfhealdError], tuple[str, ...]], ...] = (
    (UnadvertisedError, ("does not allow request for unadvertised object",)),
    (
        TransientError,
        (
            "cannot lock ref|failed to lock",
            r"unable to create '[^']*\.lock'",
            "internal server error|unpacker error",  # how GitHub's outages look to a push
        ),
    ),
    (
        RefusedError,
        ("remote rejected", "hook declined", "protected branch", r"\bGH0\d\d\b", "refusing to allow", "invalid path"),
    ),
    (
        UnauthorizedError,
        (
            "authentication failed",
            "could not read (username|password)",
            r"(returned error:|HTTP) 40[13]\b",
            r"permission to \S+ denied",
            "write access to repository not granted",
            "invalid username or",
        ),
    ),
    (
        NotFoundError,
        (
            "repository not found",
            "repository '[^']*' not found",
            r"returned error: (404|30\d)\b",  # a redirection: it was moved, and we do not follow
            "not our ref",
            "couldn't find remote ref",
        ),
    ),
    (TransientError, ("early EOF", "RPC failed", "unexpected disconnect", "hung up")),
    (
        CorruptMirrorError,
        (
            r"\bis corrupt|\bcorrupted\b|corrupt (loose|packed)",
            r"object file \S+ is empty",
            "inflate: data",
            "unable to (read|unpack|parse)",
            r"packfile \S+ (does not|cannot|is not|is truncated)",
            "bad (object|tree|index|pack|signature)",
            "invalid object|invalid sha1 pointer|not a valid object",
            "missing (blob|tree|commit)",
            "could not read [0-9a-f]{40}",
            "(failed to|cannot) read object",
            r"index file \S+ is too small",
            "not a git repository",
        ),
    ),
)
_PATTERNS = tuple((error, re.compile("|".join(words), re.IGNORECASE)) for error, words in _WORDS)

_CAUSE = re.compile("No space left on device|Disk quota exceeded|Read-only file system|Too many open files")
"""What the system says of our own disk: it stands in git's first line, and consequences may follow by the hundred."""

_USERINFO = re.compile(r"(\w+://)[^\s/@]*@")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_LONGEST = 500
"""Characters of git's own words in a message: enough for its last lines."""


def cleaned(text: str, secrets: Iterable[str]) -> str:
    """Git's words for a message: one line, bounded, without secrets and without anything that logs in."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    text = _UNPRINTABLE.sub(" ", _USERINFO.sub(r"\1", text)).strip()
    return text if len(text) <= _LONGEST else f"…{text[-_LONGEST:]}"


def failure(doing: str, code: int, stderr: str, secrets: Iterable[str] = ()) -> SelfhealdError:
    """The domain's error for a git command that ended with ``code``. Pure."""
    ours = "\n".join(line for line in stderr.splitlines() if not line.startswith("remote:"))
    kind = next((error for error, pattern in _PATTERNS if pattern.search(_told(error, stderr, ours))), TransientError)
    told = cleaned(stderr, secrets)
    cause = _CAUSE.search(ours)
    why = f"{cause.group()}: " if cause and cause.group() not in told else ""
    return kind(f"{doing}: git ended with {code}: {why}{told}")


def _told(error: type[SelfhealdError], stderr: str, ours: str) -> str:
    """Where to look for an error's words: a server has no say in whether our own disk is damaged."""
    return ours if error is CorruptMirrorError else stderr
