"""What a pull request tells, on fakes."""

from pathlib import Path

import pytest
from tests import builders as make
from tests.engine.rig import Rig
from tests.fakes.agent import fixes

from selfheald.domain.pipeline import Result
from selfheald.ports import AgentReport, AgentTask


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def body(rig: Rig) -> str:
    """What the only pull request says."""
    (pull_request,) = rig.code_host.pull_requests.values()
    return pull_request.body


async def test_a_pull_request_tells_what_could_not_be_proposed(rig: Rig) -> None:
    rig.repositories.left_out = ("vendor: a submodule", "socket: neither a file nor a link")

    await rig.to_proposed()

    expected = "Left out of the proposal:\n\n- `vendor: a submodule`\n- `socket: neither a file nor a link`\n"
    assert expected in body(rig)


async def test_a_pull_request_tells_of_nothing_left_out_when_nothing_was(rig: Rig) -> None:
    await rig.to_proposed()

    assert "Left out" not in body(rig)


async def test_what_each_fix_left_out_is_told_once(rig: Rig) -> None:
    rig.repositories.left_out = ("vendor: a submodule",)
    case = await rig.to_validating()
    rig.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
    rig.ci_on_our_branch(case, result=Result.FAILED, reason="test")
    rig.clock.move(minutes=2)
    await rig.casework.work_off()
    rig.repositories.left_out = ("vendor: a submodule", "huge.bin: too large")
    rig.agent.work = _another_fix
    await rig.heal()
    await rig.casework.work_off()
    case = await rig.case()
    rig.code_host.set_branch(make.REPOSITORY, case.branch, case.pushed)
    rig.ci_on_our_branch(case)
    rig.clock.move(minutes=2)

    await rig.casework.work_off()

    assert [line for line in body(rig).splitlines() if line.startswith("- `")] == [
        "- `vendor: a submodule`",
        "- `huge.bin: too large`",
    ]


def _another_fix(task: AgentTask) -> AgentReport:
    report = fixes(task)
    (task.tree / "cents.py").write_text("really fixed\n")
    return report
