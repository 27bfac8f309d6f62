"""Repositories in memory: commits are dictionaries, a work tree is a plain folder."""

import asyncio
import difflib
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import NotFoundError, PermanentError, RefusedError
from selfheald.domain.guards.change import Change
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import ChangeKind, FileChange, TreeChanges
from selfheald.ports import PushOutcome, WorkTree

Files = dict[str, tuple[str, bytes]]
"""Mode and content by path."""

COMMIT_MESSAGE = "commit-message.txt"


class FakeRepositories:
    """``add`` makes commits, ``branches`` is the remote, ``errors`` makes the next calls of a method fail."""

    def __init__(self) -> None:
        self.branches: dict[tuple[Slug, str], Sha] = {}
        """What the remote has."""
        self.refs: dict[tuple[Slug, str], Sha] = {}
        """What the mirrors keep for the cases."""
        self.messages: dict[Sha, str] = {}
        self.errors: dict[str, list[Exception]] = {}
        """Raised, each once and in order, by the method of that name."""
        self.left_out: tuple[str, ...] = ()
        """What any work tree is said to hold that cannot be proposed."""
        self.calls: list[str] = []
        self._commits: dict[tuple[Slug, Sha], Files] = {}
        self._parents: dict[Sha, Sha] = {}

    def add(
        self,
        repository: Slug,
        files: Mapping[str, str | bytes],
        *,
        commit: Sha | None = None,
        parent: Sha | None = None,
        branch: str | None = None,
    ) -> Sha:
        """Make a commit on the remote with these files; its id is made of them unless one is given."""
        tree = {
            path: ("100644", content.encode() if isinstance(content, str) else content)
            for path, content in files.items()
        }
        made = self._add(repository, tree, commit or _id(repr((sorted(tree.items()), *([parent] if parent else [])))))
        if parent:
            self._parents[made] = parent
        if branch:
            self.branches[repository, branch] = made
        return made

    def files(self, repository: Slug, commit: Sha) -> dict[str, bytes]:
        """The content of a commit."""
        return {path: content for path, (_, content) in self._files(repository, commit).items()}

    async def checkout(self, repository: Slug, commit: Sha, path: Path) -> WorkTree:
        await self._begin("checkout")
        files = self._files(repository, commit)
        _write(path, files)
        return WorkTree(repository=repository, commit=commit, path=path)

    async def changes(self, tree: WorkTree) -> TreeChanges:
        await self._begin("changes")
        before, after = self._files(tree.repository, tree.commit), _read(tree.path)
        said = tree.path / COMMIT_MESSAGE
        lines = said.read_text().splitlines() if said.is_file() else []
        summary = next((line for line in lines if line.strip()), "")
        return TreeChanges(files=_compare(before, after), summary=summary, left_out=self.left_out)

    async def commit(self, tree: WorkTree, changes: TreeChanges, *, message: str, ref: str, at: datetime) -> Sha:
        await self._begin("commit")
        if not changes.files:
            raise RefusedError(f"committing to {tree.repository}: there are no changes")
        files = dict(self._files(tree.repository, tree.commit))
        now = _read(tree.path)
        for change in changes.files:
            if change.kind is ChangeKind.DELETED:
                del files[change.path]
            else:
                files[change.path] = now[change.path]
        sha = self._add(tree.repository, files, _id(f"{tree.commit} {message} {at} {sorted(files.items())}"))
        self.messages[sha] = message
        self.refs[tree.repository, ref] = sha
        return sha

    async def discard(self, path: Path) -> None:
        await self._begin("discard")
        shutil.rmtree(path, ignore_errors=True)

    async def changed_files(self, repository: Slug, base: Sha, commit: Sha) -> Sequence[FileChange]:
        await self._begin("changed_files")
        return _compare(self._files(repository, base), self._files(repository, commit))

    async def changed_texts(self, repository: Slug, base: Sha, commit: Sha, *, limit: int) -> Sequence[Change]:
        await self._begin("changed_texts")
        before, after = self._files(repository, base), self._files(repository, commit)
        return [_texts(one, before.get(one.path), after.get(one.path), limit) for one in _compare(before, after)]

    async def diff(self, repository: Slug, base: Sha, commit: Sha) -> str:
        await self._begin("diff")
        before, after = self.files(repository, base), self.files(repository, commit)
        return "".join(_diff(path, before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys()))

    async def changes_in_range(self, repository: Slug, wanted: CommitRange) -> RangeChanges:
        await self._begin("changes_in_range")
        ends = {end: self._revision(repository, end) for end in (wanted.base, wanted.head)}
        for end, commit in ends.items():
            if commit is None:
                return RangeChanges(unknown=end)
        base, head = ends[wanted.base], ends[wanted.head]
        if wanted.from_merge_base:
            base = next((commit for commit in self._line(base) if commit in self._line(head)), None)
        if not base or not head:
            return RangeChanges()
        changes = _compare(self._files(repository, base), self._files(repository, head))
        return RangeChanges(files=tuple(change.path for change in changes) or ("",))

    async def push(self, repository: Slug, commit: Sha, branch: str, *, expected: Sha | None) -> PushOutcome:
        await self._begin("push")
        if not branch.startswith("selfheal-"):
            raise RefusedError(f"only branches named selfheal-<commit> are pushed, not {branch}")
        self._files(repository, commit)
        head = self.branches.get((repository, branch))
        if head == commit:
            return PushOutcome.ALREADY_THERE
        if head != expected:
            return PushOutcome.TAKEN
        self.branches[repository, branch] = commit
        return PushOutcome.PUSHED

    def _revision(self, repository: Slug, revision: str) -> Sha | None:
        """A commit or a branch, with any number of ``^`` behind it."""
        name = revision.rstrip("^")
        if repository not in {known for known, _ in self._commits}:
            raise NotFoundError(f"there is no repository {repository}")
        known = Sha(name) if (repository, name) in self._commits else self.branches.get((repository, name))
        line = self._line(known)
        steps = len(revision) - len(name)
        return line[steps] if steps < len(line) else None

    def _line(self, commit: Sha | None) -> list[Sha]:
        """The commit and its ancestors."""
        line = []
        while commit:
            line.append(commit)
            commit = self._parents.get(commit)
        return line

    async def _begin(self, method: str) -> None:
        self.calls.append(method)
        await asyncio.sleep(0)  # as the real one, it lets others run
        if waiting := self.errors.get(method):
            raise waiting.pop(0)

    def _add(self, repository: Slug, files: Files, commit: Sha) -> Sha:
        self._commits[repository, commit] = files
        return commit

    def _files(self, repository: Slug, commit: Sha) -> Files:
        try:
            return self._commits[repository, commit]
        except KeyError:
            raise NotFoundError(f"{repository} has no commit {commit}") from None


