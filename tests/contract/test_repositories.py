"""What every implementation of the port ``Repositories`` promises: the fake of the tests and the real git."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.repositories import FakeRepositories
from tests.git.origin import REPOSITORY, serve_origin

from selfheald.domain.case import branch_of
from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import NotFoundError, PermanentError, RefusedError
from selfheald.domain.guards.change import Change
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import ChangeKind, FileChange, TreeChanges
from selfheald.ports import PushOutcome, Repositories, WorkTree

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = "refs/selfheal/cases/7/1"
FILES = {"app.py": b"a = 1\nb = 2\n", "docs/guide.md": b"hello\n", "old.txt": b"old\n"}
NOBODY = Sha("0" * 39 + "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An implementation, and how a test reaches the remote behind it."""

    repositories: Repositories
    add: Callable[[Mapping[str, bytes]], Sha]
    grow: Callable[[str, Sha, Mapping[str, bytes]], Sha]
    """Make a commit on a branch, on top of another commit."""
    branch: Callable[[str], Sha | None]
    move: Callable[[str, Sha], None]


@asynccontextmanager
async def _fake_world(folder: Path) -> AsyncIterator[World]:
    fake = FakeRepositories()
    yield World(
        repositories=fake,
        add=lambda files: fake.add(REPOSITORY, files, branch="main"),
        grow=lambda branch, parent, files: fake.add(REPOSITORY, files, parent=parent, branch=branch),
        branch=lambda name: fake.branches.get((REPOSITORY, name)),
        move=lambda name, commit: fake.branches.update({(REPOSITORY, name): commit}),
    )


@asynccontextmanager
async def _real_world(folder: Path) -> AsyncIterator[World]:
    async with serve_origin(folder / "origin") as origin:
        repositories = origin.repositories(folder / "state")
        yield World(
            repositories=repositories,
            add=origin.commit,
            grow=lambda branch, parent, files: origin.commit(files, branch=branch, parent=parent),
            branch=origin.branch,
            move=origin.move,
        )
        await repositories.aclose()


