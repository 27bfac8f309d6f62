"""bubblewrap: Linux namespaces around a program, by the ``bwrap`` program."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from selfheald.domain.errors import NotFoundError, TransientError
from selfheald.ports import Command, Exit, Layout, Probe
from selfheald.sandbox import view
from selfheald.sandbox.doors import OPENING, Doors, NoPassage
from selfheald.sandbox.family import MARK, new_mark
from selfheald.sandbox.limiter import Hold, Limiter
from selfheald.sandbox.mounts import check_mounts
from selfheald.sandbox.namespace import Namespace
from selfheald.sandbox.process import OnLine, Start, in_memory, run
from selfheald.sandbox.seccomp import seccomp_filter

NEEDED = (0, 8)
"""The first version with ``--disable-userns``."""

PROBE_TIMEOUT = timedelta(seconds=20)
"""A probe takes some milliseconds; a busy machine may take longer."""

SIGNAL_BASE = 128
SIGNALS = frozenset({3, 4, 6, 7, 8, 9, 11, 13, 15, 24, 25, 31})
"""bubblewrap reports a program that signal n ended as exit code 128+n. Only these, which end a program by default, are
read so: some programs use other codes above 128 for their own ends."""

NO_PROGRAM = re.compile(
    r"^bwrap: execvp .*: (?:No such file or directory|Permission denied|Not a directory)", re.MULTILINE
)

MISSING = "bubblewrap is not installed: install the Debian package bubblewrap (0.8 or newer)"


class Bubblewrap:
    """The sandbox that shows a program nothing but a read-only system, its work tree and a private home.

    Its network is a loopback interface of its own, with the doors of the passage, if there is one.

    ``forbidden`` are folders of which no part may be mounted: the state folder. ``owner`` is a word by which
    :func:`selfheald.sandbox.family.end_all_of` finds what is left when the daemon dies while bubblewrap sets up.
    """

    def __init__(
        self,
        *,
        forbidden: Sequence[Path] = (),
        owner: str = "",
        program: str = "bwrap",
        limiter: Limiter | None = None,
    ) -> None:
        self._owner = owner
        self._limiter = limiter or Limiter(owner=owner)
        self._forbidden = tuple(forbidden)
        self._program = program

    def layout(self, tree: Path, home: Path) -> Layout:  # noqa: ARG002 - the same for all
        """Give the fixed places inside."""
        return Layout(tree=view.TREE, home=view.HOME)

    async def run(self, command: Command, on_line: OnLine) -> Exit:
        """Run a program inside; see :class:`selfheald.ports.Sandbox`. Raises ConfigError for a mount too far."""
        check_mounts(command.mounts, self._forbidden)
        with (
            contextlib.ExitStack() as files,
            self._limiter.hold((command.tree, command.home)) as hold,
            Doors(command.passage) as doors,
            Namespace(_both(hold, doors)) as namespace,
        ):
            made = {path: _handed(files, content) for path, content in view.MADE.items()}
            calls = _handed(files, seccomp_filter())
            arguments = (
                *view.ISOLATION,
                *view.system(),
                *view.made(made),
                *view.scratch(self._limiter.limits.tmp),
                *view.shared(command.tree, command.home, command.mounts),
                *view.environment(command.env),
                *("--remount-ro", "/"),
                *("--seccomp", str(calls)),
                *namespace.arguments,
            )
            # Not in the command line, which everybody may read: the environment holds a key.
            described = _handed(files, b"".join(part.encode() + b"\0" for part in arguments))
            start = Start(
                argv=self._limiter.wrapped([self._found(), "--args", str(described), "--", *command.argv]),
                env={MARK: new_mark(self._owner)},  # bubblewrap's own; the program inside does not get it
                cwd=None,
                stdin=command.stdin,
                fds=(described, *made.values(), calls, *namespace.fds),
                output=self._limiter.limits.output,
            )
            watched = partial(hold.reached, namespace.members, namespace.scratch)
            ended = hold.judged(await run(start, namespace, on_line, command.timeout, watched))
            return _judged(command, ended, ran=namespace.program_ran())

    async def probe(self) -> Probe:
        """Run a program inside, and say what is missing."""
        try:
            version = await _version(self._found())
            if version < NEEDED:
                return Probe(ok=False, found=f"bubblewrap {_dotted(version)} is too old: 0.8 or newer is needed")
            await self._try()
        except TransientError as error:
            return Probe(ok=False, found=f"{error.message}{advice(error.message)}")
        return Probe(ok=True, found=f"bubblewrap {_dotted(version)}; no network but the gate")

    async def _try(self) -> None:
        with tempfile.TemporaryDirectory(prefix="selfheald-probe-") as folder:
            tree, home = Path(folder) / "tree", Path(folder) / "home"
            tree.mkdir()
            home.mkdir()
            trying = Command(argv=("true",), tree=tree, home=home, timeout=PROBE_TIMEOUT, passage=NoPassage())
            ended = await self.run(trying, lambda _: None)
        if ended.code != 0:
            raise TransientError(f"running a program in the sandbox ended with {ended.code}: {ended.stderr.strip()}")

    def _found(self) -> str:
        found = shutil.which(self._program)
        if found is None:
            raise TransientError(MISSING)
        return found


def advice(trouble: str) -> str:
    """How to mend what bubblewrap complains about; empty when there is nothing to add. Pure."""
    if re.search(r"new namespace|uid map|user namespace|unshare|loopback", trouble):
        return (
            ". User namespaces are refused here: set sysctl kernel.unprivileged_userns_clone=1 (Debian) or "
            "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), and user.max_user_namespaces above 0; "
            "in a container, allow the unshare, mount and pivot_root system calls in its seccomp and AppArmor profiles"
        )
    if OPENING in trouble:
        return ". In a container, allow the setns system call, and reading /proc/PID/ns, in its profiles"
    if "mount proc" in trouble:
        return ". A container hides parts of /proc: start it with an unmasked /proc (procMount: Unmasked)"
    return ""


def _both(hold: Hold, doors: Doors) -> Callable[[int, int], Awaitable[None]]:
    async def prepare(pid: int, pidfd: int) -> None:
        hold.begin(pid)
        await doors.open(pid, pidfd)

    return prepare


def _handed(files: contextlib.ExitStack, content: bytes) -> int:
    fd = in_memory("sandbox", content)
    files.callback(os.close, fd)
    return fd


def _judged(command: Command, ended: Exit, *, ran: bool) -> Exit:
    if ran and ended.code is not None and ended.code - SIGNAL_BASE in SIGNALS:
        return replace(ended, code=SIGNAL_BASE - ended.code)
    if ran or ended.code is None or ended.code < 0:
        return ended
    if NO_PROGRAM.search(ended.stderr):
        raise NotFoundError(f"starting {command.argv[0]} in the sandbox: there is no such program inside")
    raise TransientError(f"starting the sandbox: {ended.stderr.strip() or f'bubblewrap ended with {ended.code}'}")


async def _version(program: str) -> tuple[int, ...]:
    asked = [program, "--version"]
    try:
        said = await asyncio.to_thread(
            subprocess.run, asked, capture_output=True, text=True, check=False, timeout=PROBE_TIMEOUT.total_seconds()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TransientError(f"asking {program} for its version: {error}") from error
    return tuple(int(part) for part in re.findall(r"\d+", said.stdout)[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "of unknown version"
