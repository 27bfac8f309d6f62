"""How the simulated GitHub can fail, and the exact shapes in which GitHub says no.

The shapes are those of GitHub's REST API documentation ("Troubleshooting the REST API", "Rate limits") and of its
answers as they are quoted in public bug reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"


class GitHubSaysNoError(Exception):
    """A request ends with an error answer."""

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message}
        if errors:
            self.body["errors"] = list(errors)
        self.body |= {"documentation_url": DOCUMENTATION, "status": str(status)}


def not_found(message: str = "Not Found") -> GitHubSaysNoError:
    """The thing does not exist, or the token may not see it."""
    return GitHubSaysNoError(404, message)


def invalid_pull_request(**error: str) -> GitHubSaysNoError:
    """A pull request that cannot be: ``field`` and ``code``, or a custom ``message``."""
    error.setdefault("code", "custom")
    return GitHubSaysNoError(422, "Validation Failed", [{"resource": "PullRequest", **error}])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One request's bad luck."""

    status: int = 0
    """The status to answer with; 0 answers as usual."""
    body: Mapping[str, Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    """How long the request waits first."""
    cut: bool = False
    """The connection is reset instead of an answer."""
    done: bool = False
    """Whether the request has its effect nevertheless: with ``cut``, only the answer is lost."""


def server_error(status: int = 500) -> Fault:
    """A 5xx; behind GitHub's balancer its body is a page of HTML."""
    return Fault(status=status, body="<html><body>Unicorn!</body></html>", headers={"content-type": "text/html"})


def rate_limited(*, seconds: int = 1800) -> Fault:
    """The primary rate limit is used up for ``seconds``."""
    reset = int(datetime.now(UTC).timestamp()) + seconds
    return Fault(
        status=403,
        body={"message": "API rate limit exceeded for user ID 1.", "documentation_url": DOCUMENTATION},
        headers={"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)},
    )


def slowed_down(*, seconds: int | None = 60) -> Fault:
    """A secondary rate limit; ``seconds`` is the Retry-After, which GitHub does not always send."""
    return Fault(
        status=403,
        body={
            "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            "documentation_url": DOCUMENTATION,
        },
        headers={} if seconds is None else {"retry-after": str(seconds)},
    )


def forbidden() -> Fault:
    """The token lacks a permission."""
    return Fault(
        status=403,
        body={"message": "Resource not accessible by personal access token", "documentation_url": DOCUMENTATION},
    )


def refused(message: str = "Draft pull requests are not supported in this repository.") -> Fault:
    """A validation rule of the repository says no."""
    return Fault(status=422, body={"message": message, "documentation_url": DOCUMENTATION, "status": "422"})


def slow(seconds: float) -> Fault:
    """The answer comes late."""
    return Fault(delay_seconds=seconds)


def dropped() -> Fault:
    """The connection is reset before anything happens."""
    return Fault(cut=True)


def lost_answer() -> Fault:
    """The request has its effect, and the connection is reset before the answer."""
    return Fault(cut=True, done=True)
