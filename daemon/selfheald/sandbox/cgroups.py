"""Control groups: limits that the kernel holds for all processes of a run together.

Version 2 is used where a subtree is delegated to us (systemd's ``Delegate=yes``, a container with a writable cgroup
file system), version 1 where we may make groups below our own (as root). A run's group lies beside or below our own
group, so that whatever limits the daemon limits the run too.
"""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfheald.domain.limits import Limit, SandboxLimits

ROOT = Path("/sys/fs/cgroup")
LEAF = "daemon"
"""A delegated group with groups below it holds no process itself (version 2): the daemon moves into this one."""

WANTED = ("memory", "pids", "cpu")
"""Version 2's controllers that we use."""

WANTED_V1 = (*WANTED, "cpuacct")

COUNTED = (Limit.MEMORY, Limit.PROCESSES, Limit.CPU_TIME)

PREFIX = "selfheald"
PERIOD_MICROSECONDS = 100_000
"""The kernel's own default: a group that used up its share waits for the rest of this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where we may make groups."""

    version: int
    folders: Mapping[str, Path]
    """By controller."""

    @property
    def holds(self) -> set[Limit]:
        """The limits that the kernel holds here, or at least counts for."""
        counting = "cpuacct" if self.version == 1 else "cpu"
        controllers = {Limit.MEMORY: "memory", Limit.PROCESSES: "pids", Limit.CPU_TIME: counting}
        return {limit for limit in COUNTED if controllers[limit] in self.folders}


def find_ground(root: Path = ROOT, own: str | None = None) -> Ground | None:
    """Where groups may be made; ``None``: nowhere. Changes nothing. ``own`` is what /proc/self/cgroup says."""
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8") if own is None else own
    lines = (line.split(":", 2) for line in own.splitlines())
    paths = {name: path for _, names, path in lines for name in names.split(",")}
    return _second(root, paths.get("", "/")) or _first(root, paths)


def _second(root: Path, path: str) -> Ground | None:
    mounted = next((each for each in (root, root / "unified") if (each / "cgroup.controllers").is_file()), None)
    if mounted is None:
        return None
    mine = mounted / path.lstrip("/")
    for base in (mine, mine.parent):
        if base.is_relative_to(mounted) and _delegated(base, mounted):
            offered = (base / "cgroup.controllers").read_text(encoding="utf-8").split()
            folders = {name: base for name in WANTED if name in offered}
            if "memory" in folders or "pids" in folders:
                return Ground(version=2, folders=folders)
    return None  # or our own group is a leaf, and what lies above it is not ours


def _delegated(base: Path, mounted: Path) -> bool:
    files = (base, base / "cgroup.procs", base / "cgroup.subtree_control")
    if not all(os.access(file, os.W_OK) for file in files):
        return False
    return base == mounted or 0 != base.stat().st_uid == os.geteuid() or _marked(base)


