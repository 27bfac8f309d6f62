"""Pull requests that are made once, whatever happens on the way."""

import asyncio
from dataclasses import replace

import pytest

from selfheald.domain.errors import TransientError
from selfheald.simulator.github_faults import (
    Fault,
    dropped,
    forbidden,
    lost_answer,
    rate_limited,
    refused,
    server_error,
)
from tests.github.opening import HEAD, REPOSITORY, WANTED, Opened


@pytest.mark.parametrize("fault", [lost_answer(), dropped(), server_error(502)])
async def test_after_a_lost_answer_there_is_one_pull_request(opened: Opened, fault: Fault) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("create_pull", fault)
        with pytest.raises(TransientError):
            await host.ensure_pull_request(WANTED)
        assert simulated.hooks.count("create_pull") == 1

        made = await host.ensure_pull_request(WANTED)

        assert [made.number] == list(simulated.world.pull_requests[REPOSITORY])
        assert made.labels == WANTED.labels


async def test_one_that_is_not_listed_yet_is_looked_for_again(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        made = await host.ensure_pull_request(WANTED)
        simulated.world.fail("list_pulls", Fault(status=200, body="[]"))

        assert await host.ensure_pull_request(WANTED) == made


async def test_one_that_github_knows_but_does_not_list_is_transient(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        await host.ensure_pull_request(WANTED)
        simulated.world.fail("list_pulls", Fault(status=200, body="[]"), times=2)

        with pytest.raises(TransientError, match="not listed yet"):
            await host.ensure_pull_request(WANTED)


async def test_two_at_the_same_time_make_one(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as one, simulated.adapter() as other:
        made = await asyncio.gather(one.ensure_pull_request(WANTED), other.ensure_pull_request(WANTED))

        assert {it.number for it in made} == {1}
        assert len(simulated.world.pull_requests[REPOSITORY]) == 1


async def test_ours_is_found_behind_a_page_of_others(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        ours = await host.ensure_pull_request(WANTED)
        simulated.world.close(REPOSITORY, ours.number)
        for _ in range(120):
            it = simulated.world.add_pull_request(REPOSITORY, head=HEAD, head_sha=ours.head_commit)
            simulated.world.close(REPOSITORY, it.number)

        assert (await host.ensure_pull_request(WANTED)).number == ours.number
        assert simulated.hooks.count("list_pulls") == 3


async def test_a_draft_is_opened_as_one(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        made = await host.ensure_pull_request(replace(WANTED, draft=True))

        assert simulated.world.pull_requests[REPOSITORY][made.number].draft


@pytest.mark.parametrize("fault", [forbidden(), server_error(500), refused(), rate_limited()])
async def test_a_label_that_cannot_be_added_does_not_lose_the_pull_request(opened: Opened, fault: Fault) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("add_labels", fault)
        assert (await host.ensure_pull_request(WANTED)).labels == ()

        assert (await host.ensure_pull_request(WANTED)).labels == ("selfheal", "ci")


async def test_a_stranger_among_the_reviewers_does_not_keep_the_others_out(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        made = await host.ensure_pull_request(replace(WANTED, reviewers=("ada", "stranger", "acme/backend")))

        it = simulated.world.pull_requests[REPOSITORY][made.number]
        assert (it.reviewers, it.teams) == (["ada"], ["backend"])


async def test_a_single_stranger_is_asked_once(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        await host.ensure_pull_request(replace(WANTED, reviewers=("stranger",)))

        assert simulated.hooks.count("request_reviewers") == 1


async def test_who_has_reviewed_is_not_asked_again(opened: Opened) -> None:
    wanted = replace(WANTED, reviewers=("Ada", "grace", "acme/backend"))
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.collaborators.add("Ada")
        made = await host.ensure_pull_request(wanted)
        it = simulated.world.pull_requests[REPOSITORY][made.number]
        it.reviewers.remove("Ada")
        it.reviewed_by.append("ada")

        await host.ensure_pull_request(wanted)

        assert simulated.hooks.count("request_reviewers") == 1


async def test_reviewers_that_cannot_be_asked_now_are_asked_the_next_time(opened: Opened) -> None:
    wanted = replace(WANTED, reviewers=("ada", "grace"))
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("request_reviewers", server_error())
        made = await host.ensure_pull_request(wanted)
        it = simulated.world.pull_requests[REPOSITORY][made.number]
        assert it.reviewers == []

        await host.ensure_pull_request(wanted)

        assert it.reviewers == ["ada", "grace"]


async def test_reviewers_that_cannot_be_read_are_left_alone(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("list_reviews", forbidden())

        made = await host.ensure_pull_request(replace(WANTED, reviewers=("ada",)))

        assert simulated.world.pull_requests[REPOSITORY][made.number].reviewers == []


async def test_a_pull_request_of_a_deleted_fork_and_without_a_body_is_read(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        it = simulated.world.add_pull_request(
            REPOSITORY, head="patch-1", head_sha="1" * 40, head_repository=None, body=None
        )

        seen = await host.pull_request(REPOSITORY, it.number)

        assert seen.is_fork
        assert (seen.head_repository, seen.body) == (None, "")


async def test_every_operation_is_observed(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        await host.ensure_pull_request(WANTED)

        seen = [(request.operation, request.status) for request in simulated.observed]
        assert seen == [("list_pulls", "200"), ("create_pull", "201"), ("add_labels", "201")]
        assert all(request.api == "github" and request.seconds > 0 for request in simulated.observed)
