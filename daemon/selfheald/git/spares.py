"""Spare work trees: at most one per repository, made ahead of time, handed out by a rename."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import structlog

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.ids import Sha, Slug
from selfheald.git.folders import Folders
from selfheald.git.mirror import Mirror
from selfheald.git.worktree import COMMIT, INDEX, TREE, settle, write_tree

_LOG = structlog.get_logger(__name__)

MOST_SPARES = 20
"""Repositories with a spare; the one that waited longest goes first."""

_PATIENCE = 2.0
"""Seconds that a checkout waits for a spare in the making, which gives way to all other work and so may take long."""


class Spares:
    """The spares on disk and the one background task that makes them, ``pause`` seconds after it was asked for."""

    def __init__(
        self, folders: Folders, *, most: int = MOST_SPARES, patience: float = _PATIENCE, pause: float = 0
    ) -> None:
        self._folders = folders
        self._pause = pause
        self._most = most
        self._patience = patience
        self._one_at_a_time = asyncio.Semaphore(1)
        self._tasks: dict[Slug, asyncio.Task[None]] = {}
        self._working_on: Slug | None = None

    async def take(self, repository: Slug) -> Path | None:
        """A folder with a spare's tree and its index, now the caller's; ``None`` when there is none.

        One that is being made is waited for, if it does not take long: writing a tree beside it would slow both.
        """
        if self._working_on == repository and (task := self._tasks.get(repository)):
            await asyncio.wait([task], timeout=self._patience)
            task.cancel()  # without effect on one that is done
        taken = self._folders.scratch("taken")
        try:
            self._place(repository).rename(taken)
        except OSError:
            return None
        return taken

    def prepare(self, mirror: Mirror, commit: Sha) -> None:
        """Start making a spare in the background, unless one is being made."""
        repository = mirror.repository
        if repository in self._tasks:
            return
        task = asyncio.create_task(self._prepare(mirror, commit), name=f"spare of {repository}")
        self._tasks[repository] = task
        task.add_done_callback(lambda _: self._tasks.pop(repository, None))

    async def settled(self) -> None:
        """Wait until every spare that was begun is there."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def aclose(self) -> None:
        """Stop making spares."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, mirror: Mirror, commit: Sha) -> None:
        await asyncio.sleep(self._pause)  # let the agent start that the checkout was for
        async with self._one_at_a_time:
            self._working_on = mirror.repository
            try:
                await self._make(mirror, commit)
                await mirror.tidy()
                await self.trim()
                await self._folders.sweep()
            except (SelfhealdError, OSError) as error:  # the next checkout then writes its tree itself
                _LOG.debug("spare_not_made", repository=mirror.repository, error=str(error))
            finally:
                self._working_on = None

    async def _make(self, mirror: Mirror, commit: Sha) -> None:
        place = self._place(mirror.repository)
        if place.exists():
            return
        fresh = self._folders.scratch("spare")
        try:
            fresh.mkdir()
            await write_tree(mirror, commit, tree=fresh / TREE, index=fresh / INDEX, gentle=True)
            settle(fresh / INDEX)
            (fresh / COMMIT).write_text(commit)
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(place)
        finally:
            if fresh.exists():
                await self._folders.remove(fresh)

    async def trim(self) -> None:
        """Drop the oldest spares over the limit."""
        places = sorted(self._folders.spares.glob("*/*"), key=_made_at, reverse=True)
        await self._folders.remove(*places[self._most :])

    def _place(self, repository: Slug) -> Path:
        return self._folders.spares / repository


def _made_at(place: Path) -> float:
    with suppress(FileNotFoundError):
        return place.stat().st_mtime
    return time.time()
