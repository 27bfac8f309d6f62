"""One bare mirror per repository: what was fetched once is there for every later attempt.

A mirror holds the whole history of the commits that were asked for, and nothing else. The first fetch of a large
repository therefore takes as long as a clone of one branch; every later one brings only what is new. A shallow mirror
would be quicker once, but has no merge bases, and each further shallow fetch is dear for the server. A partial one
would go back to the network, with the token, in the middle of a checkout.

A fetched commit is whole only when ``refs/selfheal/kept/<sha>`` exists: git writes that reference last, while the
objects of a fetch that was cut short may already lie about.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from selfheald.domain.errors import NotFoundError, SelfhealdError
from selfheald.domain.ids import Sha, Slug
from selfheald.git.command import Answer, Call, GitProgram
from selfheald.git.failures import UnadvertisedError
from selfheald.git.folders import Folders
from selfheald.git.remote import Access, Remote

ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding -merge !diff\n"
"""The mirror's ``info/attributes``, stronger than any ``.gitattributes``: files are written byte for byte as they are
in the commit, nothing is run for them, and diffs show them by what they are."""

_TIPS = ("+refs/heads/*:refs/selfheal/heads/*", "+refs/pull/*/head:refs/selfheal/pulls/*")
_MANY_PACKS = 40
"""Packs in a mirror from which on it is worth putting them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the kinds of git commands may take, in seconds."""

    local: float = 300
    look: float = 60
    """Asking the remote for one branch."""
    fetch: float = 3600
    """The first fetch brings a whole history."""
    push: float = 300


STANDARD = Timeouts()


class Mirror:
    """The bare mirror of one repository."""

    def __init__(
        self, *, repository: Slug, folders: Folders, git: GitProgram, remote: Remote, timeouts: Timeouts
    ) -> None:
        self.repository = repository
        self.path = folders.mirror(repository)
        self.lock = asyncio.Lock()
        """Held by whatever writes to the mirror."""
        self.timeouts = timeouts
        self._folders = folders
        self._git = git
        self._remote = remote

    async def run(self, call: Call) -> Answer:
        """Run git on the mirror. Raises as :meth:`GitProgram.run` does."""
        return await self._git.run(call)

    def call(self, doing: str, *args: str, **more: object) -> Call:
        """A local command on this mirror."""
        details: dict[str, object] = {"git_dir": self.path, "timeout": self.timeouts.local, **more}
        return Call(doing=f"{doing} in {self.repository}", args=args, **details)  # type: ignore[arg-type]  # by name

    async def access(self) -> Access:
        """What it takes to speak to the remote."""
        return await self._remote.access(self.repository)

    async def ensure(self, commit: Sha) -> None:
        """See to it that a commit is there, with its history; the network is used only if it is not.

        Raises :class:`NotFoundError` when the remote does not have it.
        """
        if await self._is_kept(commit):
            return
        async with self.lock:
            await self._create()
            if not await self._is_whole(commit):
                await self._fetch(commit)

    async def keep(self, commit: Sha) -> None:
        """Remember that a commit is whole, and keep it from ever being dropped."""
        await self.run(self.call(f"keeping {commit}", "update-ref", _kept(commit), commit))

    async def has(self, commit: Sha) -> bool:
        """Whether the commit is in the mirror. Uses no network."""
        if not self.path.exists():
            return False
        call = self.call(f"looking for {commit}", "cat-file", "-e", f"{commit}^{{commit}}", accept=(0, 1, 128))
        return (await self.run(call)).code == 0

    async def require(self, *commits: Sha) -> None:
        """Raise :class:`NotFoundError` unless the commits are in the mirror."""
        for commit in commits:
            if not await self.has(commit):
                raise NotFoundError(f"the mirror of {self.repository} has no commit {commit}")

    async def remote_head(self, ref: str) -> Sha | None:
        """The commit of a reference on the remote now; ``None`` when there is no such reference."""
        if not self.path.exists():  # git runs in the mirror
            async with self.lock:
                await self._create()
        access = await self.access()
        call = self.call(
            f"looking at {ref}",
            *("ls-remote", "--quiet", "--", access.url, ref),
            access=access,
            timeout=self.timeouts.look,
        )
        lines = (line.split(b"\t") for line in (await self.run(call)).stdout.splitlines())
        return next((Sha(sha.decode()) for sha, name in lines if name == ref.encode()), None)

    async def replace(self) -> None:
        """Make a damaged mirror anew; commits of cases are saved out of the old one where they can still be read."""
        async with self.lock:
            broken = self._folders.scratch("broken")
            with suppress(FileNotFoundError):
                self.path.rename(broken)
            await self._create()
            with suppress(SelfhealdError):  # what cannot be read any more is lost, and its case says so
                await self._save_cases(broken)
            await self._folders.remove(broken)

    async def tidy(self) -> None:
        """Put many small packs together, without hurry."""
        if len(list((self.path / "objects/pack").glob("*.pack"))) < _MANY_PACKS:
            return
        async with self.lock:
            repack = ("repack", "--quiet", "-d", "--geometric=2", "--no-write-bitmap-index")
            await self.run(self.call("tidying", *repack, gentle=True))
            await self.run(self.call("tidying", "pack-refs", "--all", gentle=True))

    async def _is_kept(self, commit: Sha) -> bool:
        if not self.path.exists():
            return False
        call = self.call(f"looking for {commit}", "rev-parse", "--verify", "--quiet", _kept(commit), accept=(0, 1))
        return (await self.run(call)).code == 0

    async def _is_whole(self, commit: Sha) -> bool:
        """Whether the commit came some other way, with everything that it needs."""
        walk = ("rev-list", "--objects", "--quiet", commit, "--not", "--all")
        if not await self.has(commit):
            return False
        if (await self.run(self.call(f"checking {commit}", *walk, accept=(0, 1, 128)))).code:
            return False
        await self.keep(commit)
        return True

    async def _create(self) -> None:
        if self.path.exists():
            return
        fresh = self._folders.scratch("mirror")
        init = ("init", "--quiet", "--bare", "--template=", "--object-format=sha1", str(fresh))
        await self.run(Call(doing=f"creating the mirror of {self.repository}", args=init, timeout=self.timeouts.local))
        (fresh / "info").mkdir(exist_ok=True)
        (fresh / "info/attributes").write_text(ATTRIBUTES)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(self.path)

    async def _fetch(self, commit: Sha) -> None:
        try:
            await self._fetch_refs(commit, f"+{commit}:{_kept(commit)}")
        except UnadvertisedError:
            await self._fetch_refs(commit, *_TIPS)
            if not await self._is_whole(commit):
                raise NotFoundError(
                    f"fetching {commit} of {self.repository}: no branch or pull request has it"
                ) from None

    async def _fetch_refs(self, commit: Sha, *refspecs: str) -> None:
        access = await self.access()
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
        await self.run(
            self.call(
                f"fetching {commit}",
                *("fetch", *options, "--", access.url, *refspecs),
                access=access,
                timeout=self.timeouts.fetch,
            )
        )

    async def _save_cases(self, broken: Path) -> None:
        refs = "refs/selfheal/cases/*:refs/selfheal/cases/*"
        fetch = ("-c", "protocol.file.allow=always", "fetch", "--quiet", "--no-tags", "--", str(broken), refs)
        await self.run(self.call("saving the cases' commits", *fetch))


class Mirrors:
    """All mirrors, each made when it is first asked for."""

    def __init__(self, *, folders: Folders, git: GitProgram, remote: Remote, timeouts: Timeouts) -> None:
        self._all: dict[Slug, Mirror] = {}
        self._folders = folders
        self._git = git
        self._remote = remote
        self._timeouts = timeouts

    def of(self, repository: Slug) -> Mirror:
        """The mirror of a repository, on disk or not yet."""
        if repository not in self._all:
            self._all[repository] = Mirror(
                repository=repository,
                folders=self._folders,
                git=self._git,
                remote=self._remote,
                timeouts=self._timeouts,
            )
        return self._all[repository]


def _kept(commit: Sha) -> str:
    return f"refs/selfheal/kept/{commit}"
