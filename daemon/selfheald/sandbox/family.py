"""All processes that a program has started, found by walking /proc.

A process belongs to the family when it descends from the program, is in its session, or carries the mark in the
environment with which it was started. One that leaves the session, loses its parent *and* clears its environment is not
found: only a pid namespace holds such a one.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfheald.domain.errors import TransientError
from selfheald.sandbox.process import END_SECONDS, died

MARK = "SELFHEALD_RUN"
"""The environment variable that marks a program and what it starts."""

OWNER_LENGTH = 16
"""Hexadecimal characters: no two state folders of a machine share them."""

ROUNDS = 100
"""How often the family is looked for while its members start new ones."""

ZOMBIE = "Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A line of the process table."""

    pid: int
    parent: int
    session: int
    alive: bool
    threads: int
    ticks: int
    """CPU time of it and of its children that it has waited for, in the kernel's clock ticks."""
    pages: int
    """Resident."""


def owner_of(state_dir: Path) -> str:
    """A word for all that is started for a state folder, whichever daemon has started it."""
    return hashlib.sha256(os.fsencode(state_dir.absolute())).hexdigest()[:OWNER_LENGTH]


def new_mark(owner: str) -> str:
    """A mark that no other program has."""
    return f"{owner}.{secrets.token_hex(16)}"


async def end_all_of(owner: str) -> int:
    """End all that carries an owner's marks: what a killed daemon left. Gives how many processes there were.

    A sandbox dies with its daemon, but for one that was being set up; an unconfined program lives on. Raises
    TransientError when one outlives SIGKILL.
    """
    mark, ended = f"{MARK}={owner}.".encode(), set[int]()
    try:
        async with asyncio.timeout(END_SECONDS):
            while found := _marked(mark):
                ended |= found
                for pid in found:
                    await _end_one(pid)
    except TimeoutError as error:
        raise TransientError("ending what a killed daemon left: a process outlives SIGKILL") from error
    return len(ended)


def _marked(mark: bytes) -> set[int]:
    return {
        process.pid
        for process in _processes()
        if process.alive and any(each.startswith(mark) for each in _environment(process.pid))
    }


class Family:
    """The keeper of an unconfined program."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._first: int | None = None

    async def begun(self, pid: int) -> None:
        """Remember the program, which leads a session of its own."""
        self._first = pid

    def kill(self) -> None:
        """Kill every member until none is found, or :data:`ROUNDS` are over."""
        for _ in range(ROUNDS):
            if not (members := self.members()):
                return
            for member in members:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(member.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill every member and wait until all are dead."""
        async with asyncio.timeout(END_SECONDS):
            while members := self.members():
                for member in members:
                    await _end_one(member.pid)

    def members(self) -> list[Process]:
        """All that live."""
        table = process_table()
        return [process for process in table.values() if process.alive and self._belongs(process, table)]

    def _belongs(self, process: Process, table: Mapping[int, Process]) -> bool:
        if self._first is not None and (process.session == self._first or descends(process, self._first, table)):
            return True
        return self._mark in _environment(process.pid)


async def _end_one(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await died(pidfd)
        finally:
            os.close(pidfd)


def process_table() -> dict[int, Process]:
    """All processes of the machine, by their ids."""
    return {process.pid: process for process in _processes()}


def descends(process: Process, first: int, table: Mapping[int, Process]) -> bool:
    """Whether a process is the first one, or has it among its parents' parents."""
    seen: set[int] = set()
    while process.pid != first:
        seen.add(process.pid)
        parent = table.get(process.parent)
        if parent is None or parent.pid in seen:
            return False
        process = parent
    return True


def _processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield _parsed(int(entry.name), (entry / "stat").read_bytes())


def _parsed(pid: int, stat: bytes) -> Process:
    # "pid (name) state ppid pgrp session ...": the name may hold blanks and brackets. See proc(5).
    state, *numbers = stat.rpartition(b")")[2].split()
    parent, _, session, *rest = map(int, numbers)
    return Process(
        pid=pid,
        parent=parent,
        session=session,
        alive=state.decode() != ZOMBIE,
        threads=rest[13],
        ticks=sum(rest[7:11]),
        pages=rest[17],
    )


def _environment(pid: int) -> tuple[bytes, ...]:
    try:
        return tuple(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return ()
