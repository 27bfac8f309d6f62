"""The model proxy: an ASGI application for one attempt."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace

import httpx
import structlog
from starlette.types import Receive, Scope, Send

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.plain import one_line
from selfheald.domain.prices import PriceTable
from selfheald.domain.refusal import RefusalKind
from selfheald.domain.zone import Budget, Metered
from selfheald.sandbox.model.asking import Asked, read_request
from selfheald.sandbox.model.forms import Route, find_route, form_of
from selfheald.sandbox.model.headers import passed_query, require_token, to_provider
from selfheald.sandbox.model.meter import Meter
from selfheald.sandbox.model.problems import Problem, bad_request, closed, no_key, not_let_through
from selfheald.sandbox.model.reply import Reply, hung_up, read_body
from selfheald.sandbox.model.upstream import Call, Upstream

log = structlog.get_logger()

AT_ONCE = 8
"""Requests of one attempt that are under way, each with a body in memory; further ones wait."""

_LONGEST_REFUSAL = 120

_MOST_TOLD = 50
"""Things that were taken out of one request, each told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A provider's API, and what speaks to it in our name."""

    base_url: str
    """Without a slash at its end. The proxy stands for it: what the agent asks below the proxy is asked below it."""
    key: Callable[[], str] | None
    """Reads the key as it is now; raises :class:`ConfigError`. ``None``: the provider wants none."""
    prices: PriceTable = field(default_factory=PriceTable)


class ModelProxy:
    """Stands for the model's API at one attempt: lets nothing else through, adds the key, counts what is used.

    The agent shows ``token`` in place of the key. ``refused`` is told each thing that was not let through. Nothing is
    tried twice. ``client`` comes from :func:`selfheald.sandbox.model.client.model_client`.
    """

    def __init__(
        self,
        *,
        source: ModelSource,
        budget: Budget,
        token: str,
        refused: Callable[[RefusalKind, str], None],
        client: httpx.AsyncClient,
    ) -> None:
        self._source = source
        self._token = token
        self._refused = refused
        self._upstream = Upstream(client, source.base_url)
        self._meter = Meter(budget, source.prices)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse a WebSocket."""
        if scope["type"] != "http":
            await self._no_socket(scope, receive, send)
            return
        reply = Reply(send)
        path, headers = _path(scope), _headers(scope)
        route = find_route(scope["method"], path, headers)
        try:
            async with self._slots:
                await self._answer(route, scope, headers, receive, reply)
        except Problem as problem:
            self._tell(problem)
            if not reply.begun:
                await reply.problem(route.form if route else form_of(path, headers), problem)
        except ConnectionError:
            log.debug("agent_hung_up")

    def metered(self) -> Metered:
        """What was used so far; all of it after :meth:`aclose`. Refusals are the caller's to count."""
        return self._meter.metered()

    async def aclose(self) -> None:
        """Let nothing through any more; what is under way is ended and charged."""
        self._closed = True
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _answer(
        self, route: Route | None, scope: Scope, headers: Mapping[str, str], receive: Receive, reply: Reply
    ) -> None:
        query = scope["query_string"].decode("latin-1")
        require_token(headers, query, self._token)
        if self._closed:
            raise closed()
        if route is None:
            raise not_let_through(one_line(f"{scope['method']} {_path(scope)}", _LONGEST_REFUSAL))
        if headers.get("content-encoding", "identity") != "identity" or "upgrade" in headers:
            raise bad_request("no content-encoding, no upgrade", "an encoding or an upgrade")
        path, rest = _path(scope), passed_query(query)
        asked = await self._read(route, receive) if scope["method"] == "POST" else None
        if self._closed:
            raise closed()
        work = self._pass_on(route, asked, path + (f"?{rest}" if rest else ""), headers, reply)
        await self._until_hung_up(work, receive)

    async def _read(self, route: Route, receive: Receive) -> Asked:
        asked = read_request(route, await read_body(receive), self._source.prices)
        for what in list(dict.fromkeys(asked.stripped))[:_MOST_TOLD]:
            self._refuse(what)
        return asked

    async def _pass_on(
        self, route: Route, asked: Asked | None, target: str, headers: Mapping[str, str], reply: Reply
    ) -> None:
        key = self._key()
        sent = to_provider(headers, route.form, key)
        method = "GET" if asked is None else "POST"
        call = Call(method=method, target=target, headers=sent, key=key, body=asked.bounded(None) if asked else None)
        if asked is None or not route.metered:
            await self._upstream.ask(call, reply)
            return
        async with self._meter.admitted(asked.wanted) as tally:
            if (most := tally.hold.most_output) is not None:
                call = replace(call, body=asked.bounded(most))
            await self._upstream.ask_metered(call, asked, tally, reply)

    async def _until_hung_up(self, work: Coroutine[object, object, None], receive: Receive) -> None:
        """Do the work; when the agent hangs up, or the attempt ends, it is cancelled."""
        task = asyncio.create_task(work)
        gone = asyncio.create_task(hung_up(receive))
        self._under_way.add(task)
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not task.done():
                task.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)
            self._under_way.discard(task)
        if not task.cancelled():
            task.result()
        elif self._closed:
            raise closed()

    def _key(self) -> str:
        """Read the key anew for each request, so that a rotated one is used at once."""
        if self._source.key is None:
            return ""
        try:
            key = self._source.key()
        except SelfhealdError as error:
            raise self._no_key(error.message) from None
        if not (key.isascii() and key.isprintable()):
            raise self._no_key("it holds more than plain characters")
        return key

    def _no_key(self, why: str) -> Problem:
        if why not in self._told:
            self._told.add(why)
            log.error("model_key_unreadable", error=why)
        return no_key()

    async def _no_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            self._refuse("a WebSocket")
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def _tell(self, problem: Problem) -> None:
        """Refusals are the caller's to log; of other problems the first of each kind is logged."""
        if problem.refused:
            self._refuse(problem.refused)
        elif problem.code not in self._told:
            self._told.add(problem.code)
            log.warning("model_not_asked", status=problem.status, why=problem.message)

    def _refuse(self, what: str) -> None:
        self._refused(RefusalKind.MODEL, one_line(what, _LONGEST_REFUSAL))


def _path(scope: Scope) -> str:
    """The path below where the proxy is mounted, as it came: nothing in it is decoded."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    root = scope.get("root_path", "")
    path = raw.decode("latin-1")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
