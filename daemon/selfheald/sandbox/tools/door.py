"""What stands before the gateway's protocol: who asks, how, and how much."""

import asyncio
import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names of the machine itself: a page in a browser that has another name point here is turned away."""


REQUESTS = 5_000
"""Of one attempt, whatever they ask: each takes some milliseconds of the daemon's time."""

AT_ONCE = 8
"""Requests that are answered at the same time; others wait."""


class Door:
    """Lets the requests of one attempt in: with its token, by POST, so many."""

    def __init__(self, app: ASGIApp, *, token: str, most: int = REQUESTS) -> None:
        self._app = app
        self._token = token.encode()
        self._left = most
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer = self._turned_away(scope)
        async with self._slots:
            await (answer or self._app)(scope, receive, send)

    def _turned_away(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if _host(headers.getlist("host")) not in HOSTS:
            return _no("this host is not served here", 421)
        if not self._is_known(headers.getlist("authorization")):
            return _no("unauthorized: the token of this attempt is required", 401)
        self._left -= 1
        if self._left < 0:
            return _no("this attempt's requests are used up", 429)
        match scope["method"]:
            case "POST":
                return None
            case "DELETE":
                return Response(status_code=200)  # there is no session to be ended
            case _:
                return Response(status_code=405, headers={"allow": "POST, DELETE"})

    def _is_known(self, shown: Iterable[str]) -> bool:
        """Whether this is the attempt's token, in a time that does not depend on where it is wrong."""
        tokens = [value.partition(" ")[2] for value in shown if value.partition(" ")[0].lower() == "bearer"]
        return len(tokens) == 1 and hmac.compare_digest(tokens[0].encode(), self._token)


def _host(values: list[str]) -> str:
    if len(values) != 1:
        return ""
    name, colon, port = values[0].rpartition(":")
    return name if colon and port.isdigit() else values[0]


def _no(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status_code=status)
