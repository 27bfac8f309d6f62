"""The real adapter against the simulated GitHub: what the contract suite cannot ask of a fake."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.fakes.simulated_github import TOKEN, SimulatedGitHub, commit_on, simulated_github

from selfheald.domain.errors import NotFoundError, RefusedError, TransientError, UnauthorizedError
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import WantedPullRequest
from selfheald.github.client import GitHubApp, GitHubSettings
from selfheald.github.code_host import GitHub
from selfheald.simulator.github import SimulatedApp
from selfheald.simulator.github_faults import (
    Fault,
    dropped,
    forbidden,
    lost_answer,
    rate_limited,
    refused,
    server_error,
    slow,
    slowed_down,
)

REPOSITORY = Slug("acme/billing")
OTHER = Slug("acme/storefront")
HEAD = "selfheal-1"
MARKER = "<!-- selfheald case 7 -->"
WANTED = WantedPullRequest(
    repository=REPOSITORY,
    head_branch=HEAD,
    base_branch="main",
    title="Selfheal CI: round to the nearest cent",
    body=MARKER,
    marker=MARKER,
    labels=("selfheal", "ci"),
    reviewers=(),
    draft=False,
)

Opened = AbstractAsyncContextManager[SimulatedGitHub]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_github() -> AsyncIterator[SimulatedGitHub]:
        async with simulated_github(tmp_path, REPOSITORY, OTHER) as simulated:
            await commit_on(simulated.world, REPOSITORY, HEAD, "Heal", parent=await main_of(simulated))
            yield simulated

    return open_github()


async def main_of(simulated: SimulatedGitHub) -> Sha:
    async with simulated.adapter() as host:
        head = await host.branch_head(REPOSITORY, "main")
    simulated.observed.clear()
    simulated.hooks.requests.clear()
    assert head is not None
    return head


# ---------------------------------------------------------------------------------------------------------- tokens


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


# ---------------------------------------------------------------------------------------------------------- errors


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


# --------------------------------------------------------------------------------------------------- pull requests


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


# ------------------------------------------------------------------------------------------------------------ apps


@pytest.fixture(scope="module")
def key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


async def test_an_app_acts_with_one_token_per_account(opened: Opened, key_pair: tuple[str, str]) -> None:
    private, public = key_pair
    async with (
        opened as simulated,
        simulated.adapter(token=None, app=GitHubApp(id=5, private_key=lambda: private)) as host,
    ):
        simulated.world.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="acme")
        await host.default_branch(REPOSITORY)
        await host.default_branch(OTHER)

        assert simulated.hooks.count("create_access_token") == 1
        assert [await host.git_token(REPOSITORY)] == list(simulated.world.installation_tokens)
        assert TOKEN not in simulated.world.installation_tokens


async def test_an_apps_token_is_renewed_before_its_end(opened: Opened, key_pair: tuple[str, str]) -> None:
    private, public = key_pair
    passed = [0.0]
    app = GitHubApp(id=5, private_key=lambda: private)
    async with (
        opened as simulated,
        simulated.adapter(token=None, app=app, wall=lambda: time.time() + passed[0]) as host,
    ):
        simulated.world.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="acme")
        first = await host.git_token(REPOSITORY)
        passed[0] = timedelta(minutes=50).total_seconds()
        kept = await host.git_token(REPOSITORY)
        passed[0] = timedelta(minutes=56).total_seconds()
        renewed = await host.git_token(REPOSITORY)

        assert first == kept != renewed


async def test_a_revoked_token_of_an_app_is_replaced(opened: Opened, key_pair: tuple[str, str]) -> None:
    private, public = key_pair
    async with (
        opened as simulated,
        simulated.adapter(token=None, app=GitHubApp(id=5, private_key=lambda: private)) as host,
    ):
        simulated.world.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="acme")
        await host.default_branch(REPOSITORY)
        simulated.world.installation_tokens.clear()
        with pytest.raises(UnauthorizedError):
            await host.default_branch(REPOSITORY)

        assert await host.default_branch(REPOSITORY) == "main"


async def test_an_app_that_is_not_installed_is_not_found(opened: Opened, key_pair: tuple[str, str]) -> None:
    private, public = key_pair
    async with (
        opened as simulated,
        simulated.adapter(token=None, app=GitHubApp(id=5, private_key=lambda: private)) as host,
    ):
        simulated.world.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="somebody")
        with pytest.raises(NotFoundError):
            await host.git_token(REPOSITORY)


@pytest.mark.parametrize("known", [False, True])
async def test_a_key_that_github_does_not_know_or_nobody_can_use_is_unauthorized(
    opened: Opened, key_pair: tuple[str, str], *, known: bool
) -> None:
    private = "key-canary" if known else key_pair[0]
    async with (
        opened as simulated,
        simulated.adapter(token=None, app=GitHubApp(id=5, private_key=lambda: private)) as host,
    ):
        with pytest.raises(UnauthorizedError) as caught:
            await host.git_token(REPOSITORY)

        assert "canary" not in str(caught.value)


async def test_closing_does_not_wait_for_a_request_that_hangs(opened: Opened) -> None:
    short = timedelta(milliseconds=50)
    async with opened as simulated:
        settings = GitHubSettings(api_url=simulated.url, call_timeout=short, request_timeout=short)
        host = GitHub(settings, token=lambda: TOKEN)
        simulated.world.fail("get_repository", slow(0.5))
        with pytest.raises(TransientError):
            await host.default_branch(REPOSITORY)

        await host.aclose()

        assert any(thread.name.startswith("github") for thread in threading.enumerate())
        await asyncio.to_thread(host._thread.shutdown, wait=True)


async def test_a_closed_adapter_cannot_be_used(opened: Opened) -> None:
    async with opened as simulated:
        async with simulated.adapter() as host:
            await host.default_branch(REPOSITORY)
        with pytest.raises(RuntimeError):
            await host.default_branch(REPOSITORY)
