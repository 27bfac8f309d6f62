"""The simulated GitHub's faults and apps, as a client without PyGithub sees them."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from selfheald.simulator.github import SimulatedApp
from selfheald.simulator.github_faults import Fault, dropped, lost_answer, rate_limited, server_error, slowed_down
from tests.fakes.simulated_github import TOKEN
from tests.simulator.github_served import PULL, REPO, REPOSITORY, Opened, answer_to, opened_github


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return opened_github(tmp_path)


async def test_a_fault_hits_as_often_as_it_was_asked_for(opened: Opened) -> None:
    async with opened as served:
        served.world.fail("get_repository", server_error(502), times=2)

        assert [(await served.client.get(REPO)).status_code for _ in range(3)] == [502, 502, 200]
        assert [request.status for request in served.hooks.requests] == [502, 502, 200]


@pytest.mark.parametrize(
    ("fault", "header", "words"),
    [
        (rate_limited(), "x-ratelimit-reset", "API rate limit exceeded"),
        (slowed_down(), "retry-after", "You have exceeded a secondary rate limit."),
    ],
)
async def test_rate_limits_look_like_githubs(opened: Opened, fault: Fault, header: str, words: str) -> None:
    async with opened as served:
        served.world.fail("*", fault)
        answer = await served.client.get(REPO)

        assert answer.status_code == 403
        assert answer.headers[header].isdecimal()
        assert answer.json()["message"].startswith(words)


@pytest.mark.parametrize(("fault", "made"), [(dropped(), 0), (lost_answer(), 1)])
async def test_a_cut_connection_comes_before_or_after_the_deed(opened: Opened, fault: Fault, made: int) -> None:
    async with opened as served:
        served.world.fail("create_pull", fault)
        with pytest.raises(httpx.TransportError):
            await served.client.post(f"{REPO}/pulls", json=PULL)

        assert len(served.world.pull_requests[REPOSITORY]) == made
        assert [request.status for request in served.hooks.requests] == [0]


async def test_every_request_is_told(opened: Opened) -> None:
    async with opened as served:
        await served.client.get(f"{REPO}/pulls?state=all")
        await served.client.delete(f"{REPO}/pulls/1")

        first, second = served.hooks.requests
        assert (first.api, first.operation, first.query, first.token) == ("github", "list_pulls", "state=all", TOKEN)
        assert (second.operation, second.status) == ("unknown", 404)


@pytest.fixture(scope="module")
def sign() -> Callable[..., tuple[str, str]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def signed(*, app: int = 5, seconds: int = 300) -> tuple[str, str]:
        now = int(time.time())
        claims = {"iat": now, "exp": now + seconds, "iss": str(app)}
        return jwt.encode(claims, key, algorithm="RS256"), public.decode()

    return signed


async def test_an_installation_gives_tokens_that_work(opened: Opened, sign: Callable[..., tuple[str, str]]) -> None:
    token, public = sign()
    async with opened as served:
        served.world.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="acme")
        headers = {"Authorization": f"Bearer {token}"}
        _, installation = await answer_to(served, "GET", f"{REPO}/installation", headers=headers)
        status, made = await answer_to(served, "POST", installation["access_tokens_url"], headers=headers, json={})
        unknown, _ = await answer_to(served, "POST", "/app/installations/1/access_tokens", headers=headers, json={})
        reading = {"Authorization": f"token {made['token']}"}

        assert (status, unknown) == (201, 404)
        assert (await served.client.get(REPO, headers=reading)).status_code == 200


@pytest.mark.parametrize("options", [{"app": 6}, {"seconds": 3600}, {"seconds": -300}, None])
async def test_an_apps_token_that_is_not_good_is_refused(
    opened: Opened, sign: Callable[..., tuple[str, str]], options: dict[str, int] | None
) -> None:
    _, public = sign()
    token = sign(**options)[0] if options else "nonsense"
    async with opened as served:
        served.world.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="acme")
        status, body = await answer_to(
            served, "GET", f"{REPO}/installation", headers={"Authorization": f"Bearer {token}"}
        )

        assert (status, body["message"]) == (401, "A JSON web token could not be decoded")
