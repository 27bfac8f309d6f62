"""How much later a program starts in the agent's zone: in the sandbox, with every door of the gate answering."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.figures import Sample, Section, table

from selfheald.domain.ids import AgentName, OrganizationName, ProjectName
from selfheald.domain.zone import Members, Scope
from selfheald.ports import Command, PassageWanted, ToolAnswer
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.gate import NetworkGate
from selfheald.sandbox.model.client import model_client
from selfheald.sandbox.model.proxy import ModelProxy, ModelSource
from selfheald.sandbox.tools.gateway import tools_app

AIM_MS = 150
SECONDS = 60

AGENT, ORGANIZATION = AgentName("agent"), OrganizationName("acme")
WANTED = PassageWanted(
    project=ProjectName("billing"),
    agent=AGENT,
    organization=ORGANIZATION,
    scope=Scope(
        organization_id="o",
        project_id="p",
        workflow_ids=frozenset({"w"}),
        pipeline_ids=frozenset({"i"}),
        job_ids=frozenset(),
    ),
)

BARE = ("bash", "-c", "echo started")
CONFINED = (
    "bash",
    "-c",
    'exec 3<>/dev/tcp/127.0.0.1/61080; printf "$1" >&3; read -r answer <&3; echo started',
    "bash",
    r"GET /model/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
)
"""The same shell, which says that it has started once the model's door has answered it."""


class _NoTools:
    """Semaphore is not asked: only the start is measured."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        return ToolAnswer(text=f"{name} {arguments}", is_error=True)

    async def members(self, workflow_id: str) -> Members:
        return Members(pipeline_ids=frozenset(), job_ids=frozenset({workflow_id}))


@asynccontextmanager
async def gate() -> AsyncIterator[NetworkGate]:
    """The gate as the daemon makes it."""
    way = Way(Egress([("registry.example.com", 443)]))
    async with model_client() as client:
        source = ModelSource(base_url="http://127.0.0.1:9", key=None)
        yield NetworkGate(
            models={AGENT: partial(ModelProxy, source=source, client=client)},
            tools={ORGANIZATION: partial(tools_app, _NoTools(), redact=str)},
            way=way,
            redact=str,
            listener=lambda _: None,
        )
    way.close()


async def bare() -> float:
    """Milliseconds until a program, started as it is, has said something."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*BARE, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    taken = time.perf_counter() - began
    await process.wait()
    return taken * 1000


async def confined(opening: NetworkGate, folder: Path) -> float:
    """Milliseconds until the same program, in the zone, has said something."""
    said: list[float] = []

    def on_line(line: bytes) -> None:
        assert line == b"started"
        said.append(time.perf_counter())

    began = time.perf_counter()
    async with opening.open(WANTED) as passage:
        limit = timedelta(seconds=SECONDS)
        command = Command(argv=CONFINED, tree=folder / "tree", home=folder / "home", timeout=limit, passage=passage)
        ended = await Bubblewrap().run(command, on_line)
    assert ended.code == 0, ended.stderr
    return (said[0] - began) * 1000


async def boxed(folder: Path) -> float:
    """Milliseconds until the bare program has said something in the sandbox, without a passage."""
    said: list[float] = []
    began = time.perf_counter()
    limit = timedelta(seconds=SECONDS)
    command = Command(argv=BARE, tree=folder / "tree", home=folder / "home", timeout=limit)
    await Bubblewrap().run(command, lambda _: said.append(time.perf_counter()))
    return (said[0] - began) * 1000


async def measure(folder: Path, *, rounds: int) -> Section:
    """All in turns, after one of each that does not count."""
    for name in ("tree", "home"):
        (folder / name).mkdir(parents=True)
    plain, alone, zoned = list[float](), list[float](), list[float]()
    async with gate() as opening:
        for number in range(rounds + 1):
            taken = await bare(), await boxed(folder), await confined(opening, folder)
            if number:
                for figures, one in zip((plain, alone, zoned), taken, strict=True):
                    figures.append(one)
    samples = {
        "bare_ms": Sample(plain),
        "sandbox_ms": Sample(alone),
        "zone_ms": Sample(zoned),
        "added_ms": Sample([one - other for one, other in zip(zoned, plain, strict=True)]),
    }
    shown = table("Start of a program in the agent's zone, milliseconds", "", "median", "min - max")
    shown.add_row("bare", *samples["bare_ms"].shown("{:.0f}"))
    shown.add_row("in the sandbox alone", *samples["sandbox_ms"].shown("{:.0f}"))
    shown.add_row("in the zone, until the model's door has answered it", *samples["zone_ms"].shown("{:.0f}"))
    shown.add_row(f"added (aim: {AIM_MS})", *samples["added_ms"].shown("{:.0f}"))
    return Section(
        name="zone", tables=[shown], notes=(), figures={name: sample.json() for name, sample in samples.items()}
    )
