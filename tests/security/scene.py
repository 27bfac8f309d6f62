"""Where attacks happen: a state folder with canaries, a bystander, listeners, and the real sandbox and gate."""

import asyncio
import ctypes
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from selfheald.domain.ids import ProjectName
from selfheald.domain.limits import Limit, SandboxLimits
from selfheald.domain.refusal import Refusal
from selfheald.ports import Command, Passage, PassageWanted
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.gate import NetworkGate
from selfheald.sandbox.limiter import Limiter
from tests.sandbox.processes import marked

if TYPE_CHECKING:
    from tests.security.attack import Weakness

PATIENCE = timedelta(seconds=40)
PYTHON = Path(sys.executable).resolve()
"""The interpreter itself: the sandbox shows nothing of a virtual environment."""

WEAKENED = Path(__file__).with_name("weakened.py")

PRELUDE = """\
import ctypes, errno, os, signal, socket, subprocess, sys, time
S = {facts!r}
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    'A system call by its number: 0 and up, or OSError.'
    done = libc.syscall(number, *arguments)
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done
def attack():
{body}
try:
    attack()
except BaseException as error:
    print('LOST', type(error).__name__, error, flush=True)
else:
    print('LOST?', flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What an attack has left."""

    scene: "Scene"
    said: str
    """All of its standard output: what the transcript keeps."""
    code: int | None = None
    limit: Limit | None = None
    refusals: tuple[Refusal, ...] = ()
    over_budget: str = ""


def written(program: str, facts: Mapping[str, object]) -> str:
    """All of an attack's program."""
    body = "\n".join(f"    {line}" for line in program.strip("\n").splitlines())
    return PRELUDE.format(facts=facts, body=body)


