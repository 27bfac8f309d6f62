"""Opening what an agent left behind: relative to a directory handle, without following links, without waiting."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO would wait for somebody to write to it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20


class NotAsExpectedError(OSError):
    """What lies there is not a regular file."""


@contextmanager
def opened(name: str, folder: int) -> Iterator[tuple[int, os.stat_result]]:
    """A regular file's handle and status. Raises :class:`OSError` for anything else."""
    handle = os.open(name, _FILE, dir_fd=folder)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotAsExpectedError(f"not a regular file: {name!r}")
        yield handle, status
    finally:
        os.close(handle)


@contextmanager
def folder_of(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """The handle of the folder that a path of a tree lies in, and the path's last part; no link is followed."""
    *folders, name = path.split("/")
    handle = os.open(root, FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle, name
    finally:
        os.close(handle)


def blob_of_file(name: str, folder: int) -> str:
    """Git's id of a file's bytes. Raises :class:`OSError`."""
    with opened(name, folder) as (handle, status):
        digest = hashlib.sha1(b"blob %d\0" % status.st_size, usedforsecurity=False)
        while chunk := os.read(handle, _CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def blob_of_bytes(content: bytes) -> str:
    """Git's id of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def read_at_most(name: str, folder: int, limit: int) -> bytes:
    """A file's bytes. Raises :class:`OSError`, also when it is larger than ``limit``."""
    with opened(name, folder) as (handle, status):
        if status.st_size > limit:
            raise NotAsExpectedError(f"larger than {limit} bytes: {name!r}")
        parts: list[bytes] = []
        while chunk := os.read(handle, _CHUNK):
            parts.append(chunk)
    return b"".join(parts)
