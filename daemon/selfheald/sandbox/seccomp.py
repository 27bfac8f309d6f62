"""The filter on system calls that bubblewrap puts before the program starts: classic BPF, made by hand.

It refuses what no agent, compiler or test runner needs, and what would reach past the namespaces: other processes'
memory, mounts, new namespaces, the kernel's keys and wide doors, sockets of families that know no network namespace
(vsock), raw sockets, and characters pushed into a terminal. Everything else is allowed. Refused calls fail with EPERM,
which programs meet in every container; ``clone3`` fails with ENOSYS, so that libraries take ``clone``, whose flags a
filter can see. Calls of another architecture (i386, x32) end the program: their numbers mean something else.
"""

import errno
import platform
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from selfheald.domain.errors import TransientError
from selfheald.sandbox.syscalls import ARCHITECTURES, LOOKED_AT, REFUSED, X86_64, number

# Offsets in the kernel's struct seccomp_data; of arguments, which are 64 bits wide, the lower half (little-endian).
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16

LOAD, AND, RETURN = 0x20, 0x54, 0x06
JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT = 0x15, 0x35, 0x45

ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000

X32 = 0x40000000
"""This bit marks the calls of x32, a third architecture that shares x86_64's word."""

NEW_NAMESPACES = 0x7E020000
"""``CLONE_NEWNS``, ``NEWCGROUP``, ``NEWUTS``, ``NEWIPC``, ``NEWUSER``, ``NEWPID``, ``NEWNET``."""

TERMINAL_INPUT = (0x5412, 0x541C)
"""``TIOCSTI`` and ``TIOCLINUX``: they put characters into a terminal as if somebody had typed them."""

PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""Linux, with 32-bit uname or not, and the question which it is; the others switch protections off."""

NETLINK_ROUTE = 0
"""The only netlink that programs need: it lists the network's interfaces."""

SOCKET_TYPE = 0xF
"""The bits of a socket's type that are no flags."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One instruction: ``when`` it holds, jump ``yes`` instructions further, else ``no``."""

    code: int
    value: int
    yes: int = 0
    no: int = 0

    def packed(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.yes, self.no, self.value)


def seccomp_filter(machine: str | None = None) -> bytes:
    """The filter for an architecture, this machine's by default. Raises TransientError for an unknown one."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise TransientError(
            f"starting a sandbox: system calls cannot be filtered on {machine}; known are {', '.join(ARCHITECTURES)}"
        )
    return b"".join(step.packed() for step in _steps(machine))


def _steps(machine: str) -> Iterator[_Step]:
    yield from _load(ARCHITECTURE)
    yield _Step(JUMP_EQUAL, ARCHITECTURES[machine], yes=1)
    yield _Step(RETURN, KILL)
    yield from _load(NUMBER)
    if machine == X86_64:
        yield from _when(JUMP_GREATER_EQUAL, X32, [_Step(RETURN, KILL)])
    for pair in REFUSED.values():
        if (call := number(machine, pair)) is not None:
            yield from _when(JUMP_EQUAL, call, [_fail(errno.EPERM)])
    for name, pair in LOOKED_AT.items():
        call = number(machine, pair)
        assert call is not None  # noqa: S101 - each architecture has them
        yield from _when(JUMP_EQUAL, call, list(_RULES[name]()))
    yield _Step(RETURN, ALLOW)


def _load(offset: int) -> Iterator[_Step]:
    yield _Step(LOAD, offset)


def _argument(index: int) -> Iterator[_Step]:
    return _load(ARGUMENTS + 8 * index)


def _when(test: int, value: int, then: list[_Step]) -> Iterator[_Step]:
    """Go through ``then`` only when the loaded word passes the test; what comes after it sees that word too."""
    yield _Step(test, value, no=len(then))
    yield from then


def _fail(number: int) -> _Step:
    return _Step(RETURN, FAIL | number)


def _clone() -> Iterator[_Step]:
    yield from _argument(0)
    yield from _when(JUMP_ANY_BIT, NEW_NAMESPACES, [_fail(errno.EPERM)])
    yield _Step(RETURN, ALLOW)


def _clone3() -> Iterator[_Step]:
    yield _fail(errno.ENOSYS)


def _ioctl() -> Iterator[_Step]:
    yield from _argument(1)
    for request in TERMINAL_INPUT:
        yield from _when(JUMP_EQUAL, request, [_fail(errno.EPERM)])
    yield _Step(RETURN, ALLOW)


def _personality() -> Iterator[_Step]:
    yield from _argument(0)
    for allowed in PERSONALITIES:
        yield from _when(JUMP_EQUAL, allowed, [_Step(RETURN, ALLOW)])
    yield _fail(errno.EPERM)


def _socket() -> Iterator[_Step]:
    yield from _argument(0)
    yield from _when(JUMP_EQUAL, socket.AF_UNIX, [_Step(RETURN, ALLOW)])
    yield from _when(JUMP_EQUAL, socket.AF_INET, list(_stream_or_datagram()))
    yield from _when(JUMP_EQUAL, socket.AF_INET6, list(_stream_or_datagram()))
    yield from _when(JUMP_EQUAL, socket.AF_NETLINK, list(_route()))
    yield _fail(errno.EAFNOSUPPORT)


def _stream_or_datagram() -> Iterator[_Step]:
    yield from _argument(1)
    yield _Step(AND, SOCKET_TYPE)
    for allowed in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        yield from _when(JUMP_EQUAL, allowed, [_Step(RETURN, ALLOW)])
    yield _fail(errno.EPERM)


def _route() -> Iterator[_Step]:
    yield from _argument(2)
    yield from _when(JUMP_EQUAL, NETLINK_ROUTE, [_Step(RETURN, ALLOW)])
    yield _fail(errno.EAFNOSUPPORT)


def _socketpair() -> Iterator[_Step]:
    yield from _argument(0)
    yield from _when(JUMP_EQUAL, socket.AF_UNIX, [_Step(RETURN, ALLOW)])
    yield _fail(errno.EAFNOSUPPORT)


_RULES = {
    "clone": _clone,
    "clone3": _clone3,
    "ioctl": _ioctl,
    "personality": _personality,
    "socket": _socket,
    "socketpair": _socketpair,
}