@pytest.fixture(params=[_fake_world, _real_world], ids=["fake", "git"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with request.param(tmp_path) as world:
        yield world


@pytest.fixture
async def tree(world: World, tmp_path: Path) -> WorkTree:
    return await world.repositories.checkout(REPOSITORY, world.add(FILES), tmp_path / "attempts/1/tree")


async def _commit(world: World, tree: WorkTree, *, message: str = "selfheal CI: mend it") -> Sha:
    changes = await world.repositories.changes(tree)
    return await world.repositories.commit(tree, changes, message=message, ref=REF, at=AT)


async def test_a_checkout_has_exactly_the_commits_files(tree: WorkTree) -> None:
    found = {str(p.relative_to(tree.path)): p.read_bytes() for p in tree.path.rglob("*") if p.is_file()}

    assert found == FILES


async def test_a_checkout_needs_a_path_that_does_not_exist(world: World, tree: WorkTree) -> None:
    with pytest.raises(PermanentError, match="exists"):
        await world.repositories.checkout(REPOSITORY, tree.commit, tree.path)


async def test_a_commit_that_nobody_has_is_not_found(world: World, tmp_path: Path) -> None:
    world.add(FILES)

    with pytest.raises(NotFoundError):
        await world.repositories.checkout(REPOSITORY, NOBODY, tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


async def test_a_repository_that_does_not_exist_is_not_found(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        await world.repositories.checkout(Slug("acme/nothing"), NOBODY, tmp_path / "tree")


async def test_an_untouched_tree_has_no_changes(world: World, tree: WorkTree) -> None:
    assert await world.repositories.changes(tree) == TreeChanges(files=(), summary="")


async def test_changes_are_told_by_path_kind_and_mode(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a = 2\n")
    (tree.path / "docs/guide.md").chmod(0o755)
    (tree.path / "old.txt").unlink()
    (tree.path / "new").mkdir()
    (tree.path / "new/file.txt").write_text("new")

    changes = await world.repositories.changes(tree)

    assert changes.files == (
        FileChange(path="app.py", kind=ChangeKind.MODIFIED, mode="100644"),
        FileChange(path="docs/guide.md", kind=ChangeKind.MODIFIED, mode="100755"),
        FileChange(path="new/file.txt", kind=ChangeKind.ADDED, mode="100644"),
        FileChange(path="old.txt", kind=ChangeKind.DELETED, mode="100644"),
    )


async def test_the_commit_message_is_the_summary_and_no_change(world: World, tree: WorkTree) -> None:
    (tree.path / "commit-message.txt").write_text("\nRound amounts up\nand more\n")

    assert await world.repositories.changes(tree) == TreeChanges(files=(), summary="Round amounts up")


async def test_a_commit_can_be_checked_out_again_and_is_the_next_base(
    world: World, tree: WorkTree, tmp_path: Path
) -> None:
    (tree.path / "app.py").write_text("a = 2\n")
    (tree.path / "old.txt").unlink()
    commit = await _commit(world, tree)

    again = await world.repositories.checkout(REPOSITORY, commit, tmp_path / "again")

    assert (again.path / "app.py").read_text() == "a = 2\n"
    assert (await world.repositories.changes(again)).files == ()
    assert [file.path for file in await world.repositories.changed_files(REPOSITORY, tree.commit, commit)] == [
        "app.py",
        "old.txt",
    ]


async def test_the_same_input_gives_the_same_commit(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a = 2\n")

    assert await _commit(world, tree) == await _commit(world, tree)
    assert await _commit(world, tree) != await _commit(world, tree, message="another")


async def test_nothing_to_commit_is_refused(world: World, tree: WorkTree) -> None:
    with pytest.raises(RefusedError):
        await _commit(world, tree)


async def test_the_diff_shows_what_was_changed(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a = 1\nb = 3\n")
    commit = await _commit(world, tree)

    diff = await world.repositories.diff(REPOSITORY, tree.commit, commit)

    assert "--- a/app.py\n+++ b/app.py\n" in diff
    assert "\n-b = 2\n+b = 3\n" in diff


async def test_a_diff_of_an_unknown_commit_is_not_found(world: World, tree: WorkTree) -> None:
    with pytest.raises(NotFoundError):
        await world.repositories.diff(REPOSITORY, tree.commit, NOBODY)


async def test_a_push_makes_the_branch_and_is_idempotent(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a = 2\n")
    commit, branch = await _commit(world, tree), branch_of(tree.commit)

    first = await world.repositories.push(REPOSITORY, commit, branch, expected=None)
    second = await world.repositories.push(REPOSITORY, commit, branch, expected=None)

    assert (first, second) == (PushOutcome.PUSHED, PushOutcome.ALREADY_THERE)
    assert world.branch(branch) == commit


async def test_a_push_moves_our_branch_on(world: World, tree: WorkTree, tmp_path: Path) -> None:
    (tree.path / "app.py").write_text("a = 2\n")
    first, branch = await _commit(world, tree), branch_of(tree.commit)
    await world.repositories.push(REPOSITORY, first, branch, expected=None)
    next_tree = await world.repositories.checkout(REPOSITORY, first, tmp_path / "next")
    (next_tree.path / "app.py").write_text("a = 3\n")
    second = await _commit(world, next_tree)

    assert await world.repositories.push(REPOSITORY, second, branch, expected=first) is PushOutcome.PUSHED
    assert world.branch(branch) == second


@pytest.mark.parametrize("expected", [None, NOBODY])
async def test_a_branch_that_somebody_else_moved_is_taken(world: World, tree: WorkTree, expected: Sha | None) -> None:
    (tree.path / "app.py").write_text("a = 2\n")
    commit, branch = await _commit(world, tree), branch_of(tree.commit)
    world.move(branch, tree.commit)

    assert await world.repositories.push(REPOSITORY, commit, branch, expected=expected) is PushOutcome.TAKEN
    assert world.branch(branch) == tree.commit


async def test_a_branch_that_was_deleted_is_taken(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a = 2\n")
    commit, branch = await _commit(world, tree), branch_of(tree.commit)

    assert await world.repositories.push(REPOSITORY, commit, branch, expected=tree.commit) is PushOutcome.TAKEN


async def test_only_branches_of_ours_are_pushed(world: World, tree: WorkTree) -> None:
    with pytest.raises(RefusedError):
        await world.repositories.push(REPOSITORY, tree.commit, "main", expected=None)


async def test_discarding_a_tree_twice_is_fine(world: World, tree: WorkTree) -> None:
    await world.repositories.discard(tree.path)
    await world.repositories.discard(tree.path)

    assert not tree.path.exists()


async def _changes(world: World, base: str, head: str, *, dots: int = 3) -> RangeChanges:
    wanted = CommitRange(base=base, head=head, from_merge_base=dots == 3)
    return await world.repositories.changes_in_range(REPOSITORY, wanted)


async def test_a_branch_is_compared_with_where_it_left_the_other_one(world: World) -> None:
    start = world.add(FILES)
    ours = world.grow("feature", start, FILES | {"lib/new.py": b"new\n"})
    world.grow("main", start, FILES | {"app.py": b"changed on main\n"})

    assert await _changes(world, "main", ours) == RangeChanges(files=("lib/new.py",))
    assert await _changes(world, "main", ours, dots=2) == RangeChanges(files=("app.py", "lib/new.py"))


async def test_a_commit_is_compared_with_its_parent(world: World) -> None:
    start = world.add(FILES)
    commit = world.grow("main", world.grow("main", start, FILES | {"one": b"1"}), FILES | {"one": b"1", "two": b"2"})

    assert await _changes(world, f"{commit}^", commit) == RangeChanges(files=("two",))


async def test_an_empty_difference_is_one_empty_line(world: World) -> None:
    commit = world.add(FILES)

    assert await _changes(world, "main", commit) == RangeChanges(files=("",))


async def test_commits_without_a_common_ancestor_have_no_changes(world: World) -> None:
    commit, stranger = world.add(FILES), world.add({"other": b"x"})

    assert await _changes(world, stranger, commit) == RangeChanges()


@pytest.mark.parametrize("unknown", ["nothing", "no branch", NOBODY, f"{NOBODY}^"])
async def test_an_end_that_does_not_exist_is_told(world: World, unknown: str) -> None:
    commit = world.add(FILES)

    assert await _changes(world, unknown, commit) == RangeChanges(unknown=unknown)
    assert await _changes(world, commit, unknown) == RangeChanges(unknown=unknown)
    assert await _changes(world, f"{commit}^", commit) == RangeChanges(unknown=f"{commit}^")


async def test_changes_in_a_repository_that_does_not_exist_are_not_found(world: World) -> None:
    wanted = CommitRange(base=NOBODY, head=NOBODY)

    with pytest.raises(NotFoundError):
        await world.repositories.changes_in_range(Slug("acme/nothing"), wanted)


async def test_what_changed_is_told_with_its_texts(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a = 2\nü = 3\n")
    (tree.path / "docs/guide.md").chmod(0o755)
    (tree.path / "old.txt").unlink()
    (tree.path / "picture").write_bytes(b"\x89PNG\0")
    commit = await _commit(world, tree)

    changes = await world.repositories.changed_texts(REPOSITORY, tree.commit, commit, limit=1000)

    assert list(changes) == [
        Change(path="app.py", kind=ChangeKind.MODIFIED, before="a = 1\nb = 2\n", after="a = 2\nü = 3\n", size=13),
        Change(
            path="docs/guide.md", kind=ChangeKind.MODIFIED, mode="100755", before="hello\n", after="hello\n", size=6
        ),
        Change(path="old.txt", kind=ChangeKind.DELETED, mode="", before="old\n", size=4),
        Change(path="picture", kind=ChangeKind.ADDED, old_mode="", binary=True, size=5),
    ]


async def test_texts_that_are_too_large_are_left_out(world: World, tree: WorkTree) -> None:
    (tree.path / "app.py").write_text("a" * 100)
    (tree.path / "new.txt").write_text("new\n")
    commit = await _commit(world, tree)

    large, small = await world.repositories.changed_texts(REPOSITORY, tree.commit, commit, limit=99)

    assert (large.before, large.after, large.cut, large.size) == ("a = 1\nb = 2\n", None, True, 100)
    assert (small.after, small.cut) == ("new\n", False)


async def test_texts_of_an_unknown_commit_are_not_found(world: World, tree: WorkTree) -> None:
    with pytest.raises(NotFoundError):
        await world.repositories.changed_texts(REPOSITORY, tree.commit, NOBODY, limit=1000)
