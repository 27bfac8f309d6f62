"""The filter on system calls: by its table, and by programs that try."""

import errno
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sandbox.bpf import verdict

from selfheald.domain.errors import TransientError
from selfheald.ports import Command
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.seccomp import ALLOW, FAIL, KILL, seccomp_filter
from selfheald.sandbox.syscalls import AARCH64, ARCHITECTURES, LOOKED_AT, REFUSED, X86_64, number

BOTH = (X86_64, AARCH64)
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or "python3"
EPERM, ENOSYS, EAFNOSUPPORT = errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT

FEW = {"read": (0, 63), "write": (1, 64), "openat": (257, 56), "futex": (202, 98), "execve": (59, 221)}
"""Calls without which nothing runs."""

ASKED = [
    ("clone", (0x11,), 0),  # fork
    ("clone", (0x3D0F00,), 0),  # a thread
    *[("clone", (0x11 | bit,), EPERM) for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000)],
    ("clone", (0x40000011,), EPERM),
    ("clone", (0xFFFF_FFFF_0000_0011,), 0),  # the kernel looks at the lower half too
    ("clone3", (0, 0), ENOSYS),
    ("ioctl", (0, 0x5401), 0),  # TCGETS
    ("ioctl", (0, 0x5412), EPERM),
    ("ioctl", (0, 0xFFFF_FFFF_0000_5412), EPERM),
    ("ioctl", (0, 0x541C), EPERM),
    ("personality", (0xFFFFFFFF,), 0),
    ("personality", (0,), 0),
    ("personality", (0x0400000,), EPERM),  # READ_IMPLIES_EXEC
    ("socket", (1, 1, 0), 0),
    ("socket", (2, 1, 6), 0),
    ("socket", (10, 0x80801, 0), 0),  # not blocking, closed at exec
    ("socket", (2, 2, 17), 0),
    ("socket", (2, 3, 1), EPERM),
    ("socket", (2, 0x80803, 255), EPERM),
    ("socket", (10, 3, 58), EPERM),
    ("socket", (2, 10, 768), EPERM),
    ("socket", (2, 5, 132), EPERM),
    ("socket", (16, 3, 0), 0),
    ("socket", (16, 2, 15), EAFNOSUPPORT),
    ("socket", (17, 3, 768), EAFNOSUPPORT),
    ("socket", (38, 5, 0), EAFNOSUPPORT),
    ("socket", (40, 1, 0), EAFNOSUPPORT),
    ("socketpair", (1, 1, 0), 0),
    ("socketpair", (30, 1, 0), EAFNOSUPPORT),
]


def failing(code: int) -> int:
    return FAIL | code if code else ALLOW


@pytest.mark.parametrize("machine", BOTH)
def test_calls_that_no_agent_needs_are_refused(machine: str) -> None:
    program = seccomp_filter(machine)
    known = {name: number(machine, pair) for name, pair in REFUSED.items()}

    told = {name: verdict(program, call, ARCHITECTURES[machine]) for name, call in known.items() if call is not None}

    assert set(told.values()) == {failing(EPERM)}
    assert len(told) > 45


@pytest.mark.parametrize("machine", BOTH)
def test_everything_else_is_allowed(machine: str) -> None:
    program = seccomp_filter(machine)
    looked_at = {number(machine, pair) for pair in (*REFUSED.values(), *LOOKED_AT.values())}

    others = {call for call in range(1024) if call not in looked_at}

    assert {number(machine, pair) for pair in FEW.values()} <= others
    assert {verdict(program, call, ARCHITECTURES[machine]) for call in others} == {ALLOW}


@pytest.mark.parametrize("machine", BOTH)
@pytest.mark.parametrize(("name", "arguments", "code"), ASKED)
def test_some_calls_depend_on_what_they_ask_for(machine: str, name: str, arguments: tuple[int, ...], code: int) -> None:
    call = number(machine, LOOKED_AT[name])
    assert call is not None

    told = verdict(seccomp_filter(machine), call, ARCHITECTURES[machine], arguments)

    assert told == failing(code)


@pytest.mark.parametrize(
    ("machine", "architecture", "call"),
    [(X86_64, 0x40000003, 20), (X86_64, ARCHITECTURES[X86_64], 0x40000000 | 39), (AARCH64, 0x40000028, 20)],
)
def test_calls_of_another_architecture_end_the_program(machine: str, architecture: int, call: int) -> None:
    assert verdict(seccomp_filter(machine), call, architecture) == KILL


def test_no_two_calls_share_a_number() -> None:
    for machine in BOTH:
        numbers = [number(machine, pair) for pair in (*REFUSED.values(), *LOOKED_AT.values())]
        known = [one for one in numbers if one is not None]
        assert len(known) == len(set(known))


def test_a_machine_without_a_table_gets_no_sandbox() -> None:
    with pytest.raises(TransientError, match="cannot be filtered on riscv64; known are x86_64, aarch64"):
        seccomp_filter("riscv64")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "tree").mkdir()
    (tmp_path / "home").mkdir()
    return Command(argv=("true",), tree=tmp_path / "tree", home=tmp_path / "home", timeout=timedelta(seconds=60))


async def test_the_filter_is_there_from_the_program_s_first_instruction(command: Command) -> None:
    lines: list[bytes] = []

    await Bubblewrap().run(
        replace(command, argv=("grep", "-E", "^(Seccomp|NoNewPrivs)", "/proc/self/status")), lines.append
    )

    assert [re.split(rb":\s+", line) for line in lines] == [
        [b"NoNewPrivs", b"1"],
        [b"Seccomp", b"2"],
        [b"Seccomp_filters", b"1"],
    ]


async def test_processes_threads_pipes_and_sockets_work_as_ever(command: Command) -> None:
    script = (
        "import multiprocessing, socket, subprocess, threading\n"
        "def double(n): return 2 * n\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(double, [1, 2]))\n"
        "    thread = threading.Thread(target=print, args=['thread']); thread.start(); thread.join()\n"
        "    print(subprocess.run(['echo', 'child'], capture_output=True, text=True, check=True).stdout.strip())\n"
        "    one, other = socket.socketpair(); one.send(b'x'); print(other.recv(1))\n"
        "    listener = socket.create_server(('127.0.0.1', 0))\n"
        "    socket.create_connection(listener.getsockname()); print('loopback')\n"
        "    print(len(socket.if_nameindex()) > 0)\n"
    )
    (command.tree / "all.py").write_text(script)
    lines: list[bytes] = []

    ended = await Bubblewrap().run(replace(command, argv=(PYTHON, "-W", "ignore", "all.py")), lines.append)

    assert (ended.code, ended.stderr) == (0, "")
    assert lines == [b"[2, 4]", b"thread", b"child", b"b'x'", b"loopback", b"True"]
