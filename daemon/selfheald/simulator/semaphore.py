"""A loopback Semaphore: its REST API v1alpha over HTTP, quirks and all."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from selfheald.simulator import controls, semaphore_hub, semaphore_logs, semaphore_pipelines, semaphore_storage
from selfheald.simulator import semaphore_edge as edge
from selfheald.simulator import semaphore_promotions as promotions
from selfheald.simulator import semaphore_workflows as workflows
from selfheald.simulator.faults import Fault, FaultKind
from selfheald.simulator.hooks import RequestRecord
from selfheald.simulator.semaphore_asking import Answer, Ask, as_text, internal_error, not_found
from selfheald.simulator.semaphore_mcp import STREAM, is_mcp, mcp_answer
from selfheald.simulator.serving import cut_connection, gone
from selfheald.simulator.world import World

API = "/api/v1alpha"

Handler = Callable[[Ask], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API."""

    method: str
    path: re.Pattern[str]
    operation: str
    handler: Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The operation that a request is for, and the named parts of its path."""

    route: Route
    segments: Mapping[str, str]


def _route(method: str, path: str, handler: Handler, *, operation: str = "", api: str = API) -> Route:
    pattern = re.compile(re.escape(api) + path.replace(":id", "(?P<id>[^/]+)"))
    return Route(method=method, path=pattern, operation=operation or handler.__name__, handler=handler)


ROUTES = (
    _route("GET", "/pipelines", semaphore_pipelines.list_pipelines),
    _route("GET", "/pipelines/:id", semaphore_pipelines.describe_pipeline),
    _route("PATCH", "/pipelines/:id", semaphore_pipelines.terminate_pipeline),
    _route("POST", "/pipelines/:id/partial_rebuild", semaphore_pipelines.partial_rebuild),
    _route("GET", "/pipelines/:id/describe_topology", semaphore_pipelines.describe_topology),
    _route("GET", "/plumber-workflows", workflows.list_workflows),
    _route("POST", "/plumber-workflows", workflows.run_workflow),
    _route("GET", "/plumber-workflows/:id", workflows.describe_workflow),
    _route("POST", "/plumber-workflows/:id/reschedule", workflows.reschedule_workflow),
    _route("POST", "/plumber-workflows/:id/terminate", workflows.terminate_workflow),
    _route("GET", "/promotions", promotions.list_promotions),
    _route("POST", "/promotions", promotions.trigger_promotion),
    _route("GET", "/logs/:id", semaphore_logs.get_logs),
    _route("GET", "/artifacts", semaphore_storage.list_artifacts),
    _route("GET", "/artifacts/signed_url", semaphore_storage.sign_artifact),
    _route("GET", "/projects", semaphore_hub.list_projects),
    _route("GET", "/projects/:id", semaphore_hub.describe_project),
    _route("GET", "/jobs", semaphore_hub.list_jobs),
    _route("GET", "/jobs/:id", semaphore_hub.describe_job),
    _route("POST", "/jobs/:id/stop", semaphore_hub.stop_job),
    _route("GET", "/workflows.*", semaphore_hub.no_handler, operation="unknown"),
    _route("GET", "/logs/:id", semaphore_logs.get_self_hosted_logs, api="/api/v1"),
)

MCP_OPERATION = "mcp"
"""What faults call every request to the MCP server."""

OPERATIONS = (*sorted({route.operation for route in ROUTES} - {"unknown"}), MCP_OPERATION)
"""Every operation's name, for faults and for request records."""

NO_ROUTE = Route(method="", path=re.compile(""), operation="unknown", handler=lambda _: as_text("oops", status=404))


