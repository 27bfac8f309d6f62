"""An agent that does what a test says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.builders import AGENT

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.ids import AgentName
from selfheald.ports import AgentReport, AgentTask, Probe

Work = Callable[[AgentTask], AgentReport]


def writes(files: dict[str, str], report: AgentReport | None = None) -> Work:
    """Work that writes files into the tree (path: content) and says that it is done."""

    def work(task: AgentTask) -> AgentReport:
        for path, content in files.items():
            target = task.tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        return report or AgentReport(outcome=AttemptOutcome.FIXED, message="Done.")

    return work


def ends(outcome: AttemptOutcome, note: str = "as the test says") -> Work:
    """Work that leaves the tree alone and ends like this."""
    return lambda _: AgentReport(outcome=outcome, message="", note=note)


@dataclass(slots=True, kw_only=True)
class FakeAgent:
    """Does one piece of work a run, in order; the last one again and again."""

    name: AgentName = AGENT
    works: Sequence[Work] = field(default_factory=lambda: [ends(AttemptOutcome.NO_CHANGE)])
    micros_per_token: int = 0
    tasks: list[AgentTask] = field(default_factory=list)
    """What it was asked to do, the newest last."""

    async def run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        """Do the next piece of work."""
        self.tasks.append(task)
        progress("working")
        return self.works[min(len(self.tasks), len(self.works)) - 1](task)

    def cost_micros(self, usage: Usage) -> int:
        """The same price for every token."""
        return self.micros_per_token * (usage.input_tokens + usage.output_tokens)

    async def probe(self) -> Probe:
        """It is always there."""
        return Probe(ok=True, found="fake")
