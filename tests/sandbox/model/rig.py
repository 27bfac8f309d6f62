"""A model proxy in front of a provider, and an agent that asks it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from selfheald.domain.prices import Prices, PriceTable
from selfheald.domain.refusal import RefusalKind
from selfheald.domain.zone import Budget
from selfheald.sandbox.model.client import model_client
from selfheald.sandbox.model.proxy import ModelProxy, ModelSource
from selfheald.simulator.serving import serve

if TYPE_CHECKING:
    from tests.sandbox.model.forms import Form

KEY = "sk-the-real-key-8f3a"
TOKEN = "the-attempts-token"
CHEAP = Prices(input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(10))
PRICES = PriceTable(default=CHEAP)


@dataclass(slots=True)
class Asker:
    """An agent in front of a proxy."""

    http: httpx.AsyncClient
    proxy: ModelProxy
    refusals: list[str]

    async def ask(self, form: "Form", *, stream: bool = False, **asked: Any) -> httpx.Response:
        """Ask the model as this form does."""
        body = {**form.ask, **asked, **({"stream": True} if stream and form.name != "gemini" else {})}
        return await self.post(form.stream_path if stream else form.path, headers=form.token, json=body)

    async def post(self, path: str, **asked: Any) -> httpx.Response:
        """Ask with the token as OpenAI's clients show it, unless headers are given."""
        headers = asked.pop("headers", {"authorization": f"Bearer {TOKEN}"})
        return await self.http.post(path, headers=headers, **asked)


@asynccontextmanager
async def proxied(
    base_url: str,
    *,
    key: Callable[[], str] | None = lambda: KEY,
    prices: PriceTable = PRICES,
    budget: Budget = Budget(),
    patience: httpx.Timeout | None = None,
) -> AsyncIterator[Asker]:
    """Serve a proxy under ``/model``, as a passage does."""
    refusals: list[str] = []

    def refused(kind: RefusalKind, what: str) -> None:
        assert kind is RefusalKind.MODEL
        refusals.append(what)

    async with model_client() as client:
        client.timeout = patience or client.timeout
        proxy = ModelProxy(
            source=ModelSource(base_url=base_url, key=key, prices=prices),
            budget=budget,
            token=TOKEN,
            refused=refused,
            client=client,
        )
        async with (
            serve(Starlette(routes=[Mount("/model", app=proxy)])) as url,
            httpx.AsyncClient(base_url=f"{url}/model", trust_env=False) as http,
        ):
            try:
                yield Asker(http, proxy, refusals)
            finally:
                await proxy.aclose()
