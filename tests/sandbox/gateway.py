"""An agent's side of the tools gateway, and a Semaphore behind it that writes down what it is asked."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp

from selfheald.domain.refusal import RefusalKind
from selfheald.domain.zone import Members, Scope
from selfheald.ports import ToolAnswer, Tools
from selfheald.sandbox.tools.allowance import Limits
from selfheald.sandbox.tools.gateway import tools_app

ORGANIZATION, PROJECT, WORKFLOW, PIPELINE, JOB, TASK, OTHER = (str(uuid.UUID(int=0xABC000 + n)) for n in range(7))

SCOPE = Scope(
    organization_id=ORGANIZATION,
    project_id=PROJECT,
    workflow_ids=frozenset({WORKFLOW}),
    pipeline_ids=frozenset({PIPELINE}),
    job_ids=frozenset({JOB}),
)

TOKEN = "the-attempt's-token"
SECRET = "canary-secret-7777"

FAST = Limits(per_second=1000.0, burst=1000)


def redact(text: str) -> str:
    """Take the one secret out."""
    return text.replace(SECRET, "[redacted]")


@dataclass(slots=True)
class Semaphore:
    """The port ``Tools``: answers with what it was given, and remembers what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    """By tool: an answer's structured part, a whole answer, or what makes one of the arguments."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    found: Members = field(default_factory=lambda: Members(pipeline_ids=frozenset(), job_ids=frozenset()))
    looked_up: list[str] = field(default_factory=list)
    fails: Exception | None = None
    before: Callable[[], Awaitable[None]] | None = None
    """Awaited before each answer."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Answer as told."""
        self.asked.append((name, dict(arguments)))
        if self.before is not None:
            await self.before()
        answer = self.answers.get(name, {})
        answer = answer(arguments) if callable(answer) else answer
        return answer if isinstance(answer, ToolAnswer) else ToolAnswer(text="told", structured=answer)

    async def members(self, workflow_id: str) -> Members:
        """Look up as told."""
        self.looked_up.append(workflow_id)
        if self.fails is not None:
            failure, self.fails = self.fails, None
            raise failure
        return self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool answered."""

    text: str
    structured: Mapping[str, Any] | None
    is_error: bool


@dataclass(slots=True, kw_only=True)
class Agent:
    """Speaks JSON-RPC over HTTP, as agents do."""

    http: httpx.AsyncClient
    refused: list[str] = field(default_factory=list)

    async def post(self, body: object, **headers: str) -> httpx.Response:
        """Send one message; bytes and text as they are."""
        content = body if isinstance(body, bytes | str) else json.dumps(body)
        return await self.http.post("/mcp", content=content, headers=headers)

    async def ask(self, method: str, params: object = None, **headers: str) -> dict[str, Any]:
        """Send one request; gives the answer's JSON."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {} if params is None else params}
        answer: dict[str, Any] = (await self.post(message, **headers)).json()
        return answer

    async def call(self, name: str, **arguments: object) -> Result:
        """Call a tool."""
        answer = await self.ask("tools/call", {"name": name, "arguments": arguments})
        result = answer["result"]
        return Result(
            text=result["content"][0]["text"],
            structured=result.get("structuredContent"),
            is_error=result.get("isError", False),
        )


@asynccontextmanager
async def gateway(tools: Tools, scope: Scope, *, limits: Limits = FAST) -> AsyncIterator[Agent]:
    """The gateway, with an agent at its door."""
    refused: list[str] = []

    def note(kind: RefusalKind, what: str) -> None:
        assert kind is RefusalKind.TOOL
        refused.append(what)

    headers = {
        "authorization": f"Bearer {TOKEN}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
    }
    async with in_a_task(tools_app(tools, scope, token=TOKEN, refused=note, redact=redact, limits=limits)) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:61080", headers=headers) as http:
            yield Agent(http=http, refused=refused)


@asynccontextmanager
async def in_a_task(context: AbstractAsyncContextManager[ASGIApp]) -> AsyncIterator[ASGIApp]:
    """Enter and leave a context in one task, as a fixture is not."""
    entered: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def within() -> None:
        async with context as app:
            entered.set_result(app)
            await leave.wait()

    task = asyncio.create_task(within())
    try:
        yield await entered
    finally:
        leave.set()
        await task
