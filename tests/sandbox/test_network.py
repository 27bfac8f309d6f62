"""No network in the sandbox: what a program reaches outside, it does not reach inside."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.passage import FakePassage, passage
from tests.sandbox.processes import token

from selfheald.ports import Command
from selfheald.sandbox.bubblewrap import Bubblewrap

DOOR = 61080

KNOCK = """
import json, os, socket, sys

def reached(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as knocking:
        knocking.settimeout(5)
        knocking.connect(address)

def resolved(name):
    socket.getaddrinfo(name, 443)

def raw():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()

def packets():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()

def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return type(error).__name__
    return "reached"

wanted = json.loads(sys.argv[1])
print(json.dumps({
    "loopback": tried(reached, socket.AF_INET, ("127.0.0.1", wanted["tcp"])),
    "ipv6": tried(reached, socket.AF_INET6, ("::1", wanted["tcp6"])),
    "own address": tried(reached, socket.AF_INET, (wanted["own"], wanted["any"])),
    "abstract": tried(reached, socket.AF_UNIX, "\\0" + wanted["abstract"]),
    "path": tried(reached, socket.AF_UNIX, wanted["path"]),
    "udp": tried(reached, socket.AF_INET, (wanted["own"], wanted["any"]), socket.SOCK_DGRAM),
    "name": tried(resolved, wanted["name"]),
    "metadata": tried(reached, socket.AF_INET, ("169.254.169.254", 80), socket.SOCK_DGRAM),
    "elsewhere": tried(reached, socket.AF_INET, ("192.0.2.1", 443), socket.SOCK_DGRAM),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "raw": tried(raw),
    "packets": tried(packets),
}))
"""
"""Datagram sockets send nothing when they connect: that works wherever there is a route."""


def own_address() -> str:
    """An address of this machine that is not a loopback one; it is one all the same where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(asking.getsockname()[0])


@contextmanager
def listeners(folder: Path) -> Iterator[Mapping[str, object]]:
    """Services of the host, of each kind."""
    with ExitStack() as opened:
        tcp = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        tcp6 = opened.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        anywhere = opened.enter_context(socket.create_server(("0.0.0.0", 0)))
        abstract, path = token(), str(folder / "socket")
        for address in (f"\0{abstract}", path):
            listener = opened.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
        yield {
            "tcp": tcp.getsockname()[1],
            "tcp6": tcp6.getsockname()[1],
            "any": anywhere.getsockname()[1],
            "own": own_address(),
            "abstract": abstract,
            "path": path,
            "name": "localhost",
        }


@pytest.fixture
async def way() -> AsyncIterator[FakePassage]:
    async with passage(DOOR) as opened:
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


async def inside(command: Command, wanted: Mapping[str, object]) -> dict[str, object]:
    lines: list[bytes] = []
    argv = ("/usr/bin/python3", "-c", KNOCK, json.dumps(wanted))
    ended = await Bubblewrap().run(replace(command, argv=argv), lines.append)
    assert ended.code == 0, ended.stderr
    return dict(json.loads(b"".join(lines)))


async def outside(wanted: Mapping[str, object]) -> dict[str, object]:
    asked = (sys.executable, "-c", KNOCK, json.dumps(wanted))
    process = await asyncio.create_subprocess_exec(*asked, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return dict(json.loads(said))


async def test_what_is_reached_outside_is_not_reached_inside(command: Command, tmp_path: Path) -> None:
    with listeners(tmp_path) as wanted:
        there, here = await outside(wanted), await inside(command, {**wanted, "name": "registry.example.com"})

    reached = {name for name, found in there.items() if found == "reached"}
    assert reached >= {"loopback", "ipv6", "own address", "abstract", "path", "udp", "name"}
    assert [name for name, found in here.items() if found == "reached"] == []
    assert here["interfaces"] == ["lo"]


async def test_without_a_passage_there_is_nothing_at_all(command: Command, tmp_path: Path) -> None:
    with listeners(tmp_path) as wanted:
        here = await inside(replace(command, passage=None), {**wanted, "tcp": DOOR})

    assert [name for name, found in here.items() if found == "reached"] == ["name"]  # localhost, by the hosts file


async def test_a_name_does_not_resolve_inside_and_that_is_told_at_once(command: Command) -> None:
    lines: list[bytes] = []
    asked = "getent hosts registry.example.com; echo $?; cat /etc/resolv.conf /etc/hosts"

    ended = await Bubblewrap().run(replace(command, argv=("sh", "-c", asked)), lines.append)

    assert lines == [b"2", b"127.0.0.1 localhost sandbox", b"::1 localhost"]
    assert ended.seconds < 20
