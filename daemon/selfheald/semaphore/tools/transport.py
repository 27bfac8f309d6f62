"""HTTP below the mcp package, for Semaphore's MCP server: what fails, fails for one call, and says how."""

from collections.abc import Callable

import httpx2

from selfheald.domain.errors import SelfhealdError

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer: the package itself bounds none, and a page of a log has as many as its events."""

QUOTED = 200
"""Bytes of an error's body that are told."""

_DROPPED = (b"content-encoding", b"content-length", b"transfer-encoding")


class SafeTransport(httpx2.AsyncBaseTransport):
    """Adds the present token to each request, and turns every fault of HTTP into an error of JSON-RPC.

    The error has the status of HTTP, which the package itself would lose; and no fault ends the session.
    """

    def __init__(self, url: str, token: Callable[[], str], inner: httpx2.AsyncBaseTransport | None = None) -> None:
        """``url`` is the server's: the token goes nowhere else."""
        self._url = httpx2.URL(url)
        self._token = token
        self._inner = inner or httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if request.method == "GET":
            return httpx2.Response(405)  # Semaphore pushes nothing, and its edge cuts the stream every 30 s
        if _origin(request.url) != _origin(self._url):
            return _error(502, f"leads to {request.url.host}, which is not followed")
        try:
            request.headers["authorization"] = f"Bearer {self._token()}"
        except SelfhealdError as error:
            return _error(401, f"cannot be asked: {error.message}")
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(request)
            body = await _whole(response)
        except httpx2.TransportError as error:
            return _error(502, f"cannot be reached: {type(error).__name__}")
        if body is None:
            return _error(502, f"answered with more than {BODY_LIMIT} bytes")
        if response.status_code >= 400 and b'"jsonrpc"' not in body:  # noqa: PLR2004 - HTTP's errors begin there
            said = body[:QUOTED].decode(errors="replace").strip()
            return _error(response.status_code, f"answered {response.status_code}: {said}")
        headers = [(key, value) for key, value in response.headers.raw if key.lower() not in _DROPPED]
        return httpx2.Response(response.status_code, content=body, headers=headers)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _whole(response: httpx2.Response) -> bytes | None:
    """The body; ``None`` when it is too large. Read here: what breaks in its middle must not reach the session."""
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > BODY_LIMIT:
                return None
    finally:
        await response.aclose()
    return bytes(body)


def _error(status: int, message: str) -> httpx2.Response:
    told = {"code": -32000, "message": f"Semaphore's MCP server {message}", "data": {"http_status": status}}
    return httpx2.Response(status, json={"jsonrpc": "2.0", "id": None, "error": told})