@dataclass(slots=True, kw_only=True)
class Scene:
    """A house to be broken into."""

    folder: Path
    canary: str
    mark: str
    """Stands in the command line of every process that an attack starts to outlive it."""
    bystander: subprocess.Popen[bytes]
    """Somebody else's process, with the canary in its environment, its command line and its memory."""
    facts: dict[str, object]
    knocks: list[str] = field(default_factory=list)
    """What reached the listeners of the host."""

    @property
    def state(self) -> Path:
        """The daemon's state folder."""
        return self.folder / "state"

    @property
    def attempt(self) -> Path:
        """The attacker's attempt."""
        return self.state / "attempts" / "1-1"

    async def strike(self, program: str, limits: SandboxLimits, off: "Weakness | None" = None) -> Aftermath:
        """Run a program as the agent; ``off``: with a protection switched off."""
        (self.attempt / "home").mkdir(parents=True, exist_ok=True)
        (self.attempt / "tree").mkdir(exist_ok=True)
        text = written(program, self.facts)
        if off is not None and off.naive:
            return await asyncio.to_thread(self._naively, text)
        way = Way(Egress([("127.0.0.1", int(str(self.facts["port"])))] if off and off.egress else []))
        gate = NetworkGate(models={}, tools={}, way=way, redact=lambda said: said, listener=lambda _: None)
        wanted = PassageWanted(project=ProjectName("billing"))
        try:
            return await self._through(gate, wanted, text, off.limits if off and off.limits else limits, off)
        finally:
            way.close()

    async def ask(
        self, program: str, gate: NetworkGate, wanted: PassageWanted, off: "Weakness | None" = None
    ) -> Aftermath:
        """Run a program as the agent behind this gate; in the program, ``E`` is its environment."""
        (self.attempt / "home").mkdir(parents=True, exist_ok=True)
        (self.attempt / "tree").mkdir(exist_ok=True)
        return await self._through(gate, wanted, written(program, self.facts), SandboxLimits(), off)

    async def _through(
        self, gate: NetworkGate, wanted: PassageWanted, text: str, limits: SandboxLimits, off: "Weakness | None"
    ) -> Aftermath:
        async with gate.open(wanted) as passage:
            after = await self._confined(text, passage, limits, off)
        met = passage.metered()
        return replace(after, refusals=tuple(met.refusals), over_budget=met.over_budget)

    async def _confined(self, text: str, passage: Passage, limits: SandboxLimits, off: "Weakness | None") -> Aftermath:
        limiter = Limiter(limits, owner=self.mark)
        program = self._weakened(off) if off and (off.drop or off.add) else "bwrap"
        sandbox = Bubblewrap(forbidden=(self.state,), owner=self.mark, limiter=limiter, program=program)
        reached = {"MODEL": passage.model_url, "TOOLS": passage.tools_url, "TOKEN": passage.token}
        command = Command(
            argv=(str(PYTHON), "-I", "-c", text),
            env={"PROXY": passage.proxy_url, **reached, **(off.env if off else {})},
            tree=self.attempt / "tree",
            home=self.attempt / "home",
            mounts=(Path(sys.base_prefix), self.folder / "tool"),
            timeout=PATIENCE,
            # Without a network of its own the sandbox would refuse to open the passage's doors.
            passage=None if off and "--unshare-net" in off.drop else passage,
        )
        said: list[bytes] = []
        ended = await sandbox.run(command, said.append)
        text = b"\n".join(said).decode(errors="replace") + ended.stderr
        return Aftermath(scene=self, said=text, code=ended.code, limit=ended.limit)

    def _naively(self, text: str) -> Aftermath:
        env = {**os.environ, "SEMAPHORE_API_TOKEN": self.canary, "PROXY": "http://127.0.0.1:9"}
        tree = self.attempt / "tree"
        argv = [str(PYTHON), "-I", "-c", text]
        # To a file: what outlives the program would hold a pipe open.
        with (self.folder / "said").open("w+b") as file:
            done = subprocess.run(
                argv, env=env, cwd=tree, stdout=file, stderr=file, check=False, timeout=40, start_new_session=True
            )
        said = (self.folder / "said").read_text(errors="replace")
        return Aftermath(scene=self, said=said, code=done.returncode)

    def _weakened(self, off: "Weakness") -> str:
        """A bubblewrap that leaves out some of its options."""
        added = [part.format(folder=self.folder) for part in off.add]
        wanted = self.folder / "weakness.json"
        wanted.write_text(json.dumps({"drop": dict(off.drop), "add": added}))
        script = self.folder / "bwrap"
        script.write_text(f'#!/bin/sh\nexec {PYTHON} -I {WEAKENED} {shutil.which("bwrap")} {wanted} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def take_from_tmp(self) -> bool:
        """Whether the attacker left something in the host's /tmp; it is removed."""
        left = Path("/tmp") / self.mark  # noqa: S108 - the host's own, where nothing is to appear
        found = left.exists()
        left.unlink(missing_ok=True)
        return found

    def bystander_dies(self) -> bool:
        """Whether the bystander is killed, at once or in a moment."""
        try:
            return self.bystander.wait(0.5) != 0
        except subprocess.TimeoutExpired:
            return False

    def changed_late(self) -> bool:
        """Whether the work tree changes although the attempt is over."""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and marked(self.mark):
            if (self.attempt / "tree/late").exists():
                return True
        return (self.attempt / "tree/late").exists()

    async def healthy(self) -> bool:
        """Nobody else has come to harm, nothing is left running, and the next run goes as if nothing had been."""
        assert self.bystander.poll() is None, "the bystander is dead"
        assert marked(self.mark) == [], "a process is left"
        assert (self.folder / "secret").read_text() == f"{self.canary}\n", "a file of the host has changed"
        assert (self.folder / "tool/data").read_text() == "tool\n", "a tool has changed"
        after = await self.strike("print('fine')", SandboxLimits())
        return after.code == 0 and after.said.startswith("fine")


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Set everything up, and clear everything away."""
    canary, mark = f"canary-{secrets.token_hex(8)}", f"mark-{secrets.token_hex(8)}"
    async with AsyncExitStack() as stack:
        _lay_out(stack, folder, canary, mark)
        bystander = _bystander(stack, canary)
        knocks: list[str] = []
        ports = await _listeners(stack, folder, canary, knocks)
        shared = _shared_memory(stack, canary)
        places = {name: str(folder / path) for name, path in PLACES.items()}
        facts = {**places, **ports, "mark": mark, "bystander": bystander.pid, "shared_memory": shared}
        built = Scene(folder=folder, canary=canary, mark=mark, bystander=bystander, facts=facts, knocks=knocks)
        yield built
        for pid in marked(mark):
            os.kill(pid, 9)


def _bystander(stack: AsyncExitStack, canary: str) -> subprocess.Popen[bytes]:
    argv, env = ["sh", "-c", "read line", canary], {**os.environ, "SECRET": canary}
    return stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE, env=env))


PLACES = {
    "secret": "secret",
    "token": "state/github-token",
    "store": "state/selfheald.sqlite",
    "mirror": "state/git/mirrors/acme/billing.git/config",
    "other": "state/attempts/2-1/prompt.md",
    "attempts": "state/attempts",
    "socket": "state/daemon.sock",
    "tool": "tool/data",
    "host_tree": "state/attempts/1-1/tree",
}


def _lay_out(stack: AsyncExitStack, folder: Path, canary: str, mark: str) -> None:
    for name in ("secret", "token", "store", "mirror", "other"):
        place = folder / PLACES[name]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{canary}\n")
    shared = Path("/dev/shm") / mark  # noqa: S108 - the host's own
    shared.write_text(canary)
    stack.callback(shared.unlink)
    (folder / "tool").mkdir()
    (folder / "tool/data").write_text("tool\n")


async def _listeners(stack: AsyncExitStack, folder: Path, canary: str, knocks: list[str]) -> dict[str, object]:
    """Services of the host, by each kind of address; whoever is let in gets the canary."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.append("stream")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(canary)}\r\n\r\n{canary}".encode())
        await writer.drain()
        writer.close()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self._transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            knocks.append(data.decode(errors="replace"))
            self._transport.sendto(canary.encode(), addr)

    abstract = f"\0selfheald-{secrets.token_hex(8)}"
    four = await stack.enter_async_context(await asyncio.start_server(answer, "127.0.0.1", 0))
    port = four.sockets[0].getsockname()[1]
    if HAS_IPV6:
        await stack.enter_async_context(await asyncio.start_server(answer, "::1", port))
    await stack.enter_async_context(await asyncio.start_unix_server(answer, abstract))
    here = os.open(folder / "state", os.O_PATH)  # its path may be longer than an address can be
    stack.callback(os.close, here)
    await stack.enter_async_context(await asyncio.start_unix_server(answer, f"/proc/self/fd/{here}/daemon.sock"))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    stack.callback(transport.close)
    return {"port": port, "udp": transport.get_extra_info("sockname")[1], "abstract": abstract}


def _ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


HAS_IPV6 = _ipv6()


def _shared_memory(stack: AsyncExitStack, canary: str) -> int:
    """A System V segment of the host that holds the canary; gives its key."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    key = secrets.randbelow(1 << 30) + 1
    segment = libc.shmget(key, 4096, 0o1600)
    assert segment >= 0
    at = libc.shmat(segment, None, 0)
    ctypes.memmove(at, canary.encode() + b"\0", len(canary) + 1)
    libc.shmdt(ctypes.c_void_p(at))
    stack.callback(libc.shmctl, segment, 0, None)
    return key
