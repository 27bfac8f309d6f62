"""How much later the first byte of a model's answer comes through the proxy, beside a direct request."""

import time
from decimal import Decimal

import httpx
from tests.bench.figures import Sample, Section, table
from tests.bench.provider import provider_process

from selfheald.domain.events import Event
from selfheald.domain.ids import AgentName, ProjectName
from selfheald.domain.prices import Prices, PriceTable
from selfheald.domain.zone import Budget
from selfheald.ports import PassageWanted
from selfheald.sandbox.gate.gate import NetworkGate
from selfheald.sandbox.gate.refusals import Refused
from selfheald.sandbox.model.client import model_client
from selfheald.sandbox.model.proxy import ModelProxy, ModelSource

AIM = 5
"""Milliseconds, at the median."""

AGENT = AgentName("codex")
BODY_BYTES = (10_000, 100_000, 1_000_000)
"""Of a request: an agent sends all of its conversation each time."""


async def measure(*, requests: int, rounds: int) -> Section:
    """Ask in turns, directly and through the proxy; every connection is kept."""
    figures: dict[str, object] = {}
    shown = table(
        "First byte of an answer, milliseconds",
        "request, bytes",
        "direct",
        "through the proxy",
        "added",
        "least - most",
    )
    async with provider_process() as url, model_client() as client:
        gate = _gate(url, client)
        async with (
            gate.open(
                PassageWanted(project=ProjectName("p"), agent=AGENT, budget=Budget(attempt_micros=10**12))
            ) as way,
            httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {way.token}"}) as agent,
        ):
            for size in BODY_BYTES:
                direct, through = await _in_turns(agent, url, way.model_url, size, requests=requests, rounds=rounds)
                added = Sample([slow - fast for slow, fast in zip(through.values, direct.values, strict=True)])
                shown.add_row(f"{size:,}", f"{direct.median:.2f}", f"{through.median:.2f}", *added.shown("{:.2f}"))
                figures[f"{size}_bytes"] = {
                    "direct_ms": direct.json(),
                    "through_ms": through.json(),
                    "added_ms": added.json(),
                }
    note = f"The aim is less than {AIM} ms at the median. Each round is the median of {requests} requests of each kind."
    return Section(name="proxy", tables=[shown], notes=[note], figures=figures)


def _gate(url: str, client: httpx.AsyncClient) -> NetworkGate:
    prices = PriceTable(default=Prices(input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(10)))
    source = ModelSource(base_url=url, key=lambda: "the-key", prices=prices)

    def make(*, budget: Budget, token: str, refused: Refused) -> ModelProxy:
        return ModelProxy(source=source, budget=budget, token=token, refused=refused, client=client)

    return NetworkGate(models={AGENT: make}, tools={}, way=None, redact=lambda text: text, listener=_unheard)


def _unheard(_: Event) -> None:
    """Nobody listens."""


async def _in_turns(
    agent: httpx.AsyncClient, direct: str, proxy: str, size: int, *, requests: int, rounds: int
) -> tuple[Sample, Sample]:
    turn = {"role": "user", "content": [{"type": "input_text", "text": "a line of a log\n" * 60}]}
    asked = {"model": "m", "stream": True, "input": [turn] * max(1, size // 1_000)}
    medians: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(requests):
            for kind, base in enumerate((direct, proxy)):
                seconds[kind].append(await _first_byte(agent, f"{base}/responses", asked))
        for kind in (0, 1):
            medians[kind].append(Sample(seconds[kind]).median * 1_000)
    return Sample(medians[0]), Sample(medians[1])


async def _first_byte(agent: httpx.AsyncClient, url: str, asked: dict[str, object]) -> float:
    request = agent.build_request("POST", url, json=asked)
    begun = time.perf_counter()
    answer = await agent.send(request, stream=True)
    try:
        chunks = answer.aiter_raw()
        await anext(chunks)
        taken = time.perf_counter() - begun
        async for _ in chunks:
            pass
    finally:
        await answer.aclose()
    answer.raise_for_status()
    return taken
