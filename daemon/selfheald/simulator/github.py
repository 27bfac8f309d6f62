"""A loopback GitHub: the part of the REST API that pull requests need, faithful down to its refusals.

Operations, for faults and for :class:`Hooks`: see :data:`ROUTES`. The answers follow GitHub's REST API description
(version 2022-11-28).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from selfheald.simulator import github_pulls as pulls
from selfheald.simulator import github_repositories as repositories
from selfheald.simulator.github_call import Call
from selfheald.simulator.github_faults import Fault, GitHubSaysNoError
from selfheald.simulator.github_objects import instant, user
from selfheald.simulator.github_world import GitHubWorld, SimulatedApp, SimulatedPullRequest
from selfheald.simulator.hooks import Hooks, RequestRecord
from selfheald.simulator.serving import cut_connection

__all__ = ["GitHubWorld", "SimulatedApp", "SimulatedPullRequest", "github_app"]

MAX_JWT_SECONDS = 600
"""GitHub refuses an app's token that lives longer than ten minutes."""

RATE_LIMIT = 5000
"""Requests per hour for a personal access token."""


async def current_user(call: Call) -> Response:
    """Whose token it is."""
    return call.answer(user(call.base_url, call.world.login))


async def rate_limit(call: Call) -> Response:
    """How many requests are left."""
    core = {"limit": RATE_LIMIT, "remaining": call.world.rate_limit_remaining, "reset": 0, "used": 0}
    return call.answer({"resources": {"core": core, "search": core}, "rate": core})


async def installation(call: Call) -> Response:
    """The app's installation on a repository."""
    app = _app(call)
    call.repository()
    if call.slug.partition("/")[0] != app.owner:
        raise GitHubSaysNoError(404, "Not Found")
    url = f"{call.base_url}/app/installations/{app.installation_id}"
    access = f"{url}/access_tokens"
    return call.answer({"id": app.installation_id, "app_id": app.id, "url": url, "access_tokens_url": access})


async def access_token(call: Call) -> Response:
    """A new token for the app's installation."""
    if call.request.path_params["id"] != _app(call).installation_id:
        raise GitHubSaysNoError(404, "Not Found")
    token, over = call.world.new_installation_token()
    permissions = {"contents": "write", "pull_requests": "write"}
    return call.answer({"token": token, "expires_at": instant(over), "permissions": permissions}, status=201)


def _app(call: Call) -> SimulatedApp:
    """The app that signed the request."""
    app = call.world.app
    if app is None or not _signed_by(app, token_of(call.request) or ""):
        raise GitHubSaysNoError(401, "A JSON web token could not be decoded")
    return app


def _signed_by(app: SimulatedApp, token: str) -> bool:
    try:
        claims = jwt.decode(token, app.public_key, algorithms=["RS256"], issuer=str(app.id), leeway=60)
    except jwt.InvalidTokenError:
        return False
    return int(claims["exp"]) - int(claims["iat"]) <= MAX_JWT_SECONDS


Handler = Callable[[Call], Awaitable[Response]]

