"""Git over smart HTTP, by the real ``git http-backend`` run as a CGI program.

The CGI contract is that of git's own documentation (``git help http-backend``) and RFC 3875.
"""

import asyncio
import base64
import binascii
import functools
import hmac
import subprocess
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from selfheald.simulator.bare import (
    GIT_SECONDS,
    SLUG,
    ZERO_SHA,
    branches,
    create_bare_repository,
    end_process,
    git_environment,
)
from selfheald.simulator.hooks import Hooks, RequestRecord

__all__ = ["OnPush", "create_bare_repository", "git_app"]

OnPush = Callable[[str, str, str, str], Awaitable[None]]
"""Called with the repository's slug, the branch, its old and its new commit (forty zeros for "none")."""

BeforeEnd = Callable[[int], Awaitable[None]]
"""Awaited with the status when the backend has ended, before the client is told the end of the answer."""

EXCHANGE_SECONDS = 10 * GIT_SECONDS
"""How long one clone or push may take."""

CHUNK = 64 * 1024

_OPERATIONS = {"git-upload-pack": "fetch", "git-receive-pack": "push"}


def git_app(root: Path, hooks: Hooks, *, token: Callable[[], str] | str, on_push: OnPush | None = None) -> Starlette:
    """Serve the bare repositories ``root/<owner>/<name>.git`` to git clients that know the token.

    Any user name will do, as GitHub has it; the password is the token, asked anew for each request. ``on_push`` is
    awaited before the client of a push is told its end.
    """
    expected = (lambda: token) if isinstance(token, str) else token
    backend = _GitBackend(root, hooks, expected, on_push)
    return Starlette(routes=[Route("/{owner}/{name}/{rest:path}", endpoint=backend)])


class _GitBackend:
    """The ASGI endpoint: checks the credential, runs the backend, tells about pushes."""

    def __init__(self, root: Path, hooks: Hooks, token: Callable[[], str], on_push: OnPush | None) -> None:
        self._root = root
        self._hooks = hooks
        self._token = token
        self._on_push = on_push
        self._pushing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        refused = self._refusal(request)
        if refused is not None:
            self._record(request, refused.status_code)
            await refused(scope, receive, send)
        elif request.path_params["rest"] == "git-receive-pack":
            await self._push(request, send)
        else:
            await _exchange(request, send, self._environment(request), functools.partial(self._record_later, request))

    async def _record_later(self, request: Request, status: int) -> None:
        self._record(request, status)

    def _refusal(self, request: Request) -> Response | None:
        given = password_of(request.headers.get("authorization"))
        if given is None or not hmac.compare_digest(given.encode(), self._token().encode()):
            return PlainTextResponse("Invalid username or token.\n", 401, {"WWW-Authenticate": 'Basic realm="GitHub"'})
        if not (self._root / f"{slug_of(request)}.git").is_dir():
            return PlainTextResponse("Repository not found.\n", 404)
        return None

    async def _push(self, request: Request, send: Send) -> None:
        slug = slug_of(request)
        repository = self._root / f"{slug}.git"

        async def tell(status: int) -> None:
            after = await branches(repository)
            self._record(request, status)
            if self._on_push is None:
                return
            for branch in sorted(before.keys() | after.keys()):
                old, new = before.get(branch, ZERO_SHA), after.get(branch, ZERO_SHA)
                if old != new:
                    await self._on_push(slug, branch, old, new)

        # One push at a time, so that each is told with its own changes.
        async with self._pushing[slug]:
            before = await branches(repository)
            await _exchange(request, send, self._environment(request), tell)

    def _environment(self, request: Request) -> dict[str, str]:
        headers = request.headers
        values = {
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": f"/{slug_of(request)}.git/{request.path_params['rest']}",
            "QUERY_STRING": request.url.query,
            "REMOTE_USER": "x-access-token",
            "CONTENT_TYPE": headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
        }
        # Without a length (a chunked body) the backend reads to the end of its standard input.
        if "content-length" in headers:
            values["CONTENT_LENGTH"] = headers["content-length"]
        return git_environment() | values

    def _record(self, request: Request, status: int) -> None:
        service = request.query_params.get("service", request.path_params["rest"])
        self._hooks.record(
            RequestRecord(
                api="git",
                operation=_OPERATIONS.get(service, "other"),
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                status=status,
                token=password_of(request.headers.get("authorization")),
                host=request.headers.get("host", ""),
            )
        )


def slug_of(request: Request) -> str:
    """The repository that a request names, with or without ``.git``; empty when it is no proper name."""
    slug = f"{request.path_params['owner']}/{request.path_params['name'].removesuffix('.git')}"
    return slug if SLUG.fullmatch(slug) else ""


def password_of(authorization: str | None) -> str | None:
    """The password of a Basic credential; ``None`` when there is none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote(decoded.partition(":")[2])


@functools.cache
def _backend_path() -> str:
    folder = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True, timeout=GIT_SECONDS)
    return f"{folder.stdout.strip()}/git-http-backend"


async def _exchange(request: Request, send: Send, environment: dict[str, str], before_end: BeforeEnd) -> None:
    """Run the backend for one request, both bodies streamed."""
    process = await asyncio.create_subprocess_exec(
        await asyncio.to_thread(_backend_path),
        stdin=PIPE,
        stdout=PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C at the terminal is for us, who then end it
    )
    try:
        async with asyncio.timeout(EXCHANGE_SECONDS), asyncio.TaskGroup() as tasks:
            tasks.create_task(_feed(request, process), name="git-request-body")
            await _relay(process, send, before_end)
    finally:
        await end_process(process)


async def _feed(request: Request, process: Process) -> None:
    """Give the request's body to the backend."""
    stdin = process.stdin
    assert stdin is not None  # noqa: S101 - it was asked for as a pipe
    try:
        async for chunk in request.stream():
            stdin.write(chunk)
            await stdin.drain()
    except ClientDisconnect:
        process.kill()
    except (BrokenPipeError, ConnectionResetError):
        return  # the backend has heard enough; its answer says why
    finally:
        stdin.close()


async def _relay(process: Process, send: Send, before_end: BeforeEnd) -> None:
    """Give the backend's answer to the client."""
    stdout = process.stdout
    assert stdout is not None  # noqa: S101 - it was asked for as a pipe
    status, headers = 200, []
    while line := (await stdout.readline()).strip():
        name, _, value = line.partition(b": ")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower(), value))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    while chunk := await stdout.read(CHUNK):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await process.wait()
    await before_end(status)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
