"""Attacks on what lies behind the gate: the model proxy and the tools gateway, as one attempt has them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from selfheald.domain.ids import OrganizationName, ProjectName
from selfheald.domain.prices import Prices, PriceTable
from selfheald.domain.zone import Budget, Members, Scope
from selfheald.ports import PassageWanted, ToolAnswer
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.gate import NetworkGate
from selfheald.sandbox.gate.refusals import Refused
from selfheald.sandbox.model.client import model_client
from selfheald.sandbox.model.proxy import ModelProxy, ModelSource
from selfheald.sandbox.tools.gateway import tools_app
from selfheald.simulator.serving import serve
from tests import builders as make
from tests.security.attack import Weakness
from tests.security.attacks.zone import FOREIGN, OWN, ZONE, ZoneAttack
from tests.security.scene import Aftermath, Scene
from tests.security.scene import scene as set_up

pytestmark = pytest.mark.slow

ACME = OrganizationName("acme")
PRICES = PriceTable(default=Prices(input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(10)))
SCOPE = Scope(
    organization_id=OWN,
    project_id=OWN,
    workflow_ids=frozenset({OWN}),
    pipeline_ids=frozenset({OWN}),
    job_ids=frozenset({OWN}),
)
ALL_OF_IT = Scope(
    organization_id=OWN,
    project_id=FOREIGN,
    workflow_ids=frozenset({OWN, FOREIGN}),
    pipeline_ids=frozenset({OWN, FOREIGN}),
    job_ids=frozenset({OWN, FOREIGN}),
)
ANOTHERS = replace(ALL_OF_IT, organization_id=FOREIGN)
"""What is in reach where nobody holds an attempt to its workflow."""


class Trusting:
    """Semaphore's tools, by a token that may read everything: whoever asks is told."""

    def __init__(self, canary: str) -> None:
        self._canary = canary

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        return ToolAnswer(text=self._canary)

    async def members(self, workflow_id: str) -> Members:
        return Members(pipeline_ids=frozenset(), job_ids=frozenset())


def provider() -> Starlette:
    """A model that answers, and that has a page which shows what it was sent."""

    async def chat(_: Request) -> JSONResponse:
        usage = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
        message = {"role": "assistant", "content": "done"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.headers))

    return Starlette(
        routes=[Route("/v1/chat/completions", chat, methods=["POST"]), Route("/v1/echo", echo, methods=["POST"])]
    )


class Zone:
    """A gate with a model and tools behind it, and a program in front."""

    def __init__(self, scene: Scene, client: httpx.AsyncClient, url: str) -> None:
        self._scene = scene
        self._client = client
        self._url = url

    async def strike(self, attack: ZoneAttack, off: str = "") -> Aftermath:
        way = Way(Egress([]))
        gate = NetworkGate(
            models={make.AGENT: self._model},
            tools={ACME: self._tools},
            way=way,
            redact=lambda text: text,
            listener=lambda _: None,
        )
        scope = SCOPE if off != "scope" else ANOTHERS if "organization" in attack.name else ALL_OF_IT
        wanted = PassageWanted(
            project=ProjectName("billing"),
            agent=make.AGENT,
            organization=ACME,
            scope=scope,
            budget=Budget() if off == "budget" else Budget(tokens=700),
        )
        try:
            async with gate.open(wanted) as other:
                return await self._scene.ask(attack.program, gate, wanted, self._weakness(off, other.token))
        finally:
            way.close()

    def _weakness(self, off: str, other: str) -> Weakness:
        if off == "direct":
            env = {"MODEL": self._url, "TOKEN": self._scene.canary}
            return Weakness(drop={"--unshare-net": 0}, env=env)
        return Weakness(env={"OTHER": "" if off == "token" else other})

    def _model(self, *, budget: Budget, token: str, refused: Refused) -> ModelProxy:
        source = ModelSource(base_url=self._url, key=lambda: self._scene.canary, prices=PRICES)
        return ModelProxy(source=source, budget=budget, token=token, refused=refused, client=self._client)

    def _tools(self, *, scope: Scope, token: str, refused: Refused) -> AbstractAsyncContextManager[ASGIApp]:
        tools = Trusting(self._scene.canary)
        return tools_app(tools, scope, token=token, refused=refused, redact=lambda text: text)


@pytest.fixture
async def zone(tmp_path: Path) -> AsyncIterator[Zone]:
    async with set_up(tmp_path) as scene, model_client() as client, serve(provider()) as url:
        yield Zone(scene, client, url)


@pytest.mark.parametrize("attack", ZONE, ids=[attack.name for attack in ZONE])
async def test_it_fails_and_is_seen(zone: Zone, attack: ZoneAttack) -> None:
    after = await zone.strike(attack)

    assert not attack.won(after), after.said
    assert attack.seen(after), after


@pytest.mark.parametrize("attack", ZONE, ids=[attack.name for attack in ZONE])
async def test_it_succeeds_without_its_protection(zone: Zone, attack: ZoneAttack) -> None:
    after = await zone.strike(attack, attack.off)

    assert attack.won(after), after.said
