"""The project's own checks on a proposal, run in the sandbox before anything is pushed."""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from selfheald.domain.zone import proxy_variables
from selfheald.ports import Command, Exit, Passage, Sandbox, WorkTree

TAIL = 2_000
"""Characters of a failed command's output that are kept."""


class Verifier:
    """Runs shell commands in the sandbox, the work tree as their current folder."""

    def __init__(self, sandbox: Sandbox, *, timeout: timedelta) -> None:
        self._sandbox = sandbox
        self._timeout = timeout

    async def check(self, commands: Sequence[str], tree: WorkTree, passage: Passage) -> str:
        """Run the commands in order; gives back what went wrong, or nothing. ``passage`` is their only way out."""
        with tempfile.TemporaryDirectory(prefix="selfheald-verify-", dir=tree.path.parent) as home:
            for command in commands:
                if problem := await self._run(command, tree, Path(home), passage):
                    return problem
        return ""

    async def _run(self, command: str, tree: WorkTree, home: Path, passage: Passage) -> str:
        output: list[str] = []

        def keep(line: bytes) -> None:
            output.append(line.decode(errors="replace"))
            del output[:-200]

        shell = Command(
            argv=("sh", "-c", command),
            env=proxy_variables(passage.proxy_url),
            tree=tree.path,
            home=home,
            timeout=self._timeout,
            passage=passage,
        )
        ended = await self._sandbox.run(shell, keep)
        if ended.code == 0:
            return ""
        return f"`{command}` {_how(ended)}:\n" + ("\n".join(output) + "\n" + ended.stderr)[-TAIL:]


def _how(ended: Exit) -> str:
    if ended.limit:
        return f"reached its limit `sandbox_limits.{ended.limit}`"
    return "ran into its time limit" if ended.timed_out else f"ended with {ended.code}"
