"""Opens listening sockets inside a sandbox's network: a program of its own, started by :mod:`selfheald.sandbox.doors`.

Only a process with a single thread may enter another user namespace, so the daemon cannot do it itself. It gets the
network namespace over the socket that is its standard input, and answers with the listening sockets, or with what went
wrong.

Its start is part of each attempt's start. So it takes the interpreter's own module for sockets, without the standard
library's layer on it: that layer's imports would double its time.
"""

import _socket
import fcntl
import os
import sys

NS_GET_USERNS = 0xB701
"""ioctl: which user namespace owns this namespace."""

IP_FREEBIND = 15
"""bubblewrap may not have brought the loopback interface up yet: the address may be bound to already."""

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

INT = 4
"""Bytes of a file descriptor as it is handed over: C's int."""

LOOPBACK = "127.0.0.1"
BACKLOG = 128
OPENED = b"opened"

if sys.version_info >= (3, 12):
    from os import setns
else:

    def setns(fd: int, nstype: int) -> None:
        """Enter a namespace, as ``os.setns`` of later versions does. Raises OSError."""
        import ctypes  # noqa: PLC0415 - not needed with Python 3.12

        if ctypes.CDLL(None, use_errno=True).setns(fd, nstype) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter(network: int) -> None:
    """Enter a network namespace by way of the user namespace that owns it: that takes no rights of our own."""
    setns(fcntl.ioctl(network, NS_GET_USERNS), CLONE_NEWUSER)
    setns(network, CLONE_NEWNET)


def listening(port: int) -> _socket.socket:
    """A socket that listens at this port of the loopback interface."""
    # The protocol is named because asyncio sets TCP_NODELAY only then.
    opened = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, _socket.IPPROTO_TCP)
    opened.setsockopt(_socket.IPPROTO_IP, IP_FREEBIND, 1)
    opened.bind((LOOPBACK, port))
    opened.listen(BACKLOG)
    return opened


def main() -> None:
    """Wait for the namespace, open the ports named as arguments in it, hand them over."""
    daemon = _socket.socket(fileno=sys.stdin.fileno())
    _, received, _, _ = daemon.recvmsg(1, _socket.CMSG_SPACE(INT))
    if not received:
        return  # the daemon is gone, or has no use for us
    try:
        enter(int.from_bytes(received[0][2], sys.byteorder))
        opened = [listening(int(port)) for port in sys.argv[1:]]
    except OSError as error:
        daemon.send(str(error).encode())
        return
    handed = b"".join(one.fileno().to_bytes(INT, sys.byteorder) for one in opened)
    daemon.sendmsg([OPENED], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handed)])


if __name__ == "__main__":
    main()