ROUTES: dict[str, tuple[str, str, Handler]] = {
    "get_user": ("GET", "/user", current_user),
    "get_rate_limit": ("GET", "/rate_limit", rate_limit),
    "get_installation": ("GET", "/repos/{owner}/{name}/installation", installation),
    "create_access_token": ("POST", "/app/installations/{id:int}/access_tokens", access_token),
    "get_repository": ("GET", "/repos/{owner}/{name}", repositories.get_repository),
    "list_branches": ("GET", "/repos/{owner}/{name}/branches", repositories.list_branches),
    "get_branch": ("GET", "/repos/{owner}/{name}/branches/{branch:path}", repositories.get_branch),
    "get_ref": ("GET", "/repos/{owner}/{name}/git/ref/heads/{branch:path}", repositories.get_ref),
    "get_ref_by_prefix": ("GET", "/repos/{owner}/{name}/git/refs/heads/{branch:path}", repositories.get_ref),
    "get_commit": ("GET", "/repos/{owner}/{name}/commits/{ref:path}", repositories.get_commit),
    "list_pulls": ("GET", "/repos/{owner}/{name}/pulls", pulls.list_pulls),
    "create_pull": ("POST", "/repos/{owner}/{name}/pulls", pulls.create_pull),
    "get_pull": ("GET", "/repos/{owner}/{name}/pulls/{number:int}", pulls.get_pull),
    "edit_pull": ("PATCH", "/repos/{owner}/{name}/pulls/{number:int}", pulls.edit_pull),
    "request_reviewers": (
        "POST",
        "/repos/{owner}/{name}/pulls/{number:int}/requested_reviewers",
        pulls.request_reviewers,
    ),
    "list_reviews": ("GET", "/repos/{owner}/{name}/pulls/{number:int}/reviews", pulls.list_reviews),
    "add_labels": ("POST", "/repos/{owner}/{name}/issues/{number:int}/labels", pulls.add_labels),
    "list_labels": ("GET", "/repos/{owner}/{name}/issues/{number:int}/labels", pulls.list_labels),
    "list_comments": ("GET", "/repos/{owner}/{name}/issues/{number:int}/comments", pulls.list_comments),
    "create_comment": ("POST", "/repos/{owner}/{name}/issues/{number:int}/comments", pulls.create_comment),
    "view_pull": ("GET", "/{owner}/{name}/pull/{number:int}", pulls.view_pull),
}
"""Every operation with its method, path and handler."""

_FOR_APPS = {"get_installation", "create_access_token"}
_FOR_ANYBODY = {"view_pull"}
"""A pull request's page is for the browser of whoever runs the simulator."""


def github_app(world: GitHubWorld, hooks: Hooks) -> Starlette:
    """Serve the world as GitHub's REST API. Every request is told to ``hooks``."""
    routes = [
        Route(path, _Endpoint(world, hooks, operation, handler).answer, methods=[method])
        for operation, (method, path, handler) in ROUTES.items()
    ]

    async def unknown(request: Request, _: Exception) -> Response:
        hooks.record(_record(request, "unknown", 404))
        return JSONResponse(GitHubSaysNoError(404, "Not Found").body, status_code=404)

    return Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})


def token_of(request: Request) -> str | None:
    """The credential of a request, whatever its scheme."""
    return request.headers.get("authorization", "").partition(" ")[2] or None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One operation: faults first, then the credential, then the handler."""

    world: GitHubWorld
    hooks: Hooks
    operation: str
    handler: Handler

    async def answer(self, request: Request) -> Response:
        fault = self.world.next_fault(self.operation) or Fault()
        await asyncio.sleep(fault.delay_seconds)
        if fault.status:
            response = _fault_response(fault)
        elif fault.cut and not fault.done:
            response = Response(status_code=500)
        else:
            response = await self._handle(request)
        self.hooks.record(_record(request, self.operation, 0 if fault.cut else response.status_code))
        if fault.cut:
            cut_connection(request.scope)
        return response

    async def _handle(self, request: Request) -> Response:
        try:
            self._check_credential(request)
            return await self.handler(Call(world=self.world, request=request, body=await _body(request)))
        except GitHubSaysNoError as no:
            return JSONResponse(no.body, status_code=no.status)

    def _check_credential(self, request: Request) -> None:
        if self.operation not in _FOR_APPS | _FOR_ANYBODY and not self.world.accepts(token_of(request) or ""):
            raise GitHubSaysNoError(401, "Bad credentials")


async def _body(request: Request) -> Any:
    raw = await request.body()
    try:
        return json.loads(raw or b"{}")
    except ValueError:
        raise GitHubSaysNoError(400, "Problems parsing JSON") from None


def _fault_response(fault: Fault) -> Response:
    headers = dict(fault.headers)
    if isinstance(fault.body, str):
        return PlainTextResponse(fault.body, fault.status, headers)
    return JSONResponse(dict(fault.body), fault.status, headers)


def _record(request: Request, operation: str, status: int) -> RequestRecord:
    return RequestRecord(
        api="github",
        operation=operation,
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        status=status,
        token=token_of(request),
        host=request.headers.get("host", ""),
    )