def _marked(base: Path) -> bool:
    """Whether systemd says that it leaves this group to us: root may write into all of them."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(base, name) == b"1":
                return True
    return False


def _first(root: Path, paths: Mapping[str, str]) -> Ground | None:
    folders = {}
    for name in WANTED_V1:
        mine = root / name / paths.get(name, "/").lstrip("/")
        # In a container the path is the host's, and what is mounted is our own group.
        base = mine if mine.is_dir() else root / name
        if name in paths and (base / "cgroup.procs").is_file() and os.access(base, os.W_OK):
            folders[name] = base
    return Ground(version=1, folders=folders) if "memory" in folders or "pids" in folders else None


def prepare(ground: Ground) -> None:
    """Have the kernel count for groups that are to be made; the daemon moves into one of its own. Raises OSError."""
    if ground.version == 1:
        return
    base = next(iter(ground.folders.values()))
    control = base / "cgroup.subtree_control"
    if set(ground.folders) <= set(control.read_text(encoding="utf-8").split()):
        return
    if (base / "cgroup.type").exists():  # all but the machine's own root, which may hold processes beside groups
        (base / LEAF).mkdir(exist_ok=True)
        for pid in (base / "cgroup.procs").read_text(encoding="utf-8").split():
            with contextlib.suppress(ProcessLookupError):
                _write(base / LEAF / "cgroup.procs", pid)
    _write(control, " ".join(f"+{name}" for name in ground.folders))


class Group:
    """The control group of one run: one folder, or with version 1 one for each controller."""

    def __init__(self, ground: Ground, name: str) -> None:
        self._version = ground.version
        self.holds = ground.holds
        self._folders = {controller: base / name for controller, base in ground.folders.items()}

    def make(self, limits: SandboxLimits) -> None:
        """Make it and set its limits. Raises OSError."""
        for folder in dict.fromkeys(self._folders.values()):
            folder.mkdir()
        for controller, name, value in self._settings(limits):
            if controller in self._folders:
                _write(self._folders[controller] / name, value)
        with contextlib.suppress(OSError):  # where swap is not counted there is none to be taken
            swap = "memory.swap.max" if self._version > 1 else "memory.memsw.limit_in_bytes"
            if "memory" in self._folders:
                _write(self._folders["memory"] / swap, "0" if self._version > 1 else str(limits.memory))

    def _settings(self, limits: SandboxLimits) -> Iterator[tuple[str, str, str]]:
        second = self._version > 1
        yield ("memory", "memory.max" if second else "memory.limit_in_bytes", str(limits.memory))
        if second:
            yield ("memory", "memory.oom.group", "1")
        yield ("pids", "pids.max", str(limits.processes))
        if limits.cpus is not None:
            quota = str(int(limits.cpus * PERIOD_MICROSECONDS))
            yield ("cpu", *(("cpu.max", f"{quota} {PERIOD_MICROSECONDS}") if second else ("cpu.cfs_quota_us", quota)))

    @property
    def entrances(self) -> list[Path]:
        """The files into which the id of a process is written that is to be in it."""
        return [folder / "cgroup.procs" for folder in dict.fromkeys(self._folders.values())]

    def enter(self, pid: int) -> None:
        """Put a process into it, and with it all that it will start. Raises OSError."""
        for entrance in self.entrances:
            _write(entrance, str(pid))

    def reached(self) -> Limit | None:
        """The limit at which the kernel said no."""
        events = "memory.events" if self._version > 1 else "memory.oom_control"
        if self._count("memory", events, "oom_kill"):
            return Limit.MEMORY
        return Limit.PROCESSES if self._count("pids", "pids.events", "max") else None

    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""
        if self._version > 1:
            return self._count("cpu", "cpu.stat", "usage_usec") / 1e6
        return int(_read(self._folders, "cpuacct", "cpuacct.usage") or 0) / 1e9

    def remove(self) -> bool:
        """Remove it; ``False`` while a process is in it."""
        for folder in self._folders.values():
            with contextlib.suppress(FileNotFoundError):
                try:
                    folder.rmdir()
                except OSError:
                    return False
        return True

    def kill(self) -> None:
        """Kill whatever is in it."""
        for entrance in self.entrances:
            with contextlib.suppress(OSError):
                if (whole := entrance.with_name("cgroup.kill")).exists():
                    _write(whole, "1")
                for pid in entrance.read_text(encoding="utf-8").split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def _count(self, controller: str, file: str, word: str) -> int:
        lines = map(str.split, _read(self._folders, controller, file).splitlines())
        return next((int(line[1]) for line in lines if line[:1] == [word]), 0)


def left_behind(ground: Ground, owner: str) -> Iterator[Group]:
    """The groups of an owner's runs that are still there."""
    names = {path.name for base in ground.folders.values() for path in base.glob(f"{PREFIX}-{owner}-*")}
    yield from (Group(ground, name) for name in sorted(names))


def _read(folders: Mapping[str, Path], controller: str, file: str) -> str:
    try:
        return (folders[controller] / file).read_text(encoding="utf-8")
    except (KeyError, OSError):
        return ""


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
