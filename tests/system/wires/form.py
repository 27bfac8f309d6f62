"""What each wire form can do."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from starlette.requests import Request
from tests.system.wires.script import Answer, Fail, Reject

Body = Mapping[str, Any]


class Form(Protocol):
    """A provider's API as an agent sees it. Stateless."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Where an answer is asked for."""

    def key(self, request: Request) -> str:
        """What was shown as the key; empty: nothing."""

    def streams(self, request: Request, body: Body) -> bool:
        """Whether the answer is wanted as a stream."""

    def model(self, request: Request, body: Body) -> str:
        """The model that is asked."""

    def results(self, body: Body) -> int:
        """How many results of tools the request brings."""

    def offered(self, body: Body) -> Collection[str]:
        """The names of the tools that the agent offers."""

    def first(self, answer: Answer) -> Iterator[bytes]:
        """How every stream begins."""

    def rest(self, answer: Answer, body: Body) -> Iterator[bytes]:
        """How a stream goes on to its end."""

    def broken(self, answer: Answer, step: Reject) -> Iterator[bytes]:
        """How a stream ends with an error."""

    def whole(self, answer: Answer) -> Body:
        """The answer in one piece."""

    def error(self, fail: Fail) -> Body:
        """The body of an HTTP error."""


def bearer(request: Request) -> str:
    """The key of an ``Authorization`` header."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""
