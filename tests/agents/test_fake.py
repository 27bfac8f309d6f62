"""The fake agent keeps to the port."""

from pathlib import Path

from tests.fakes.agent import FakeAgent, ends, writes

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.ports import Agent, AgentTask


async def test_it_does_its_works_in_order_and_the_last_again(tmp_path: Path) -> None:
    fake = FakeAgent(works=[ends(AttemptOutcome.TIMEOUT), writes({"src/a.py": "x = 1\n"})], micros_per_token=2)
    agent: Agent = fake
    task = AgentTask(prompt="Go.", variables={}, tree=tmp_path, folder=tmp_path / "attempt")
    lines: list[str] = []

    outcomes = [(await agent.run(task, lines.append)).outcome for _ in range(3)]

    assert outcomes == [AttemptOutcome.TIMEOUT, AttemptOutcome.FIXED, AttemptOutcome.FIXED]
    assert (tmp_path / "src" / "a.py").read_text() == "x = 1\n"
    assert fake.tasks == [task] * 3
    assert lines == ["working"] * 3
    assert agent.cost_micros(Usage(input_tokens=1, output_tokens=2)) == 6
    assert (await agent.probe()).ok
