"""An agent that does what a test says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests import builders as make

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.ids import AgentName
from selfheald.ports import AgentReport, AgentTask, Probe

Work = Callable[[AgentTask], AgentReport]


def fixes(task: AgentTask) -> AgentReport:
    """Do what a good agent does."""
    (task.tree / "cents.py").write_text("fixed\n")
    (task.tree / "commit-message.txt").write_text("round half up\n")
    return AgentReport(outcome=AttemptOutcome.FIXED, message="Done.", usage=Usage(input_tokens=10, output_tokens=2))


def ends(outcome: AttemptOutcome, note: str = "") -> Work:
    """End like this without touching anything."""
    return lambda _: AgentReport(outcome=outcome, message="", note=note)


@dataclass
class FakeAgent:
    """Implements the port ``Agent``: what it does is the test's."""

    work: Work = fixes
    tasks: list[AgentTask] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """When given, it waits for this before it works."""
    started: asyncio.Event = field(default_factory=asyncio.Event)
    name: AgentName = make.AGENT

    async def run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        self.tasks.append(task)
        self.started.set()
        progress("looking at the log")
        if self.hold:
            await self.hold.wait()
        return self.work(task)

    async def probe(self) -> Probe:
        return Probe(ok=True, found="scripted")
