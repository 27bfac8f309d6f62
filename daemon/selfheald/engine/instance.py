"""One daemon for one state folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfheald.domain.errors import ConfigError

LOCK_FILE = "lock"


@contextmanager
def only_instance(state_dir: Path) -> Iterator[str]:
    """Hold the state folder's lock; gives back a name for this instance, unique among all that ever held it.

    The kernel frees the lock when the process ends in whatever way. Whoever holds it knows that the leases of all
    other instances in the store are void. Raises :class:`ConfigError` when somebody else holds it, or when the
    folder cannot be written.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        problem = f"state_dir: {state_dir} cannot be written: {error.strerror}"
        raise ConfigError(f"{problem}; name a folder that this user may write") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 100, 0).decode(errors="replace").strip()
            raise ConfigError(
                f"state_dir: {state_dir} is in use by another selfheald (pid {holder or '?'}): stop that one first",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield f"{os.getpid()}-{os.urandom(4).hex()}"
    finally:
        os.close(handle)
