"""The doors of a sandbox: ports inside, at which the daemon answers; and no other way to the host's network."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.passage import FakePassage, passage
from tests.sandbox.processes import command_lines, none_left, token

from selfheald.domain.errors import TransientError
from selfheald.ports import Command, Exit
from selfheald.sandbox import doors
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.doors import Doors

DOOR, OTHER = 61080, 61128
ASK = "cat < /dev/tcp/127.0.0.1/%d"


@pytest.fixture
async def way() -> AsyncIterator[FakePassage]:
    async with passage(DOOR, OTHER) as opened:
        yield opened


@pytest.fixture
def command(tmp_path: Path, way: FakePassage) -> Command:
    (tmp_path / "tree").mkdir()
    (tmp_path / "home").mkdir()
    return Command(
        argv=("true",),
        tree=tmp_path / "tree",
        home=tmp_path / "home",
        timeout=timedelta(seconds=60),
        passage=way,
    )


async def shell(command: Command, script: str) -> tuple[Exit, list[str]]:
    lines: list[str] = []
    ended = await Bubblewrap().run(
        replace(command, argv=("bash", "-c", script)), lambda line: lines.append(line.decode())
    )
    return ended, lines


def helpers() -> list[int]:
    """Helper processes of this process: other tests have theirs."""
    return [pid for pid, line in command_lines().items() if str(doors.PROGRAM) in line and parent(pid) == os.getpid()]


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except FileNotFoundError:
        return 0


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_daemon_answers_at_each_door(command: Command) -> None:
    ended, lines = await shell(command, f"{ASK % DOOR}; {ASK % OTHER}")

    assert (ended.code, lines) == (0, [f"hello from {DOOR}", f"hello from {OTHER}"])


async def test_each_sandbox_of_a_passage_has_its_own_doors(command: Command) -> None:
    results = await asyncio.gather(*(shell(command, ASK % DOOR) for _ in range(3)))

    assert [lines for _, lines in results] == [[f"hello from {DOOR}"]] * 3


async def test_doors_are_open_from_the_first_moment(command: Command) -> None:
    ended, lines = await shell(command, f"exec 3<>/dev/tcp/127.0.0.1/{DOOR}; head -1 <&3")

    assert (ended.code, lines) == (0, [f"hello from {DOOR}"])


async def test_only_the_doors_listen_inside(command: Command) -> None:
    _, lines = await shell(
        command, "tail -n +2 /proc/net/tcp | awk '$4 == \"0A\" {print $2}'; tail -n +2 /proc/net/tcp6"
    )

    assert sorted(lines) == sorted(f"0100007F:{door:X}" for door in (DOOR, OTHER))


async def test_a_door_is_not_there_for_the_host(command: Command, way: FakePassage) -> None:
    await shell(command, "true")

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", DOOR)
    assert len(way.served) == 2


async def test_a_program_may_listen_at_any_other_port(command: Command) -> None:
    script = f"""
import errno, socket
listener = socket.create_server(("127.0.0.1", 8080))
print(socket.create_connection(("127.0.0.1", 8080)).getpeername()[1])
try:
    socket.create_server(("127.0.0.1", {DOOR}))
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    lines: list[bytes] = []

    await Bubblewrap().run(replace(command, argv=("/usr/bin/python3", "-c", script)), lines.append)

    assert lines == [b"8080", b"EADDRINUSE"]


async def test_nothing_of_the_helper_is_left(command: Command) -> None:
    await shell(command, "true")

    assert helpers() == []


async def test_no_file_descriptor_is_lost(command: Command, way: FakePassage) -> None:
    await shell(command, "true")
    before = descriptors()

    for _ in range(3):
        await shell(command, "true")

    assert descriptors() == before + 3 * len(way.doors)  # the passage's, until it closes


async def test_cancelling_while_the_doors_open_leaves_nothing(command: Command, way: FakePassage) -> None:
    mark = token()
    began = descriptors()
    for _ in range(6):
        way.served.clear()
        task = asyncio.create_task(shell(command, f"sleep 1000; : {mark}"))
        while not way.served and not task.done():
            await asyncio.wait({task}, timeout=0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await way.close()

    none_left(mark)
    assert helpers() == []
    assert descriptors() <= began


async def test_a_passage_that_cannot_answer_keeps_the_program_from_starting(command: Command, way: FakePassage) -> None:
    way.broken = True

    with pytest.raises(TransientError, match="passage is closed"):
        await shell(command, "touch started")
    assert not (command.tree / "started").exists()


async def test_no_door_is_opened_in_the_hosts_own_network(way: FakePassage) -> None:
    pidfd = os.pidfd_open(os.getpid())
    try:
        with Doors(way) as opening, pytest.raises(TransientError, match="no network of its own"):
            await opening.open(os.getpid(), pidfd)
    finally:
        os.close(pidfd)
    assert way.served == []


async def test_a_sandbox_that_died_meanwhile_gets_no_doors(way: FakePassage) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "1000")
    pidfd = os.pidfd_open(process.pid)
    process.kill()
    await process.wait()
    try:
        with Doors(way) as opening:
            await opening.open(process.pid, pidfd)
    finally:
        os.close(pidfd)
    assert way.served == []


async def test_an_ordinary_user_has_doors_too(tmp_path: Path) -> None:
    """Whoever runs the tests: inside this user namespace they are user 1000, without any capability."""
    as_user = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    knocking = (sys.executable, "-m", "tests.sandbox.knocking", str(tmp_path))

    process = await asyncio.create_subprocess_exec(*as_user, *knocking, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()

    assert said.decode().splitlines() == ["1000", "CapEff:\t" + "0" * 16, "hello from 61080"]


async def test_connections_are_answered_without_delay(command: Command, way: FakePassage) -> None:
    await shell(command, ASK % DOOR)

    assert [one.proto for one in way.served] == [socket.IPPROTO_TCP] * 2
