"""Commits, made from an agent's files by ``git fast-import``: the only git command that gets to see their content."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from selfheald.domain.errors import RefusedError
from selfheald.domain.ids import Sha
from selfheald.domain.proposal import ChangeKind, FileChange, TreeChanges
from selfheald.git.base import LINK
from selfheald.git.mirror import Mirror
from selfheald.git.names import checked_case_ref, checked_sha
from selfheald.git.opening import folder_of, read_at_most
from selfheald.git.paths import is_git_folder, problem_of_link, problem_of_path, shown
from selfheald.git.reading import LARGEST_FILE
from selfheald.ports import WorkTree

_MOST_BYTES = 500_000_000
"""Of all changed files together, holes included: what is committed stays on the disk after the work tree is gone."""

_MODES = ("100644", "100755", LINK)
# What the store remembers as "the commit exists" has to survive a power cut.
_DURABLE = ("-c", "core.fsync=committed,loose-object,reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who makes the commits."""

    name: str
    email: str

    def line(self, at: datetime) -> str:
        """As git writes it into a commit, in UTC."""
        return f"{_plain(self.name)} <{_plain(self.email)}> {int(at.timestamp())} +0000"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """A commit that is about to be made."""

    tree: WorkTree
    changes: TreeChanges
    message: str
    ref: str
    at: datetime
    identity: Identity


async def make_commit(mirror: Mirror, new: NewCommit) -> Sha:
    """Put the changes on top of the tree's commit, under the reference; the same input gives the same commit.

    Raises :class:`RefusedError` when there is nothing to commit, or when a path is no longer what the changes say.
    """
    ref = checked_case_ref(new.ref)
    if not new.changes.files:
        raise RefusedError(f"committing to {new.tree.repository}: there are no changes")
    doing = f"committing {ref}"
    async with mirror.lock:
        command = (*_DURABLE, "fast-import", "--quiet", "--force", "--done", "--date-format=raw")
        await mirror.run(mirror.call(doing, *command, stdin=_stream(new, ref)))
        made = await mirror.run(mirror.call(doing, "rev-parse", "--verify", f"{ref}^{{commit}}"))
    return checked_sha(made.stdout.decode().strip())


async def _stream(new: NewCommit, ref: str) -> AsyncIterator[bytes]:
    """The commit in the language of ``git help fast-import``; one file at a time is in memory."""
    message = new.message.replace("\0", "").encode(errors="replace")
    yield f"commit {ref}\ncommitter {new.identity.line(new.at)}\n".encode()
    yield b"data %d\n%s\nfrom %s\n" % (len(message), message, new.tree.commit.encode())
    deleted = [change for change in new.changes.files if change.kind is ChangeKind.DELETED]
    # Deletions first: a file may have taken the place of a folder.
    for change in deleted:
        yield b"D %s\n" % _quoted(_checked(change).path)
    left = _MOST_BYTES
    for change in new.changes.files:
        if change.kind is not ChangeKind.DELETED:
            content = await asyncio.to_thread(_content, new.tree.path, _checked(change))
            left -= len(content)
            if left < 0:
                raise RefusedError(f"committing: the changed files have more than {_MOST_BYTES // 1_000_000} MB")
            yield b"M %s inline %s\ndata %d\n" % (change.mode.encode(), _quoted(change.path), len(content))
            yield content
            yield b"\n"
    yield b"done\n"


def _checked(change: FileChange) -> FileChange:
    parts = change.path.split("/")
    strange = any(part in ("", ".", "..") or is_git_folder(part) for part in parts)
    if strange or problem_of_path(change.path) or (change.kind is not ChangeKind.DELETED and change.mode not in _MODES):
        raise RefusedError(f"committing: not a path that can be proposed: {shown(change.path)}")
    return change


def _content(root: Path, change: FileChange) -> bytes:
    """A path's bytes as they are now, if it is still of the kind that the changes say."""
    try:
        with folder_of(root, change.path) as (folder, name):
            if change.mode == LINK:
                return _target(name, folder, change.path)
            if _mode(os.stat(name, dir_fd=folder, follow_symlinks=False)) != change.mode:
                raise RefusedError(f"committing: {shown(change.path)} has another mode now")
            return read_at_most(name, folder, LARGEST_FILE)
    except OSError as error:
        raise RefusedError(f"committing: {shown(change.path)} is not as it was: {error.strerror or error}") from error


def _target(name: str, folder: int, path: str) -> bytes:
    target = os.readlink(name, dir_fd=folder)
    if why := problem_of_link(path, target):
        raise RefusedError(f"committing: {shown(path)} is {why}")
    return os.fsencode(target)


def _mode(status: os.stat_result) -> str:
    return "100755" if status.st_mode & stat.S_IXUSR else "100644"


def _quoted(path: str) -> bytes:
    return b'"%s"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _plain(text: str) -> str:
    """A name or an address without what would end it in a commit."""
    return "".join(letter for letter in text if letter.isprintable() and letter not in "<>").strip()
