"""Ranges of commits: the paths are told as `git diff --name-only` would tell them at Semaphore."""

from pathlib import Path

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.git.repositories import GitRepositories
from tests.git.origin import REPOSITORY, Origin


async def test_names_are_quoted_and_renamed_files_have_their_new_name(
    origin: Origin, repositories: GitRepositories
) -> None:
    long = b"".join(b"line %d\n" % number for number in range(30))
    first = origin.commit({"old name": long})
    second = origin.commit({"new name": long, "café.txt": b"x"}, parent=first)

    changes = await repositories.changes_in_range(REPOSITORY, CommitRange(base=f"{second}~1", head=second))

    assert changes == RangeChanges(files=('"caf\\303\\251.txt"', "new name"))


async def test_a_mirror_that_is_none_is_made_anew(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    (tmp_path / f"state/mirrors/{REPOSITORY}.git").mkdir(parents=True)
    commit = origin.commit({"a": b"a"})

    changes = await repositories.changes_in_range(REPOSITORY, CommitRange(base=commit, head=commit))

    assert changes == RangeChanges(files=("",))


async def test_a_second_look_fetches_nothing(origin: Origin, repositories: GitRepositories) -> None:
    first = origin.commit({"a": b"a"})
    wanted = CommitRange(base=first, head=origin.commit({"a": b"b"}, parent=first), from_merge_base=False)
    before = await repositories.changes_in_range(REPOSITORY, wanted)
    fetches = origin.hooks.count("fetch")

    assert await repositories.changes_in_range(REPOSITORY, wanted) == before == RangeChanges(files=("a",))
    assert origin.hooks.count("fetch") == fetches
