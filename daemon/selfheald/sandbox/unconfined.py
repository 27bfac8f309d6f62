"""``sandbox: none``: programs run as the daemon's own user, with its files and its network in reach.

What is left of a sandbox: an environment made of an allow-list, limits, and an end that also ends what the program
started. That end is weaker than a pid namespace's: see :mod:`selfheald.sandbox.family`.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from selfheald.domain.errors import NotFoundError
from selfheald.ports import Command, Exit, Layout, Probe
from selfheald.sandbox.family import MARK, Family, new_mark
from selfheald.sandbox.limiter import NICENESS, OOM_SCORE, Limiter
from selfheald.sandbox.process import OnLine, Start, run

ENTER = (
    f"echo {OOM_SCORE} > /proc/self/oom_score_adj; "
    'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; '
    f'exec nice -n {NICENESS} "$@"'
)
"""A shell that gives way to the daemon, and goes into the run's control groups, before it becomes the program."""


class Unconfined:
    """No sandbox. For machines that are thrown away after use, and for development.

    ``owner`` is a word by which :func:`selfheald.sandbox.family.end_all_of` finds its programs.
    """

    def __init__(self, *, owner: str = "", limiter: Limiter | None = None) -> None:
        self._owner = owner
        self._limiter = limiter or Limiter(owner=owner)

    def layout(self, tree: Path, home: Path) -> Layout:
        """Give the folders' own paths."""
        return Layout(tree=str(tree), home=str(home))

    async def run(self, command: Command, on_line: OnLine) -> Exit:
        """Run a program; see :class:`selfheald.ports.Sandbox`. Mounts are there anyway."""
        mark = new_mark(self._owner)
        own = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        env = {**own, **command.env, "HOME": str(command.home), MARK: mark}
        program = command.argv[0]
        # A name with a slash is looked for as the program itself would: from its current folder.
        if shutil.which(command.tree / program if "/" in program else program, path=env["PATH"]) is None:
            raise NotFoundError(f"starting {program}: there is no such program")
        with self._limiter.hold((command.tree, command.home)) as hold:
            argv = entering(hold.entrances, self._limiter.wrapped(command.argv))
            start = Start(argv=argv, env=env, cwd=command.tree, stdin=command.stdin, output=self._limiter.limits.output)
            family = Family(mark)
            ended = await run(start, family, on_line, command.timeout, lambda: hold.reached(family.members))
            return hold.judged(ended)

    async def probe(self) -> Probe:
        """Nothing can be missing; the text says what that means."""
        return Probe(ok=True, found="none: agents run unconfined, with all that the daemon's user may read and reach")


def entering(entrances: Sequence[Path], argv: Sequence[str]) -> list[str]:
    """The command, to be run within these control groups."""
    return ["/bin/sh", "-c", ENTER, "sh", *map(str, entrances), "--", *argv]
