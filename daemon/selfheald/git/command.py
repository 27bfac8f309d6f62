"""The git program, run so that only its arguments and our own folders can steer it."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from selfheald.domain.errors import PermanentError, RefusedError, TransientError
from selfheald.git.failures import failure
from selfheald.git.remote import Access

_HARDENED = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "protocol.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
}

_CHUNK = 1 << 16
_STDERR_LIMIT = 1 << 16
"""Bytes kept of the end of standard error."""
_OUTPUT_LIMIT = 256 << 20
"""Bytes of standard output, for commands that list a whole tree: about two million paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run of git."""

    doing: str
    """What is being attempted, with its ids: the start of every error's message."""
    args: tuple[str, ...]
    git_dir: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    access: Access | None = None
    """Needed to speak to the remote; without it no protocol is allowed."""
    stdin: bytes | AsyncIterable[bytes] = b""
    timeout: float
    """Seconds."""
    accept: tuple[int, ...] = (0,)
    """Exit codes that are answers, not errors."""
    limit: int = _OUTPUT_LIMIT
    """Bytes of standard output."""
    may_be_cut: bool = False
    """Whether output over the limit is cut off instead of refused."""
    gentle: bool = False
    """Whether it gives way to other work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a run of git ended."""

    code: int
    stdout: bytes
    cut: bool


class GitProgram:
    """Runs git with an environment of its own, bounded in time and output; nothing of a run outlives it."""

    def __init__(self, program: str = "git") -> None:
        self._program = program

    async def run(self, call: Call) -> Answer:
        """Run git to its end.

        Raises the errors of :mod:`selfheald.git.failures`, :class:`TransientError` when the time is over,
        :class:`RefusedError` for too much output, and :class:`PermanentError` when there is no git.
        """
        process = await self._start(call)
        try:
            async with asyncio.timeout(call.timeout):
                return await _converse(process, call)
        except TimeoutError as error:
            raise TransientError(f"{call.doing}: git took longer than {call.timeout:.0f} s") from error
        except ExceptionGroup as group:  # of the task group inside; one error is enough to know
            raise group.exceptions[0] from group
        finally:
            await _end(process)

    async def _start(self, call: Call) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *_arguments(self._program, call),
                stdin=PIPE if call.stdin else DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                env=_environment(call),
                cwd=call.git_dir or "/",
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if call.git_dir is not None and not call.git_dir.exists():
                raise TransientError(f"{call.doing}: the mirror is gone") from error
            raise PermanentError(f"{call.doing}: there is no program {self._program}") from error


def _arguments(program: str, call: Call) -> list[str]:
    settings = [part for key, value in _HARDENED.items() for part in ("-c", f"{key}={value}")]
    return [*(["nice", "-n", "10"] if call.gentle else []), program, *settings, *call.args]


def _environment(call: Call) -> dict[str, str]:
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    if call.git_dir is not None:
        env["GIT_DIR"] = str(call.git_dir)
    if call.access is not None:
        env |= call.access.env
    return {**env, **call.env}


async def _converse(process: Process, call: Call) -> Answer:
    assert process.stdout is not None  # noqa: S101 - both are pipes: see _start
    assert process.stderr is not None  # noqa: S101 - as above
    async with asyncio.TaskGroup() as group:
        stderr = group.create_task(_tail(process.stderr), name="git-stderr")
        if process.stdin is not None:
            group.create_task(_feed(process.stdin, call.stdin), name="git-stdin")
        stdout, cut = await _head(process.stdout, call.limit)
        if cut:
            _kill(process)
    code = await process.wait()
    if cut and not call.may_be_cut:
        raise RefusedError(f"{call.doing}: git wrote more than {call.limit} bytes")
    if not cut and code not in call.accept:
        secrets = call.access.secrets if call.access else ()
        raise failure(call.doing, code, stderr.result().decode(errors="replace"), secrets)
    return Answer(code=code, stdout=stdout, cut=cut)


async def _feed(stdin: asyncio.StreamWriter, content: bytes | AsyncIterable[bytes]) -> None:
    # git may end before it has read everything; its exit code tells then what was wrong.
    with suppress(BrokenPipeError, ConnectionResetError):
        if isinstance(content, bytes):
            stdin.write(content)
        else:
            async for chunk in content:
                stdin.write(chunk)
                await stdin.drain()
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


async def _head(stream: asyncio.StreamReader, limit: int) -> tuple[bytes, bool]:
    """The first ``limit`` bytes of a stream, and whether there was more."""
    chunks: list[bytes] = []
    room = limit
    while chunk := await stream.read(_CHUNK):
        chunks.append(chunk[:room])
        room -= len(chunk)
        if room < 0:
            return b"".join(chunks), True
    return b"".join(chunks), False


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The end of a stream."""
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[-_STDERR_LIMIT:]
    return kept


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Process) -> None:
    """End what is left of a run: git and the programs that it started are one process group."""
    if process.returncode is None:
        _kill(process)
    for stream in (process.stdout, process.stderr):  # a pipe with something in it would keep wait() waiting
        while stream is not None and await stream.read(_CHUNK):
            pass
    await process.wait()