def semaphore_app(world: World) -> ASGIApp:
    """The API of every organization of ``world``, with its controls under ``/simulator/``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            if scope["path"].startswith(controls.PREFIX):
                answer = controls.answer(world, request.method, scope["path"], await request.body())
            elif is_mcp(scope["path"]):
                answer = await _mcp_answer(world, request)
            else:
                answer = await _answer(world, request)
        except ClientDisconnect:
            return  # It was killed in the middle of its request: nobody is left to be answered.
        if answer is CUT:
            cut_connection(scope)
            await gone(receive)
        elif answer is STREAM:
            await _stream(receive, send)
        else:
            await Response(answer.body, answer.status, dict(answer.headers))(scope, receive, send)

    return app


CUT = Answer(status=0)
"""No answer: the connection is reset."""

FAULT_ANSWERS = {
    FaultKind.INTERNAL_ERROR: internal_error(),
    FaultKind.EDGE_FORBIDDEN: as_text("Forbidden", status=403),
    FaultKind.GATEWAY_TIMEOUT: as_text("upstream request timeout", status=504),
    FaultKind.FALSE_NOT_FOUND: not_found(),
    FaultKind.CONNECTION_RESET: CUT,
}
"""Faults that answer in the place of the service."""


async def _mcp_answer(world: World, request: Request) -> Answer:
    body = await request.body()
    operation, answer = mcp_answer(world, request.method, request.headers, body)
    fault = world.faults.take(MCP_OPERATION, request.url.path, operation)
    if fault is not None and fault.seconds:
        await asyncio.sleep(fault.seconds)
    if fault is not None:
        answer = FAULT_ANSWERS.get(fault.kind, answer)
    if fault is not None and fault.kind is FaultKind.TRUNCATED_JSON:
        answer = replace(answer, body=answer.body[: len(answer.body) // 2])
    record = _record("semaphore-mcp", operation, request, answer)
    world.hooks.record(replace(record, query=body.decode(errors="replace")))
    return answer


async def _stream(receive: Receive, send: Send) -> None:
    """A stream on which nothing comes, for as long as the client listens."""
    headers = [(name.encode(), value.encode()) for name, value in STREAM.headers.items()]
    await send({"type": "http.response.start", "status": STREAM.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    await gone(receive)
    await send({"type": "http.response.body", "body": b""})


async def _answer(world: World, request: Request) -> Answer:
    path, query = request.url.path, request.scope["query_string"].decode()
    found = _find(request.method, path)
    route = found.route
    fault = world.faults.take(route.operation, path, query)
    if fault is not None and fault.seconds:
        await asyncio.sleep(fault.seconds)
    answer = _serve(world, request, found, await request.body(), fault)
    world.hooks.record(_record("semaphore", route.operation, request, answer))
    return answer


def _record(api: str, operation: str, request: Request, answer: Answer) -> RequestRecord:
    return RequestRecord(
        api=api,
        operation=operation,
        method=request.method,
        path=request.url.path,
        query=request.scope["query_string"].decode(),
        status=answer.status,
        token=edge.credential(request.headers),
        host=request.headers.get("host", ""),
    )


def _serve(world: World, request: Request, found: Found, body: bytes, fault: Fault | None) -> Answer:
    if fault is not None and fault.kind in FAULT_ANSWERS:
        return FAULT_ANSWERS[fault.kind]
    if request.url.path.startswith(semaphore_storage.STORAGE):
        query = dict(parse_qsl(request.scope["query_string"].decode()))
        return semaphore_storage.storage_answer(world, request.method, request.url.path, query, request.headers)
    needs_token = found.route.handler is not semaphore_logs.get_self_hosted_logs
    sender = edge.admit(world, request.headers, needs_token=needs_token)
    if isinstance(sender, Answer):
        return sender
    values = edge.body_values(request.headers.get("content-type", ""), body)
    if isinstance(values, Answer):
        return values
    ask = Ask(
        world=world,
        organization=sender.organization,
        user=sender.user,
        operation=found.route.operation,
        host=request.headers.get("host", ""),
        path=request.url.path,
        query=parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True),
        body=values,
        segments=found.segments,
        fault=None if fault is None else fault.kind,
    )
    answer = found.route.handler(ask)
    if fault is not None and fault.kind is FaultKind.TRUNCATED_JSON:
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    return answer


def _find(method: str, path: str) -> Found:
    for route in ROUTES:
        if route.method == method and (match := route.path.fullmatch(path)):
            return Found(route=route, segments=match.groupdict())
    return Found(route=NO_ROUTE, segments={})
