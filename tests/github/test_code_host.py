"""The real adapter against the simulated GitHub: what the contract suite cannot ask of a fake."""

from datetime import timedelta

import pytest

from selfheald.domain.errors import RefusedError, TransientError, UnauthorizedError
from selfheald.simulator.github_faults import (
    Fault,
    dropped,
    forbidden,
    rate_limited,
    refused,
    server_error,
    slow,
    slowed_down,
)
from tests.github.opening import REPOSITORY, WANTED, Opened


async def test_a_wrong_token_is_unauthorized_and_not_told(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter(token=lambda: "wrong-canary") as host:
        with pytest.raises(UnauthorizedError, match="401 Bad credentials") as caught:
            await host.default_branch(REPOSITORY)

        assert "canary" not in str(caught.value)
        assert simulated.statuses("get_repository") == ["401"]


@pytest.mark.parametrize("token", [None, lambda: ""])
async def test_without_a_token_nothing_is_asked(opened: Opened, token: None) -> None:
    async with opened as simulated, simulated.adapter(token=token) as host:
        with pytest.raises(UnauthorizedError, match="no GitHub token"):
            await host.default_branch(REPOSITORY)

        assert not simulated.hooks.requests


async def test_a_new_token_is_used_from_the_next_call_on(opened: Opened) -> None:
    tokens = ["old-token"]
    async with opened as simulated, simulated.adapter(token=lambda: tokens[-1]) as host:
        simulated.world.token = lambda: tokens[-1]
        await host.default_branch(REPOSITORY)
        await host.default_branch(REPOSITORY)
        tokens.append("new-token")
        await host.default_branch(REPOSITORY)

        assert [request.token for request in simulated.hooks.requests] == ["old-token", "old-token", "new-token"]
        assert await host.git_token(REPOSITORY) == "new-token"


async def test_a_used_up_rate_limit_names_its_end_and_is_not_waited_for(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("get_repository", rate_limited(seconds=1800))
        with pytest.raises(TransientError) as caught:
            await host.default_branch(REPOSITORY)

        assert caught.value.retry_after is not None
        assert timedelta(seconds=1700) < caught.value.retry_after < timedelta(seconds=1900)
        assert not isinstance(caught.value, UnauthorizedError)
        assert simulated.hooks.count("get_repository") == 1


@pytest.mark.parametrize(("named", "wait"), [(600, 600), (None, 60)])
async def test_a_secondary_rate_limit_is_transient(opened: Opened, named: int | None, wait: int) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("create_pull", slowed_down(seconds=named))
        with pytest.raises(TransientError) as caught:
            await host.ensure_pull_request(WANTED)

        assert caught.value.retry_after == timedelta(seconds=wait)
        assert simulated.hooks.count("create_pull") == 1


async def test_too_many_requests_are_transient_by_their_own_status_too(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("get_repository", Fault(status=429, body={"message": "Slow down"}))
        with pytest.raises(TransientError) as caught:
            await host.default_branch(REPOSITORY)

        assert caught.value.retry_after == timedelta(seconds=60)


async def test_a_missing_permission_is_unauthorized(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("create_pull", forbidden())
        with pytest.raises(UnauthorizedError, match="not accessible by personal access token"):
            await host.ensure_pull_request(WANTED)


async def test_a_refusal_is_told_in_githubs_words_within_bounds(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("create_pull", refused("No\u202e drafts\n" + "x" * 1000))
        with pytest.raises(RefusedError, match="422 No drafts x") as caught:
            await host.ensure_pull_request(WANTED)

        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (["a rule says no"], "422 Validation Failed: a rule says no"),
        ([{"field": "head", "code": "invalid"}], "422 Validation Failed: head invalid"),
        ("not a list", "422 Validation Failed"),
    ],
)
async def test_every_shape_of_githubs_errors_is_read(opened: Opened, errors: object, words: str) -> None:
    async with opened as simulated, simulated.adapter() as host:
        body = {"message": "Validation Failed", "errors": errors}
        simulated.world.fail("create_pull", Fault(status=422, body=body))
        with pytest.raises(RefusedError, match=words):
            await host.ensure_pull_request(WANTED)


@pytest.mark.parametrize("fault", [server_error(500), server_error(502), dropped()])
async def test_reading_survives_a_hiccup(opened: Opened, fault: Fault) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("get_repository", fault, times=2)

        assert await host.default_branch(REPOSITORY) == "main"


@pytest.mark.parametrize(("fault", "status"), [(server_error(503), "503"), (dropped(), "error")])
async def test_reading_gives_up_after_three_tries(opened: Opened, fault: Fault, status: str) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("get_repository", fault, times=3)
        with pytest.raises(TransientError):
            await host.default_branch(REPOSITORY)

        assert simulated.statuses("get_repository") == [status]
        assert simulated.hooks.count("get_repository") == 3


@pytest.mark.parametrize("body", ['{"cut": "of', '{"default_branch": {"not": "text"}}'])
async def test_an_answer_that_is_not_githubs_is_transient(opened: Opened, body: str) -> None:
    async with opened as simulated, simulated.adapter() as host:
        simulated.world.fail("get_repository", Fault(status=200, body=body))
        with pytest.raises(TransientError):
            await host.default_branch(REPOSITORY)


async def test_a_call_that_takes_too_long_is_given_up(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter(call_timeout=timedelta(milliseconds=50)) as host:
        simulated.world.fail("get_repository", slow(0.5))
        with pytest.raises(TransientError, match="no answer in time"):
            await host.default_branch(REPOSITORY)

        assert simulated.statuses("get_repository") == ["timeout"]


async def test_a_branch_that_was_renamed_is_not_the_one_that_was_asked_for(opened: Opened) -> None:
    async with opened as simulated, simulated.adapter() as host:
        renamed = '{"name": "trunk", "commit": {"sha": "1"}}'
        simulated.world.fail("get_branch", Fault(status=200, body=renamed))

        assert await host.branch_head(REPOSITORY, "master") is None
