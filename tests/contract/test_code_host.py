"""What every code host does: the fake in memory, and the real adapter talking PyGithub to the simulated GitHub."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from tests.fakes.code_host import FakeCodeHost
from tests.fakes.simulated_github import SimulatedGitHub, commit_on, simulated_github

from selfheald.domain.errors import NotFoundError, RefusedError, TransientError
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import PullRequest, PullRequestState, WantedPullRequest
from selfheald.ports import CodeHost
from selfheald.simulator import bare
from selfheald.simulator.github_faults import server_error

REPOSITORY = Slug("acme/billing")
FORK = Slug("ada/billing")
HEAD = "selfheal-1"
MARKER = "<!-- selfheald case 7 -->"
WANTED = WantedPullRequest(
    repository=REPOSITORY,
    head_branch=HEAD,
    base_branch="main",
    title="Selfheal CI: round to the nearest cent",
    body=f"{MARKER}\nIt was red.",
    marker=MARKER,
    labels=("selfheal",),
    reviewers=(),
    draft=False,
)


class Stage(Protocol):
    """A code host with one repository, and the humans around it."""

    @property
    def host(self) -> CodeHost: ...

    async def push(self, branch: str) -> Sha: ...
    async def delete_branch(self, branch: str) -> None: ...
    async def open_by_hand(self, *, body: str = "", head_repository: Slug = REPOSITORY) -> int: ...
    async def merge(self, number: int) -> None: ...
    async def close(self, number: int) -> None: ...
    async def break_down(self) -> None: ...
    def count(self) -> int: ...
    def comments(self, number: int) -> list[str]: ...


class FakeStage:
    def __init__(self) -> None:
        self.host = FakeCodeHost()
        self.commits = 0
        self.host.add_repository(REPOSITORY, head=Sha("0" * 40))

    async def push(self, branch: str) -> Sha:
        self.commits += 1
        self.host.set_branch(REPOSITORY, branch, Sha(f"{self.commits:040x}"))
        return self.host.branches[REPOSITORY][branch]

    async def delete_branch(self, branch: str) -> None:
        self.host.set_branch(REPOSITORY, branch, None)

    async def open_by_hand(self, *, body: str = "", head_repository: Slug = REPOSITORY) -> int:
        made = self.host.add_pull_request(REPOSITORY, head_branch=HEAD, body=body, head_repository=head_repository)
        return made.number

    async def merge(self, number: int) -> None:
        self.host.merge(REPOSITORY, number)

    async def close(self, number: int) -> None:
        self.host.close(REPOSITORY, number)

    async def break_down(self) -> None:
        self.host.fail_next(TransientError("down"))

    def count(self) -> int:
        return len(self.host.pull_requests)

    def comments(self, number: int) -> list[str]:
        return self.host.comments[REPOSITORY, number]


class SimulatedStage:
    def __init__(self, simulated: SimulatedGitHub, host: CodeHost) -> None:
        self.host = host
        self.world = simulated.world

    async def push(self, branch: str) -> Sha:
        main = (await bare.branches(self.world.path(REPOSITORY)))["main"]
        return await commit_on(
            self.world, REPOSITORY, branch, f"Push {branch}", parent="" if branch == "main" else main
        )

    async def delete_branch(self, branch: str) -> None:
        await bare.run_git(self.world.path(REPOSITORY), "update-ref", "-d", f"refs/heads/{branch}")

    async def open_by_hand(self, *, body: str = "", head_repository: Slug = REPOSITORY) -> int:
        head = (await bare.branches(self.world.path(REPOSITORY)))[HEAD]
        made = self.world.add_pull_request(
            REPOSITORY, head=HEAD, head_sha=head, body=body, head_repository=head_repository
        )
        return made.number

    async def merge(self, number: int) -> None:
        await self.world.merge(REPOSITORY, number)

    async def close(self, number: int) -> None:
        self.world.close(REPOSITORY, number)

    async def break_down(self) -> None:
        self.world.fail("*", server_error(502), times=3)

    def count(self) -> int:
        return len(self.world.pull_requests[REPOSITORY])

    def comments(self, number: int) -> list[str]:
        return self.world.pull_requests[REPOSITORY][number].comments


OpenStage = Callable[[], AbstractAsyncContextManager[Stage]]


@pytest.fixture(params=["fake", "github"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStage:
    @asynccontextmanager
    async def fake() -> AsyncIterator[Stage]:
        yield FakeStage()

    @asynccontextmanager
    async def github() -> AsyncIterator[Stage]:
        async with simulated_github(tmp_path, REPOSITORY) as simulated, simulated.adapter() as host:
            yield SimulatedStage(simulated, host)

    return fake if request.param == "fake" else github


async def test_the_default_branch_is_told(stage: OpenStage) -> None:
    async with stage() as on:
        assert await on.host.default_branch(REPOSITORY) == "main"


async def test_a_branch_is_known_by_its_commit(stage: OpenStage) -> None:
    async with stage() as on:
        pushed = await on.push("feature/ä%2F#1")

        head = await on.host.branch_head(REPOSITORY, "feature/ä%2F#1")
        assert head
        assert head.commit == pushed


@pytest.mark.parametrize("branch", ["gone", "", "feature/none"])
async def test_a_missing_branch_is_no_error(stage: OpenStage, branch: str) -> None:
    async with stage() as on:
        assert await on.host.branch_head(REPOSITORY, branch) is None


async def test_an_unknown_repository_is_not_found(stage: OpenStage) -> None:
    unknown = Slug("acme/unknown")
    async with stage() as on:
        with pytest.raises(NotFoundError):
            await on.host.default_branch(unknown)
        with pytest.raises(NotFoundError):
            await on.host.branch_head(unknown, "main")
        with pytest.raises(NotFoundError):
            await on.host.ensure_pull_request(replace(WANTED, repository=unknown))


async def test_an_unknown_pull_request_is_not_found(stage: OpenStage) -> None:
    async with stage() as on:
        with pytest.raises(NotFoundError):
            await on.host.pull_request(REPOSITORY, 404)


async def test_a_pull_request_is_opened_as_wanted(stage: OpenStage) -> None:
    async with stage() as on:
        pushed = await on.push(HEAD)

        made = await on.host.ensure_pull_request(WANTED)

        assert made == PullRequest(
            repository=REPOSITORY,
            number=1,
            url=made.url,
            state=PullRequestState.OPEN,
            title=WANTED.title,
            body=WANTED.body,
            base_branch="main",
            head_branch=HEAD,
            head_repository=REPOSITORY,
            head_commit=pushed,
            labels=("selfheal",),
        )
        assert made.url.endswith("/acme/billing/pull/1")
        assert await on.host.pull_request(REPOSITORY, 1) == made


async def test_asking_again_gives_the_same_pull_request(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        made = await on.host.ensure_pull_request(WANTED)

        assert await on.host.ensure_pull_request(WANTED) == made
        assert on.count() == 1


@pytest.mark.parametrize("end", [PullRequestState.MERGED, PullRequestState.CLOSED])
async def test_one_of_ours_that_has_ended_is_given_as_it_is(stage: OpenStage, end: PullRequestState) -> None:
    async with stage() as on:
        await on.push(HEAD)
        made = await on.host.ensure_pull_request(WANTED)
        await (on.merge(made.number) if end is PullRequestState.MERGED else on.close(made.number))

        again = await on.host.ensure_pull_request(replace(WANTED, labels=("other",)))

        assert again == replace(made, state=end)
        assert (await on.host.pull_request(REPOSITORY, made.number)).state is end
        assert on.count() == 1


async def test_one_of_ours_wins_over_an_open_one(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        ours = await on.open_by_hand(body=f"Opened by us.\n{MARKER}")
        await on.close(ours)
        await on.open_by_hand()

        assert (await on.host.ensure_pull_request(WANTED)).number == ours


async def test_an_open_one_of_ours_wins_over_a_closed_one(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        ours = await on.open_by_hand(body=MARKER)
        closed = await on.open_by_hand(body=MARKER)
        await on.close(closed)

        assert (await on.host.ensure_pull_request(WANTED)).number == ours


async def test_an_open_one_of_a_human_is_adopted_untouched(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        theirs = await on.open_by_hand(body="By hand.")

        found = await on.host.ensure_pull_request(WANTED)

        assert (found.number, found.body, found.labels) == (theirs, "By hand.", ())


async def test_a_closed_one_of_a_human_does_not_stand_in_the_way(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        theirs = await on.open_by_hand(body="By hand.")
        await on.close(theirs)

        assert (await on.host.ensure_pull_request(WANTED)).number != theirs


async def test_a_marker_in_a_fork_is_not_ours(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        foreign = await on.open_by_hand(body=MARKER, head_repository=FORK)

        made = await on.host.ensure_pull_request(WANTED)

        assert made.number != foreign
        seen = await on.host.pull_request(REPOSITORY, foreign)
        assert seen.is_fork
        assert seen.head_repository == FORK


async def test_nothing_to_merge_is_refused(stage: OpenStage) -> None:
    async with stage() as on:
        with pytest.raises(RefusedError, match="No commits between main and main"):
            await on.host.ensure_pull_request(replace(WANTED, head_branch="main"))


@pytest.mark.parametrize("wanted", [replace(WANTED, head_branch="gone"), replace(WANTED, base_branch="gone")])
async def test_a_missing_head_or_base_is_refused(stage: OpenStage, wanted: WantedPullRequest) -> None:
    async with stage() as on:
        await on.push(HEAD)

        with pytest.raises(RefusedError):
            await on.host.ensure_pull_request(wanted)


async def test_a_new_commit_shows_in_an_open_pull_request_and_not_in_a_closed_one(stage: OpenStage) -> None:
    async with stage() as on:
        first = await on.push(HEAD)
        made = await on.host.ensure_pull_request(WANTED)

        await on.push("other")
        second = await on.push("main")
        await on.push(HEAD)
        open_one = await on.host.pull_request(REPOSITORY, made.number)
        await on.close(made.number)
        await on.push("main")
        await on.push(HEAD)

        assert open_one.head_commit not in {first, second}
        assert (await on.host.pull_request(REPOSITORY, made.number)).head_commit == open_one.head_commit


async def test_a_breakdown_is_transient_and_the_next_call_works(stage: OpenStage) -> None:
    async with stage() as on:
        await on.break_down()
        with pytest.raises(TransientError):
            await on.host.default_branch(REPOSITORY)

        assert await on.host.default_branch(REPOSITORY) == "main"


async def test_a_deleted_branch_is_gone(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        await on.delete_branch(HEAD)

        assert await on.host.branch_head(REPOSITORY, HEAD) is None


COMMENT = f"{MARKER}\nThe branch is green again."


async def test_one_of_ours_is_closed_with_one_comment_however_often_it_is_asked_for(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        made = await on.host.ensure_pull_request(WANTED)

        closed = await on.host.close_pull_request(REPOSITORY, made.number, comment=COMMENT, marker=MARKER)
        again = await on.host.close_pull_request(REPOSITORY, made.number, comment="Another", marker=MARKER)

        assert closed.state is again.state is PullRequestState.CLOSED
        assert on.comments(made.number) == [COMMENT]


async def test_a_comment_whose_closing_was_lost_is_not_made_twice(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        made = await on.host.ensure_pull_request(WANTED)
        on.comments(made.number).extend(["Looks fine.", COMMENT])

        closed = await on.host.close_pull_request(REPOSITORY, made.number, comment=COMMENT, marker=MARKER)

        assert closed.state is PullRequestState.CLOSED
        assert on.comments(made.number) == ["Looks fine.", COMMENT]


async def test_one_that_was_merged_meanwhile_is_left_alone(stage: OpenStage) -> None:
    async with stage() as on:
        await on.push(HEAD)
        made = await on.host.ensure_pull_request(WANTED)
        await on.merge(made.number)

        found = await on.host.close_pull_request(REPOSITORY, made.number, comment=COMMENT, marker=MARKER)

        assert found.state is PullRequestState.MERGED
        assert on.comments(made.number) == []