def _id(text: str) -> Sha:
    return Sha(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _write(root: Path, files: Files) -> None:
    if root.exists():
        raise PermanentError(f"checking out: {root.name} exists already")
    root.mkdir(parents=True)
    for name, (mode, content) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(int(mode[-3:], 8))


def _read(root: Path) -> Files:
    found = {}
    for folder, _, names in os.walk(root):
        for path in (Path(folder) / name for name in names):
            mode = "100755" if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else "100644"
            found[str(path.relative_to(root))] = (mode, path.read_bytes())
    found.pop(COMMIT_MESSAGE, None)
    return found


def _compare(before: Files, after: Files) -> tuple[FileChange, ...]:
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return tuple(_change(path, before.get(path), after.get(path)) for path in changed)


def _change(path: str, before: tuple[str, bytes] | None, after: tuple[str, bytes] | None) -> FileChange:
    if after is None:
        return FileChange(path=path, kind=ChangeKind.DELETED, mode=before[0] if before else "")
    return FileChange(path=path, kind=ChangeKind.MODIFIED if before else ChangeKind.ADDED, mode=after[0])


def _texts(change: FileChange, before: tuple[str, bytes] | None, after: tuple[str, bytes] | None, limit: int) -> Change:
    sides = [side for side in (before, after) if side]
    binary = any(b"\0" in content for _, content in sides if len(content) <= limit)
    old, new = (None if not side or binary or len(side[1]) > limit else side[1].decode() for side in (before, after))
    return Change(
        path=change.path,
        kind=change.kind,
        old_mode=before[0] if before else "",
        mode=after[0] if after else "",
        before=old,
        after=new,
        size=len(sides[-1][1]),
        binary=binary,
        cut=any(len(content) > limit for _, content in sides),
    )


def _diff(path: str, before: bytes | None, after: bytes | None) -> str:
    lines = difflib.unified_diff(
        (before or b"").decode(errors="replace").splitlines(keepends=True),
        (after or b"").decode(errors="replace").splitlines(keepends=True),
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
    )
    return "".join(lines)
