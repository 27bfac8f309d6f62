"""How much later the first byte of a model's answer comes through the proxy, beside a direct request."""

import statistics
import time
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Taken:
    """Milliseconds until the first byte: by the clock, and of this process's CPU (agent and proxy are both in it)."""

    wall: float
    cpu: float


async def measure(*, requests: int, rounds: int) -> Section:
    """Ask in turns, directly and through the proxy; every connection is kept."""
    figures: dict[str, object] = {}
    shown = table(
        "First byte of an answer, milliseconds",
        *("request, bytes", "direct", "through the proxy", "added", "least - most", "of it CPU", "least - most"),
    )
    async with provider_process() as url, model_client() as client:
        wanted = PassageWanted(project=ProjectName("p"), agent=AGENT, budget=Budget(attempt_micros=10**12))
        async with (
            _gate(url, client).open(wanted) as way,
            httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {way.token}"}) as agent,
        ):
            for size in BODY_BYTES:
                direct, through = await _in_turns(agent, (url, way.model_url), size, requests=requests, rounds=rounds)
                pairs = list(zip(through, direct, strict=True))
                told = {
                    "direct_ms": Sample([one.wall for one in direct]),
                    "through_ms": Sample([one.wall for one in through]),
                    "added_ms": Sample([slow.wall - fast.wall for slow, fast in pairs]),
                    "added_cpu_ms": Sample([slow.cpu - fast.cpu for slow, fast in pairs]),
                }
                medians = (f"{told[name].median:.2f}" for name in ("direct_ms", "through_ms"))
                added = (*told["added_ms"].shown("{:.2f}"), *told["added_cpu_ms"].shown("{:.2f}"))
                shown.add_row(f"{size:,}", *medians, *added)
                figures[f"{size}_bytes"] = {name: sample.json() for name, sample in told.items()}
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
    agent: httpx.AsyncClient, bases: tuple[str, str], size: int, *, requests: int, rounds: int
) -> tuple[list[_Taken], list[_Taken]]:
    turn = {"role": "user", "content": [{"type": "input_text", "text": "a line of a log\n" * 60}]}
    asked = {"model": "m", "stream": True, "input": [turn] * max(1, size // 1_000)}
    medians: tuple[list[_Taken], list[_Taken]] = ([], [])
    for _ in range(rounds):
        taken: tuple[list[_Taken], list[_Taken]] = ([], [])
        for _ in range(requests):
            for kind, base in enumerate(bases):
                taken[kind].append(await _first_byte(agent, f"{base}/responses", asked))
        for kind in (0, 1):
            wall, cpu = ([getattr(one, name) for one in taken[kind]] for name in ("wall", "cpu"))
            medians[kind].append(_Taken(statistics.median(wall), statistics.median(cpu)))
    return medians


async def _first_byte(agent: httpx.AsyncClient, url: str, asked: dict[str, object]) -> _Taken:
    request = agent.build_request("POST", url, json=asked)
    wall, cpu = time.perf_counter(), time.process_time()
    answer = await agent.send(request, stream=True)
    try:
        chunks = answer.aiter_raw()
        await anext(chunks)
        taken = _Taken((time.perf_counter() - wall) * 1_000, (time.process_time() - cpu) * 1_000)
        async for _ in chunks:
            pass
    finally:
        await answer.aclose()
    answer.raise_for_status()
    return taken
