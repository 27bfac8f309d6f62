"""Holds a run to its limits, by what is at hand: a control group, limits of each process, and a look now and then.

A control group is the kernel's own wall. Without one the run's processes are counted and weighed every quarter of a
second, so that a limit may be passed for that long. CPU time and the disk are looked at in either case. Reaching a
limit ends the run.
"""

import asyncio
import contextlib
import os
import resource
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import structlog

from selfheald.domain.errors import TransientError
from selfheald.domain.limits import GIB, MIB, Limit, SandboxLimits
from selfheald.domain.policy import duration_text
from selfheald.ports import Exit
from selfheald.sandbox.cgroups import COUNTED, PREFIX, Ground, Group, find_ground, left_behind, prepare
from selfheald.sandbox.disk import Disk
from selfheald.sandbox.family import Process
from selfheald.sandbox.memory import PAGE, shared_memory, weight

log = structlog.get_logger()

LOOK_SECONDS = 0.25
"""Between two looks."""

NICENESS = 10
"""A run gives way to the daemon."""

OOM_SCORE = 500
"""Of 1000: when the machine itself runs out of memory the kernel ends a run rather than the daemon."""

LARGEST_FILE = 4 * GIB
"""Bytes of one file, unless ``disk`` is less."""

TICKS = os.sysconf("SC_CLK_TCK")

REMOVE_ROUNDS = 500
REMOVE_PAUSE = 0.01
"""Seconds between two rounds: the processes of a group may take a while to die."""

WALL = 4
"""Where processes are looked at, the kernel refuses more than this many times the limit: a look names the limit, while
a program to which the kernel refuses a process ends in ways of its own. It does not hold for root."""

PER_NAMESPACE = (5, 14)
"""Since this kernel RLIMIT_NPROC counts by user namespace; before it a user's other processes would count too."""


class Members(Protocol):
    """Gives the processes of a run that live."""

    def __call__(self) -> Sequence[Process]:
        """Look now."""


