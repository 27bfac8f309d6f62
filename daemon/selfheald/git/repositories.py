"""git behind the port :class:`selfheald.ports.Repositories`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import PermanentError, TransientError
from selfheald.domain.guards.change import Change
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import FileChange, TreeChanges
from selfheald.git.command import GitProgram
from selfheald.git.commit import Identity, NewCommit, make_commit
from selfheald.git.diff import changed_files_between, diff_between
from selfheald.git.failures import CorruptMirrorError
from selfheald.git.folders import Folders
from selfheald.git.mirror import STANDARD, Mirror, Mirrors, Timeouts
from selfheald.git.names import checked_sha, checked_slug
from selfheald.git.push import push
from selfheald.git.ranges import changes_of
from selfheald.git.remote import Credential, Remote
from selfheald.git.snapshot import changes_in
from selfheald.git.spares import Spares
from selfheald.git.texts import changed_texts_between
from selfheald.git.worktree import COMMIT, INDEX, TREE, move_tree, write_tree
from selfheald.ports import PushOutcome, WorkTree

SPARE_PAUSE = 2.0
"""Seconds after a checkout in which its agent starts, before the next spare is begun."""


class GitRepositories:
    """Mirrors, work trees, commits and pushes by the git program.

    ``root`` is a folder of its own, best on the file system on which the work trees will be: only then can a spare
    tree be moved into place. ``git_url`` is the code host's address; ``credential`` gives the token for a
    repository, asked anew for each command. ``identity`` is name and address of the commits' author. Raises
    :class:`ConfigError` for an address that is neither https nor on the loopback interface.
    """

    def __init__(
        self,
        root: Path,
        git_url: str,
        credential: Credential,
        *,
        identity: tuple[str, str],
        timeouts: Timeouts = STANDARD,
        spare_pause: float = SPARE_PAUSE,
        program: str = "git",
    ) -> None:
        root = root.absolute()
        self._identity = Identity(name=identity[0], email=identity[1])
        self._folders = Folders(root)
        self._mirrors = Mirrors(
            folders=self._folders, git=GitProgram(program), remote=Remote(git_url, credential), timeouts=timeouts
        )
        self._spares = Spares(self._folders, pause=spare_pause)

    async def aclose(self) -> None:
        """Stop the work in the background."""
        await self._spares.aclose()

    async def settled(self) -> None:
        """Wait until the spare trees that were begun are there."""
        await self._spares.settled()

    async def checkout(self, repository: Slug, commit: Sha, path: Path) -> WorkTree:
        """Put the files of a commit into ``path``, which must not exist; fetches what the mirror lacks."""
        mirror, path = self._mirror(repository), _absolute(path)
        checked_sha(commit)
        if path.is_symlink() or path.exists():
            raise PermanentError(f"checking out {commit} of {repository}: {path.name} exists already")
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        try:
            await self._checkout(mirror, commit, path)
        except CorruptMirrorError:
            await self._folders.remove(path)
            await mirror.replace()
            await self._checkout(mirror, commit, path)
        self._spares.prepare(mirror, commit)
        return WorkTree(repository=repository, commit=commit, path=path)

    async def changes(self, tree: WorkTree) -> TreeChanges:
        """Compare a work tree with its commit, as data; every process that could write to it has ended."""
        return await changes_in(self._mirror(tree.repository), self._folders, tree)

    async def commit(self, tree: WorkTree, changes: TreeChanges, *, message: str, ref: str, at: datetime) -> Sha:
        """Make a commit of the changes on top of the tree's commit, under ``ref`` of the mirror; idempotent."""
        new = NewCommit(tree=tree, changes=changes, message=message, ref=ref, at=at, identity=self._identity)
        return await make_commit(self._mirror(tree.repository), new)

    async def changed_files(self, repository: Slug, base: Sha, commit: Sha) -> Sequence[FileChange]:
        """The paths that differ between two commits of the mirror."""
        mirror = self._mirror(repository)
        await mirror.require(checked_sha(base), checked_sha(commit))
        return await changed_files_between(mirror, base, commit)

    async def diff(self, repository: Slug, base: Sha, commit: Sha) -> str:
        """The unified diff between two commits of the mirror, at most 200 kB."""
        mirror = self._mirror(repository)
        await mirror.require(checked_sha(base), checked_sha(commit))
        return await diff_between(mirror, base, commit)

    async def changed_texts(self, repository: Slug, base: Sha, commit: Sha, *, limit: int) -> Sequence[Change]:
        """The paths that differ between two commits of the mirror, with their texts up to ``limit`` bytes."""
        mirror = self._mirror(repository)
        await mirror.require(checked_sha(base), checked_sha(commit))
        return await changed_texts_between(mirror, base, commit, limit=limit)

    async def changes_in_range(self, repository: Slug, wanted: CommitRange) -> RangeChanges:
        """The files that changed between two commits; fetches what the mirror lacks."""
        mirror = self._mirror(repository)
        try:
            return await changes_of(mirror, wanted)
        except CorruptMirrorError:
            await mirror.replace()
            return await changes_of(mirror, wanted)

    async def push(self, repository: Slug, commit: Sha, branch: str, *, expected: Sha | None) -> PushOutcome:
        """Bring ``branch``, one of ours, on the remote to ``commit``, if it is at ``expected`` now."""
        expected = checked_sha(expected) if expected is not None else None
        return await push(self._mirror(repository), checked_sha(commit), branch, expected=expected)

    async def discard(self, path: Path) -> None:
        """Remove a work tree, or anything else that an agent has written to; fine if it is gone."""
        await self._folders.remove(_absolute(path))

    def _mirror(self, repository: Slug) -> Mirror:
        return self._mirrors.of(checked_slug(repository))

    async def _checkout(self, mirror: Mirror, commit: Sha, path: Path) -> None:
        """Fetch the commit, and look at the spare meanwhile; then only what differs between the two is written."""
        looking = asyncio.create_task(self._spare(mirror), name=f"look at the spare of {mirror.repository}")
        try:
            await mirror.ensure(commit)
        except BaseException:
            looking.cancel()
            [spare] = await asyncio.gather(looking, return_exceptions=True)
            if isinstance(spare, Path):
                await self._folders.remove(spare)
            raise
        [spare] = await asyncio.gather(looking, return_exceptions=True)
        if isinstance(spare, Path):
            # A spare that cannot be used costs time, not the attempt: what is really wrong comes up again below.
            with suppress(TransientError):
                return await self._write(mirror, commit, place=spare, path=path)
        return await self._write(mirror, commit, place=self._folders.scratch("taken"), path=path)

    async def _spare(self, mirror: Mirror) -> Path | None:
        """A spare's folder, its tree as its commit has it: each file is looked at, and mended if need be."""
        place = await self._spares.take(mirror.repository)
        if place is None:
            return None
        try:
            commit = checked_sha(Sha((place / COMMIT).read_text()))
            await write_tree(mirror, commit, tree=place / TREE, index=place / INDEX)
        except BaseException:
            await self._folders.remove(place)
            raise
        return place

    async def _write(self, mirror: Mirror, commit: Sha, *, place: Path, path: Path) -> None:
        try:
            await asyncio.to_thread(place.mkdir, exist_ok=True)
            tree, index = _moved(place / TREE, path), place / INDEX
            if index.exists():
                await move_tree(mirror, Sha((place / COMMIT).read_text()), commit, tree=tree, index=index)
            else:
                await write_tree(mirror, commit, tree=tree, index=index)
        except BaseException:  # cancelled or not: nobody else knows about a half-written tree
            await self._folders.remove(path)
            raise
        finally:
            await self._folders.remove(place)


def _absolute(path: Path) -> Path:
    return path.absolute()


def _moved(tree: Path, path: Path) -> Path:
    """Move a spare tree to where it is wanted; on another file system a fresh one is written there instead."""
    try:
        tree.rename(path)
    except OSError:
        (tree.parent / INDEX).unlink(missing_ok=True)
    return path
