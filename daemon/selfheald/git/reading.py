"""An agent's work tree, read as data.

No git command runs in it or over it: an embedded repository's filters would run even under our own git directory.
The tree is walked with directory handles and without following links, and its bytes are hashed here.
"""

import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selfheald.domain.errors import RefusedError
from selfheald.domain.proposal import ChangeKind, FileChange
from selfheald.git.base import LINK, SUBMODULE, Base
from selfheald.git.opening import FOLDER, blob_of_bytes, blob_of_file
from selfheald.git.paths import is_git_folder, parents, problem_of_link, problem_of_path, shown
from selfheald.git.summary import COMMIT_MESSAGE, summary_in

LARGEST_FILE = 20_000_000
"""Bytes; a larger file is not proposed."""
_DEEPEST = 60
"""Levels of folders."""
_MOST_ENTRIES = 1_000_000
"""Files and folders that are looked at, ignored ones included; a larger tree is refused as a whole."""
_MOST_TOLD = 200
"""Lines about what was left out."""


@dataclass(frozen=True, slots=True)
class _Level:
    folder: int
    prefix: str
    names: Iterator[str]
    depth: int


class Reading:
    """What a walk over a work tree found, compared with the base commit."""

    def __init__(self, base: Base, *, most_entries: int = _MOST_ENTRIES) -> None:
        self.stop = threading.Event()
        """Set from another thread to end the walk early."""
        self.summary = ""
        self.new: dict[str, str] = {}
        """Paths that the base does not have, with their modes; ignored ones are among them."""
        self.modified: dict[str, str] = {}
        """Paths of the base with another content or kind, with their modes now."""
        self._base = base
        self._seen: set[str] = set()
        self._left: dict[str, str] = {}
        self._most_entries = most_entries
        self._looked_at = 0
        self._around_submodules = {
            folder for path, file in base.items() if file.mode == SUBMODULE for folder in parents(path)
        }

    def walk(self, root: Path) -> None:
        """Read the whole tree; ends early when :attr:`stop` is set. Raises :class:`RefusedError` for an endless one."""
        levels = [_level(os.open(root, FOLDER), "", 1)]
        try:
            self.summary = summary_in(levels[0].folder)
            while levels and not self.stop.is_set():
                name = next(levels[-1].names, None)
                if name is None:
                    os.close(levels.pop().folder)
                elif deeper := self._look(levels[-1], name):
                    levels.append(deeper)
        finally:
            for level in levels:
                os.close(level.folder)

    def files(self, ignored: frozenset[str]) -> tuple[FileChange, ...]:
        """All changes but the new files that the base's rules ignore, in the order of their paths."""
        changes = [
            *((path, ChangeKind.ADDED, mode) for path, mode in self.new.items() if path not in ignored),
            *((path, ChangeKind.MODIFIED, mode) for path, mode in self.modified.items()),
            *((path, ChangeKind.DELETED, self._base[path].mode) for path in self._deleted()),
        ]
        return tuple(FileChange(path=path, kind=kind, mode=mode) for path, kind, mode in sorted(changes))

    def left_out(self, ignored: frozenset[str]) -> tuple[str, ...]:
        """What cannot be proposed, each with its reason, bounded; nothing that would have been ignored anyway."""
        told = [f"{shown(path)}: {why}" for path, why in sorted(self._left.items()) if path not in ignored]
        if len(told) > _MOST_TOLD:
            told = [*told[:_MOST_TOLD], f"and {len(told) - _MOST_TOLD} more"]
        return tuple(told)

    @property
    def ignorable(self) -> list[str]:
        """Paths about which the base's ignore rules are to be asked."""
        return [*self.new, *(path for path in self._left if path not in self._base and not problem_of_path(path))]

    def _deleted(self) -> list[str]:
        gone = [path for path, file in self._base.items() if path not in self._seen and file.mode != SUBMODULE]
        return [path for path in gone if not self._stays(path)]

    def _stays(self, path: str) -> bool:
        """Whether a path that was not seen stays as it is in the base, since something was left out in its place."""
        if path.split("/", 1)[0] == COMMIT_MESSAGE or path in self._left:
            return True
        if why := problem_of_path(path):
            self._leave(path, why)
            return True
        return any(folder in self._left for folder in parents(path))

    def _leave(self, path: str, why: str) -> None:
        self._left[path] = why

    def _look(self, level: _Level, name: str) -> _Level | None:
        path = level.prefix + name
        self._looked_at += 1
        if self._looked_at > self._most_entries:
            raise RefusedError(f"reading the work tree: it has more than {self._most_entries} files and folders")
        if path == COMMIT_MESSAGE:
            return None
        if is_git_folder(name):
            self._leave(path, "git's own folder")
            return None
        try:
            return self._look_closer(level, name, path)
        except OSError as error:
            self._leave(path, f"cannot be read ({error.strerror or error})")
            return None

    def _look_closer(self, level: _Level, name: str, path: str) -> _Level | None:
        status = os.stat(name, dir_fd=level.folder, follow_symlinks=False)
        is_folder = stat.S_ISDIR(status.st_mode)
        if (base := self._base.get(path)) and base.mode == SUBMODULE:
            if not (is_folder and _is_empty(name, level.folder)):
                self._leave(path, "a submodule")
            return None
        if is_folder:
            return self._deeper(level, name, path)
        if path in self._around_submodules:
            self._leave(path, "in the place of a submodule")
        elif stat.S_ISREG(status.st_mode):
            self._file(level, name, path, status)
        elif stat.S_ISLNK(status.st_mode):
            self._link(level, name, path)
        else:
            self._leave(path, "not a regular file")
        return None

    def _deeper(self, level: _Level, name: str, path: str) -> _Level | None:
        if level.depth >= _DEEPEST:
            self._leave(path, f"more than {_DEEPEST} levels deep")
            return None
        return _level(_open_folder(name, level.folder), f"{path}/", level.depth + 1)

    def _file(self, level: _Level, name: str, path: str, status: os.stat_result) -> None:
        executable = bool(status.st_mode & stat.S_IXUSR)
        base = self._base.get(path)
        if base and base.is_file and base.size == status.st_size and blob_of_file(name, level.folder) == base.blob:
            self._seen.add(path)
            if executable == base.is_executable:
                return
        elif status.st_size > LARGEST_FILE:
            self._leave(path, f"larger than {LARGEST_FILE // 1_000_000} MB")
            return
        self._differs(path, "100755" if executable else "100644")

    def _link(self, level: _Level, name: str, path: str) -> None:
        target = os.readlink(name, dir_fd=level.folder)
        base = self._base.get(path)
        if base and base.mode == LINK and base.blob == blob_of_bytes(os.fsencode(target)):
            self._seen.add(path)
        elif why := problem_of_link(path, target):
            self._leave(path, why)
        else:
            self._differs(path, LINK)

    def _differs(self, path: str, mode: str) -> None:
        self._seen.add(path)
        if why := problem_of_path(path):
            self._leave(path, why)
        elif path in self._base:
            self.modified[path] = mode
        else:
            self.new[path] = mode


def _open_folder(name: str, parent: int) -> int:
    return os.open(name, FOLDER, dir_fd=parent)


def _names(folder: int) -> list[str]:
    return sorted(os.listdir(folder))


def _level(folder: int, prefix: str, depth: int) -> _Level:
    try:
        return _Level(folder, prefix, iter(_names(folder)), depth)
    except OSError:
        os.close(folder)
        raise


def _is_empty(name: str, parent: int) -> bool:
    folder = _open_folder(name, parent)
    try:
        return not _names(folder)
    finally:
        os.close(folder)