class Limiter:
    """Makes the holds of all runs. ``find`` says where control groups may be made; the default looks here."""

    def __init__(
        self,
        limits: SandboxLimits | None = None,
        *,
        owner: str = "",
        find: Callable[[], Ground | None] = find_ground,
    ) -> None:
        self.limits = limits or SandboxLimits()
        self._owner = owner
        self._find = find
        self._ground: Ground | None = None
        self._looked = False

    @contextmanager
    def hold(self, folders: Sequence[Path]) -> Iterator["Hold"]:
        """A hold for one run; ``folders`` are those that it may fill. Its group goes with it, or at the next start."""
        group = self._group()
        try:
            yield Hold(self.limits, group, Disk(folders, self.limits.disk))
        finally:
            if group is not None and not group.remove():
                log.warning("cgroup_not_removed", meaning="a process of the sandbox is still in it")

    def wrapped(self, argv: Sequence[str]) -> list[str]:
        """The command with limits of each process, none above what the daemon itself has. Raises TransientError.

        Never the address space ("as"): a few gigabytes of it break Codex without a word.
        """
        prlimit = shutil.which("prlimit")
        if prlimit is None:
            raise TransientError("starting a sandbox: the program prlimit is missing (Debian package util-linux)")
        wanted = {"core": 0, "nofile": self.limits.open_files, "fsize": min(LARGEST_FILE, self.limits.disk)}
        return [prlimit, *(f"--{name}={_within_ours(name, limit)}" for name, limit in wanted.items()), "--", *argv]

    def told(self) -> str:
        """Which limits hold here, by what, and how to get better ones. Changes nothing."""
        ground = self._find()
        limits = self.limits
        by = f"cgroup v{ground.version}" if ground else ""
        hard = [limit for limit in (Limit.MEMORY, Limit.PROCESSES) if ground and limit in ground.holds]
        soft = [limit for limit in (Limit.MEMORY, Limit.PROCESSES) if limit not in hard]
        values = {Limit.MEMORY: _size(limits.memory), Limit.PROCESSES: str(limits.processes)}
        parts = [f"{each} {values[each]} by {by}" for each in hard]
        parts += [f"{each} {values[each]} by a look every {LOOK_SECONDS} s" for each in soft]
        if limits.cpus is not None:
            held = ground is not None and "cpu" in ground.folders
            parts.append(f"cpus {limits.cpus:g} {f'by {by}' if held else 'NOT held'}")
        parts.append(f"cpu_time {duration_text(limits.cpu_time)} and disk {_size(limits.disk)} by looks")
        parts.append(
            f"open_files {limits.open_files} by rlimit, tmp {_size(limits.tmp)}, output {_size(limits.output)}"
        )
        advice = (
            ""
            if not soft
            else (
                ". For hard limits run the daemon as a systemd service with Delegate=yes"
                " (this command sees its own surroundings, not the service's)"
            )
        )
        return "; ".join(parts) + advice

    def _group(self) -> Group | None:
        if not self._looked:
            self._looked = True
            self._ground = self._find()
            with self._doing_without("no control group can be made"):
                if self._ground is not None:
                    prepare(self._ground)
        if self._ground is None:
            return None
        group = Group(self._ground, f"{PREFIX}-{self._owner}-{secrets.token_hex(8)}")
        with self._doing_without("no control group could be made"):
            group.make(self.limits)
        if self._ground is None:
            group.remove()
            return None
        return group

    @contextmanager
    def _doing_without(self, trouble: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._ground = None
            log.warning("cgroups_unusable", trouble=trouble, why=str(error), meaning="limits hold by looks only")


async def remove_groups(owner: str, find: Callable[[], Ground | None] = find_ground) -> int:
    """Remove the groups of an owner's runs that a killed daemon left, and end what is in them. Gives how many."""
    ground = find()
    left = list(left_behind(ground, owner)) if ground else []
    for group in left:
        await asyncio.to_thread(group.kill)
        for _ in range(REMOVE_ROUNDS):
            if group.remove():
                break
            await asyncio.sleep(REMOVE_PAUSE)  # the dying are still in it
    return len(left)


class Hold:
    """The hold on one run."""

    def __init__(self, limits: SandboxLimits, group: Group | None, disk: Disk) -> None:
        self._limits = limits
        self._group = group
        self._disk = disk
        self._shared = shared_memory()

    @property
    def entrances(self) -> list[Path]:
        """The files into which a process writes its id to enter the run's group."""
        return self._group.entrances if self._group else []

    def begin(self, pid: int) -> None:
        """Take hold of the first process of a namespace, which is held. Raises TransientError."""
        if self._group is not None:
            try:
                self._group.enter(pid)
            except ProcessLookupError:  # it died meanwhile: bubblewrap itself says why
                return
            except OSError as error:
                raise TransientError(f"putting a sandbox into its control group: {error.strerror}") from error
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
            Path(f"/proc/{pid}/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
        counted = self._group is not None and Limit.PROCESSES in self._group.holds
        if not counted and _kernel() >= PER_NAMESPACE:
            wall = WALL * self._limits.processes
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(pid, resource.RLIMIT_NPROC, (wall, wall))

    async def reached(self, members: Members, scratch: Callable[[], int] = int) -> Limit:
        """Wait until a limit is reached; ``scratch`` gives the bytes of its file systems in memory."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if limit := await asyncio.to_thread(self._look, members, scratch):
                return limit
            if await self._disk.full(lambda: [process.pid for process in members()]):
                return Limit.DISK

    def judged(self, ended: Exit) -> Exit:
        """How a run ended: the kernel may have ended it for a limit before anybody looked."""
        if ended.limit or ended.timed_out or ended.code == 0 or self._group is None:
            return ended
        limit = self._group.reached()
        return replace(ended, code=None, limit=limit) if limit else ended

    def _look(self, members: Members, scratch: Callable[[], int]) -> Limit | None:
        held = self._group.holds if self._group else set[Limit]()
        living = [] if held == set(COUNTED) else members()
        used = self._group.cpu_seconds() if self._group and Limit.CPU_TIME in held else _cpu_seconds(living)
        if used > self._limits.cpu_time.total_seconds():
            return Limit.CPU_TIME
        if self._group is not None and (limit := self._group.reached()):
            return limit
        if Limit.PROCESSES not in held and sum(process.threads for process in living) > self._limits.processes:
            return Limit.PROCESSES
        return Limit.MEMORY if Limit.MEMORY not in held and self._heavy(living, scratch) else None

    def _heavy(self, living: Sequence[Process], scratch: Callable[[], int]) -> bool:
        limit = self._limits.memory
        # At first what is cheap to see: pages that are shared count for each, and what others write to memory counts.
        most = sum(process.pages for process in living) * PAGE + max(scratch(), shared_memory() - self._shared)
        return most > limit and weight(living, scratch()) > limit


def _cpu_seconds(living: Sequence[Process]) -> float:
    return sum(process.ticks for process in living) / TICKS


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def _within_ours(name: str, wanted: int) -> int:
    _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _size(size: int) -> str:
    return f"{size // GIB}g" if size % GIB == 0 else f"{size // MIB}m"
