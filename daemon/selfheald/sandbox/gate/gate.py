"""Opens passages: what one attempt may reach outside, while it runs."""

import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from selfheald.domain.ids import AgentName, OrganizationName
from selfheald.domain.zone import Budget, Metered, Scope
from selfheald.ports import Listener, Passage, PassageWanted, Redact
from selfheald.sandbox.gate.apart import apart
from selfheald.sandbox.gate.egress.door import EgressDoor
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.passage import Door, OpenPassage
from selfheald.sandbox.gate.refusals import Refusals, Refused
from selfheald.sandbox.gate.routes import MODEL, TOOLS, Routes
from selfheald.sandbox.gate.web import WebDoor

LOOPBACK = "127.0.0.1"

WEB_DOOR = 61080
PROXY_DOOR = 61128
"""Ports inside: above those that the kernel gives to whoever asks for any, and none that test suites are known for."""

BACKLOG = 128

TOKEN_BYTES = 32


class Model(Protocol):
    """The model proxy of one attempt: an ASGI application."""

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer a request."""

    def metered(self) -> Metered:
        """What was used so far."""

    async def aclose(self) -> None:
        """Let nothing through any more."""


class MakeModel(Protocol):
    """Makes the model proxy of one attempt."""

    def __call__(self, *, budget: Budget, token: str, refused: Refused) -> Model:
        """``token`` is what the agent shows in place of the key; ``refused`` is told of what is not let through."""


class MakeTools(Protocol):
    """Makes the tools gateway of one attempt."""

    def __call__(self, *, scope: Scope, token: str, refused: Refused) -> AbstractAsyncContextManager[ASGIApp]:
        """Let it run as long as the context lasts. ``scope`` is what may be read."""


class NetworkGate:
    """Opens passages to the model, to Semaphore's tools and to the hosts of ``egress``.

    ``way`` leads to the hosts of ``egress``. ``None``: programs are not confined to a network of their own. The passage
    then listens on the host's loopback interface itself, where all that it serves asks for the token; there is no
    proxy, since such programs reach everything anyway.
    """

    def __init__(
        self,
        *,
        models: Mapping[AgentName, MakeModel],
        tools: Mapping[OrganizationName, MakeTools],
        way: Way | None,
        redact: Redact,
        listener: Listener,
    ) -> None:
        self._models = models
        self._tools = tools
        self._way = way
        self._redact = redact
        self._listener = listener

    @asynccontextmanager
    async def open(self, wanted: PassageWanted) -> AsyncIterator[Passage]:
        """Open a passage; see :class:`selfheald.ports.Gate`."""
        refusals = Refusals(wanted, redact=self._redact, listener=self._listener)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with AsyncExitStack() as stack:
            model = self._model(wanted, token, refusals)
            if model is not None:
                stack.push_async_callback(model.aclose)
            tools = await self._gateway(wanted, token, refusals, stack)
            behind = {MODEL: model, TOOLS: tools}
            served = {path: app for path, app in behind.items() if app is not None}
            web = WebDoor(Routes(served, refusals)) if served else None
            proxy = EgressDoor(self._way, refusals) if self._way else None
            doors: dict[int, Door] = {port: door for port, door in ((WEB_DOOR, web), (PROXY_DOOR, proxy)) if door}
            for door in doors.values():
                stack.push_async_callback(door.aclose)
            port = _served_here(web) if web and not proxy else WEB_DOOR
            passage = OpenPassage(
                token=token,
                model_url=f"http://{LOOPBACK}:{port}{MODEL}" if model else "",
                tools_url=f"http://{LOOPBACK}:{port}{TOOLS}" if tools else "",
                proxy_url=f"http://{LOOPBACK}:{PROXY_DOOR}" if proxy else "",
                doors=doors if proxy else {},
                metered=lambda: _metered(model, refusals),
            )
            stack.callback(passage.close)
            yield passage

    def _model(self, wanted: PassageWanted, token: str, refused: Refused) -> Model | None:
        make = self._models.get(wanted.agent) if wanted.agent else None
        return make(budget=wanted.budget, token=token, refused=refused) if make else None

    async def _gateway(
        self, wanted: PassageWanted, token: str, refused: Refused, stack: AsyncExitStack
    ) -> ASGIApp | None:
        make = self._tools.get(wanted.organization) if wanted.organization else None
        if make is None or wanted.scope is None:
            return None
        gateway = make(scope=wanted.scope, token=token, refused=refused)
        return await stack.enter_async_context(apart(gateway, "tools-gateway"))


def _served_here(web: WebDoor) -> int:
    """Serve at a free port of the host's loopback interface; gives the port."""
    # The protocol is named because asyncio sets TCP_NODELAY only then.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    listener.listen(BACKLOG)
    web.serve(listener)
    return int(listener.getsockname()[1])


def _metered(model: Model | None, refusals: Refusals) -> Metered:
    return replace(model.metered() if model else Metered(), refusals=refusals.counted())
