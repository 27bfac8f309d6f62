"""A dry run looks, and writes nothing outside."""

from pathlib import Path

import pytest
from tests import builders as make
from tests.fakes.code_host import FakeCodeHost
from tests.fakes.repositories import FakeRepositories

from selfheald.domain.branch import BranchHead
from selfheald.domain.errors import TransientError
from selfheald.domain.proposal import WantedPullRequest
from selfheald.engine.dryrun import DryRunCodeHost, DryRunRepositories


async def test_everything_but_the_push_is_done(tmp_path: Path) -> None:
    inner = FakeRepositories()
    base = inner.add(make.REPOSITORY, {"a.txt": "one\n"})
    dry = DryRunRepositories(inner)

    tree = await dry.checkout(make.REPOSITORY, base, tmp_path / "tree")
    (tree.path / "a.txt").write_text("two\n")
    changes = await dry.changes(tree)
    commit = await dry.commit(tree, changes, message="m", ref="refs/selfheal/cases/1/1", at=make.NOW)
    await dry.discard(tree.path)

    assert "+two" in await dry.diff(make.REPOSITORY, base, commit)
    assert [file.path for file in await dry.changed_files(make.REPOSITORY, base, commit)] == ["a.txt"]
    with pytest.raises(TransientError, match="dry run"):
        await dry.push(make.REPOSITORY, commit, f"selfheal-{base}", expected=None)
    assert not inner.branches


async def test_pull_requests_are_read_and_not_made() -> None:
    inner = FakeCodeHost()
    inner.add_repository(make.REPOSITORY, head=make.sha())
    inner.set_branch(make.REPOSITORY, "feature", make.sha(2))
    made = inner.add_pull_request(make.REPOSITORY, head_branch="feature")
    dry = DryRunCodeHost(inner)
    wanted = WantedPullRequest(
        repository=make.REPOSITORY,
        head_branch="feature",
        base_branch="main",
        title="t",
        body="b",
        marker="m",
        labels=(),
        reviewers=(),
        draft=False,
    )

    assert await dry.default_branch(make.REPOSITORY) == "main"
    assert await dry.branch_head(make.REPOSITORY, "main") == BranchHead(commit=make.sha())
    assert await dry.pull_request(make.REPOSITORY, made.number) == made
    with pytest.raises(TransientError, match="dry run"):
        await dry.ensure_pull_request(wanted)
    with pytest.raises(TransientError, match="dry run"):
        await dry.close_pull_request(make.REPOSITORY, made.number, comment="c", marker="m")
    assert await inner.pull_request(make.REPOSITORY, made.number) == made
