"""Which folders of the host may be shown in a sandbox."""

from collections.abc import Sequence
from pathlib import Path

from selfheald.domain.errors import ConfigError
from selfheald.sandbox.view import HOME, TREE

NOT_WITHIN = tuple(map(Path, ("/proc", "/sys", "/dev", "/run", "/var/run", TREE, HOME)))
"""Neither these nor anything in them: kernel interfaces, sockets, and where the sandbox puts its own folders."""

NOT_ITSELF = tuple(map(Path, ("/", "/etc", "/home", "/root", "/tmp", "/var", "/usr")))  # noqa: S108 - refused
"""Too wide: something in them may be shown, all of them may not."""


def check_mounts(mounts: Sequence[Path], forbidden: Sequence[Path] = ()) -> None:
    """Refuse a mount that would undo the sandbox. ``forbidden`` folders are not shown, nor any part of them.

    Raises ConfigError.
    """
    private = [folder.resolve() for folder in forbidden]
    for mount in mounts:
        if not mount.is_absolute() or ".." in mount.parts:
            raise ConfigError(f"mount {mount}: the path must be absolute")
        if not mount.exists():
            raise ConfigError(f"mount {mount}: there is no such file or folder")
        for path in (mount, mount.resolve()):
            _check(mount, path, private)


def _check(mount: Path, path: Path, private: Sequence[Path]) -> None:
    if any(path.is_relative_to(folder) for folder in NOT_WITHIN):
        raise ConfigError(f"mount {mount}: nothing of {path} may be shown in a sandbox")
    if path in NOT_ITSELF or path == Path.home():
        raise ConfigError(f"mount {mount}: {path} is too wide; name the folders that the agent needs")
    if any(path.is_relative_to(folder) or folder.is_relative_to(path) for folder in private):
        raise ConfigError(f"mount {mount}: it would show selfheald's own files")
