"""Attacks by what an attempt leaves in its work tree: read as data none works, by the ways of a naive daemon all do."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from selfheald.domain.proposal import TreeChanges
from selfheald.git.repositories import GitRepositories
from tests.git.origin import REPOSITORY, Origin, git, serve_origin
from tests.security.attack import WIDE
from tests.security.attacks.tree import TREE, Proposed, TreeAttack
from tests.security.scene import Scene
from tests.security.scene import scene as set_up

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = "refs/selfheal/cases/7/1"
BASE = {"answer.txt": b"wrong\n", "kept.txt": b"kept\n"}
NAIVE_SECONDS = 5
TOKEN = "canary-token-of-the-push"


@dataclass(slots=True)
class Workshop:
    """A scene with a repository behind it."""

    scene: Scene
    origin: Origin
    repositories: GitRepositories

    @property
    def tree(self) -> Path:
        return self.scene.attempt / "tree"

    @property
    def touched(self) -> Path:
        return self.scene.folder / "touched"

    async def daemon(self, attack: TreeAttack) -> tuple[Proposed, TreeChanges]:
        """As selfheald does it."""
        tree = await self.repositories.checkout(REPOSITORY, self.origin.commit(BASE), self.tree)
        await self._strike(attack)
        async with asyncio.timeout(60):
            changes = await self.repositories.changes(tree)
            message = f"selfheal CI: {changes.summary}"
            commit = await self.repositories.commit(tree, changes, message=message, ref=REF, at=AT)
            await self.repositories.push(REPOSITORY, commit, f"selfheal-{tree.commit}", expected=None)
        text = git(self.origin.bare(), "show", "--raw", "--patch", commit).decode()
        await self.repositories.discard(self.tree)  # pytest's own clean-up may stumble
        return Proposed(executed=self.touched.exists(), text=text, stolen=self._stolen), changes

    async def naive(self, attack: TreeAttack) -> Proposed:
        """As it is done where the agent works in a clone, and the same clone is committed and pushed."""
        self.origin.commit(BASE)
        self.tree.parent.mkdir(parents=True, exist_ok=True)
        self._git("clone", "-q", str(self.origin.bare()), str(self.tree), folder=self.scene.folder)
        await self._strike(attack)
        try:
            text = await asyncio.to_thread(self._propose)
        except subprocess.TimeoutExpired:
            return Proposed(hung=True)
        return Proposed(executed=self.touched.exists(), text=text, stolen=self._stolen)

    @property
    def _stolen(self) -> bool:
        return "stream" in self.scene.knocks

    async def _strike(self, attack: TreeAttack) -> None:
        facts = {"touched": str(self.touched), "remote": f"{self.origin.url}/"}
        self.scene.facts.update(facts)
        private = self.scene.folder / "private"
        private.mkdir(exist_ok=True)
        (private / "secret").write_text(self.scene.canary)
        after = await self.scene.strike(attack.program, WIDE)
        assert "LOST?" in after.said, after.said  # it got to its end

    def _propose(self) -> str:
        message = self.tree / "commit-message.txt"
        subject = message.read_text() if message.exists() else "fix"
        for arguments in (
            ("status",),
            ("add", "-A"),
            ("add", "-A"),
            ("diff", "--cached"),
            ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", subject),
            ("push", "-q", f"{self.origin.url}/{REPOSITORY}.git", "HEAD:refs/heads/selfheal-1"),
        ):
            self._git("-c", f"http.extraHeader=Authorization: token {TOKEN}", *arguments, folder=self.tree)
        return self._git("show", "--raw", "--patch", "--no-ext-diff", folder=self.tree)

    def _git(self, *arguments: str, folder: Path) -> str:
        argv, env = ["git", "-C", str(folder), *arguments], {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=NAIVE_SECONDS, env=env)
        return done.stdout


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with set_up(tmp_path / "scene") as scene, serve_origin(tmp_path / "origin") as origin:
        repositories = origin.repositories(tmp_path / "git")
        yield Workshop(scene, origin, repositories)
        await repositories.aclose()


def _won(attack: TreeAttack, proposed: Proposed, canary: str) -> bool:
    return canary in proposed.text if attack.canary else attack.won(proposed)


@pytest.mark.parametrize("attack", TREE, ids=[attack.name for attack in TREE])
async def test_it_fails_and_is_seen(workshop: Workshop, attack: TreeAttack) -> None:
    proposed, changes = await workshop.daemon(attack)

    assert not _won(attack, proposed, workshop.scene.canary), proposed
    assert not proposed.executed
    assert attack.seen(changes), changes
    assert "+right" in proposed.text  # the honest part is proposed all the same


@pytest.mark.parametrize("attack", TREE, ids=[attack.name for attack in TREE])
async def test_it_succeeds_where_the_agents_clone_is_trusted(workshop: Workshop, attack: TreeAttack) -> None:
    proposed = await workshop.naive(attack)

    assert _won(attack, proposed, workshop.scene.canary), proposed
