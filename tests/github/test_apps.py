"""A GitHub App instead of a token, and the adapter's end."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from selfheald.domain.errors import NotFoundError, TransientError, UnauthorizedError
from selfheald.github.client import GitHubApp, GitHubSettings
from selfheald.github.code_host import GitHub
from selfheald.simulator.github import SimulatedApp
from selfheald.simulator.github_faults import (
    slow,
)
from tests.fakes.simulated_github import TOKEN
from tests.github.opening import OTHER, REPOSITORY, Opened


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
