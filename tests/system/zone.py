"""Real coding agents in the real sandbox, behind the real gate and model proxy, against a scripted model."""

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from tests.system.scripted_model import ScriptedModel, Step, scripted_model

from selfheald.agents.build import KINDS, make_agent
from selfheald.agents.spec import AgentSpec
from selfheald.domain.ids import AgentName, ProjectName
from selfheald.domain.prices import Prices, PriceTable
from selfheald.domain.zone import Budget, Metered
from selfheald.ports import Agent, AgentReport, AgentTask, PassageWanted, Sandbox
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.gate import NetworkGate
from selfheald.sandbox.model.client import model_client
from selfheald.sandbox.model.proxy import ModelProxy, ModelSource

BIN = Path(__file__).parents[2] / ".tools" / "node_modules" / ".bin"
KEY = "sk-the-real-key-that-never-comes-inside"
NAME = AgentName("agent")
MODELS = {"codex": "gpt-5.5", "claude-code": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro", "opencode": "m1"}
PRICES = Prices(input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(10))


def program(kind: str) -> Path:
    """The agent's program, as npm put it into ``.tools``."""
    found = BIN / KINDS[kind].package.program
    assert found.exists(), f"{kind} is not installed: run tests/system/tools.sh"
    return found


def base_url(kind: str, model: ScriptedModel) -> str:
    """What would be configured as the agent's ``base_url``."""
    return model.url if kind in ("codex", "opencode") else model.origin


def made(kind: str, sandbox: Sandbox | None = None, **fields: Any) -> Agent:
    """An agent of this kind."""
    known: dict[str, Any] = {"binary": program(kind), "model": MODELS[kind], "timeout": timedelta(seconds=100)}
    return make_agent(AgentSpec(name=NAME, kind=kind, **{**known, **fields}), sandbox or Bubblewrap(), str)


@dataclass(slots=True, kw_only=True)
class Run:
    """What came of a run."""

    report: AgentReport
    metered: Metered
    model: ScriptedModel
    tree: Path
    folder: Path
    lines: list[str] = field(default_factory=list)

    def told(self) -> str:
        """For a failed test."""
        return f"{self.report} {(self.folder / 'transcript.jsonl').read_text()[-3000:]}"


@asynccontextmanager
async def task(
    kind: str, url: str, folder: Path, *, budget: Budget | None = None, confined: bool = True
) -> AsyncIterator[tuple[AgentTask, Callable[[], Metered]]]:
    """A task whose passage leads to a model at this address, and what went through the passage."""
    tree = folder / "tree"
    tree.mkdir()
    (tree / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    way = Way(Egress(()))
    async with model_client() as client:
        source = ModelSource(base_url=url, key=lambda: KEY, prices=PriceTable(default=PRICES))
        proxy = partial(ModelProxy, source=source, client=client)
        gate = NetworkGate(
            models={NAME: proxy}, tools={}, way=way if confined else None, redact=str, listener=lambda _: None
        )
        wanted = PassageWanted(project=ProjectName("billing"), agent=NAME, budget=budget or Budget())
        async with gate.open(wanted) as passage:
            variables = {"SEMAPHORE_GIT_SHA": "abc"}
            yield (
                AgentTask(
                    prompt="Please fix add().",
                    variables=variables,
                    tree=tree,
                    folder=folder / "attempt",
                    passage=passage,
                ),
                passage.metered,
            )
    way.close()


async def run(kind: str, folder: Path, steps: Sequence[Step], *, budget: Budget | None = None, **fields: Any) -> Run:
    """Let an agent work by a script."""
    lines: list[str] = []
    async with (
        scripted_model(steps, key=KEY) as model,
        task(kind, base_url(kind, model), folder, budget=budget) as (wanted, metered),
    ):
        report = await made(kind, **fields).run(wanted, lines.append)
        return Run(report=report, metered=metered(), model=model, tree=wanted.tree, folder=wanted.folder, lines=lines)


def nobody_listens() -> str:
    """An address of the loopback interface at which connections are refused."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"
