"""Limits of a run: each by what this machine has, and by looks alone."""

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from selfheald.domain.limits import MIB, Limit, SandboxLimits
from selfheald.ports import Command, Exit, Sandbox
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.cgroups import find_ground
from selfheald.sandbox.limiter import Limiter
from selfheald.sandbox.unconfined import Unconfined

HOG = "head -c 400m /dev/zero | tail -n 1 | sleep 60"
"""``tail`` keeps all of a line that has no end."""
BOMB = "for i in $(seq 200); do sleep 60 & done; sleep 60"
BUSY = "while :; do :; done"
FILL = "for i in 1 2 3 4 5 6; do head -c 8m /dev/zero > fill.$i; done; sleep 60"
HIDDEN = "exec 8> a 9> b; rm a b; head -c 24m /dev/zero >&8; head -c 24m /dev/zero >&9; sleep 60"

PYTHON = Path(sys.executable).resolve()
"""The interpreter itself: the sandbox shows nothing of a virtual environment."""

NARROW = SandboxLimits(memory=128 * MIB, processes=100, cpu_time=timedelta(seconds=1), disk=32 * MIB)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "tree").mkdir()
    (tmp_path / "home").mkdir()
    return Command(argv=("true",), tree=tmp_path / "tree", home=tmp_path / "home", timeout=timedelta(seconds=50))


@pytest.fixture(params=["what is here", "looks alone"])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    return Limiter(NARROW, owner="test", find=find_ground if request.param == "what is here" else lambda: None)


@pytest.fixture(params=[Bubblewrap, Unconfined])
def sandbox(request: pytest.FixtureRequest, limiter: Limiter) -> Sandbox:
    made: Sandbox = request.param(limiter=limiter)
    return made


async def shell(sandbox: Sandbox, command: Command, script: str) -> Exit:
    return await sandbox.run(replace(command, argv=("sh", "-c", script)), lambda _: None)


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        (HOG, Limit.MEMORY),
        (BOMB, Limit.PROCESSES),
        (BUSY, Limit.CPU_TIME),
        (FILL, Limit.DISK),
        (HIDDEN, Limit.DISK),
    ],
)
async def test_reaching_a_limit_ends_the_run_by_name(
    sandbox: Sandbox, command: Command, script: str, limit: Limit
) -> None:
    ended = await shell(sandbox, command, script)

    assert (ended.limit, ended.code, ended.timed_out) == (limit, None, False)


async def test_a_modest_program_is_left_alone(sandbox: Sandbox, command: Command) -> None:
    ended = await shell(sandbox, command, "head -c 8m /dev/zero > file; for i in 1 2 3; do sleep 0.4 & done; wait")

    assert (ended.limit, ended.code) == (None, 0)


async def test_what_is_written_to_memory_counts_as_memory(limiter: Limiter, command: Command) -> None:
    ended = await shell(
        Bubblewrap(limiter=limiter),
        command,
        "for i in 1 2 3 4 5 6 7 8; do head -c 24m /dev/zero > /tmp/$i; done; sleep 60",
    )

    assert ended.limit is Limit.MEMORY


async def test_files_in_memory_without_a_name_count_as_memory(limiter: Limiter, command: Command) -> None:
    script = (
        "import os, time\nfor name in range(8): os.write(os.memfd_create(str(name)), bytes(24 << 20))\ntime.sleep(60)"
    )
    hidden = replace(command, argv=(str(PYTHON), "-I", "-c", script), mounts=(Path(sys.base_prefix),))

    ended = await Bubblewrap(limiter=limiter).run(hidden, lambda _: None)

    assert ended.limit is Limit.MEMORY


async def test_a_run_gives_way_to_the_daemon(sandbox: Sandbox, command: Command) -> None:
    lines: list[bytes] = []

    await sandbox.run(replace(command, argv=("sh", "-c", "nice; cat /proc/self/oom_score_adj")), lines.append)

    assert lines == [b"%d" % (os.nice(0) + 10), b"500"]


def groups() -> set[str]:
    ground = find_ground()
    return {path.name for base in ground.folders.values() for path in base.glob("selfheald-*")} if ground else set()


async def test_no_group_is_left_after_a_run(command: Command) -> None:
    limiter = Limiter(owner="nothing-left")

    for script in ("true", "exit 3", BUSY):
        await shell(Bubblewrap(limiter=limiter), replace(command, timeout=timedelta(seconds=1)), script)

    assert not any("nothing-left" in name for name in groups())
