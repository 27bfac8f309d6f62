"""Runs the commands of one job in one shell and tells what each of them wrote and how it ended."""

import asyncio
import codecs
import contextlib
import os
import re
import secrets
import shlex
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from selfheald.simulator.state import Job

CHUNK_BYTES = 64 * 1024

LONGEST_CODE = 8
"""The characters of a space, an exit code and a line's end, and some to spare."""

TIMED_OUT = 124
"""The exit code of a command that took too long, as of ``timeout``."""


async def run_commands(
    job: Job, commands: Sequence[str], *, folder: Path, variables: Mapping[str, str], seconds: float
) -> int:
    """Run commands until one fails, writing the job's log; gives the last exit code.

    The shell and everything that it left behind is killed at the end, after ``seconds``, and when cancelled.
    """
    mark = secrets.token_hex(16)
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        _script(commands, mark),
        cwd=folder,
        env={**_environment(folder), **variables},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            return await _follow(job, commands, process, mark)
    except TimeoutError:
        _finished(job, TIMED_OUT)
        return TIMED_OUT
    finally:
        await _end(process)


def _script(commands: Sequence[str], mark: str) -> str:
    """One line per command; each tells its exit code behind the mark, which no command knows."""
    lines = [
        f"eval {shlex.quote(command)}; code=$?; printf '%s %d\\n' {mark} $code; [ $code -eq 0 ] || exit $code"
        for command in commands
    ]
    return "\n".join(["checkout() { :; }", *lines])


async def _follow(job: Job, commands: Sequence[str], process: Process, mark: str) -> int:
    remaining = iter(commands)
    _started(job, next(remaining))
    code = 0
    async with contextlib.aclosing(_told(process, mark)) as told:
        async for each in told:
            if isinstance(each, str):
                job.write({"event": "cmd_output", "output": each})
                continue
            code = each
            _finished(job, code)
            following = next(remaining, None)
            if code != 0 or following is None:
                return code
            _started(job, following)
    # The shell ended within a command: ``exit``, or a signal.
    code = await process.wait()
    _finished(job, code)
    return code


async def _told(process: Process, mark: str) -> AsyncGenerator[str | int]:
    """The output as text and, after each command, its exit code."""
    if process.stdout is None:  # for mypy: the process was started with a pipe
        return
    decoder, end, rest = codecs.getincrementaldecoder("utf-8")("replace"), re.compile(rf"{mark} (\d+)\n"), ""
    while chunk := await process.stdout.read(CHUNK_BYTES):
        rest += decoder.decode(chunk)
        while found := end.search(rest):
            if found.start():
                yield rest[: found.start()]
            yield int(found[1])
            rest = rest[found.end() :]
        safe = len(rest) - len(mark) - LONGEST_CODE
        if safe > 0:
            yield rest[:safe]
            rest = rest[safe:]
    if rest:
        yield rest


def _started(job: Job, command: str) -> None:
    job.write({"event": "cmd_started", "directive": command})


def _finished(job: Job, code: int) -> None:
    started = next(event for event in reversed(job.events) if event["event"] == "cmd_started")
    now = int(job.pipeline.clock().timestamp())
    job.write(
        {
            "event": "cmd_finished",
            "directive": started["directive"],
            "exit_code": code,
            "started_at": started["timestamp"],
            "finished_at": now,
        }
    )


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(folder), "CI": "true"}


async def _end(process: Process) -> None:
    """Kill the shell's whole process group, which it leads, and reap it."""
    with contextlib.suppress(ProcessLookupError):  # the last of them is gone already
        os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()
