"""A simulated GitHub behind plain HTTP, for its tests."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from selfheald.domain.ids import Sha, Slug
from selfheald.simulator import bare
from selfheald.simulator.github import GitHubWorld
from selfheald.simulator.hooks import Hooks
from tests.fakes.simulated_github import TOKEN, commit_on, simulated_github

REPOSITORY = Slug("acme/billing")
REPO = f"/repos/{REPOSITORY}"
PULL = {"title": "Heal", "head": "selfheal-1", "base": "main", "body": "Green again."}


@dataclass
class Served:
    world: GitHubWorld
    hooks: Hooks
    client: httpx.AsyncClient
    head: Sha

    async def open_pull(self, **overrides: str | bool) -> Any:
        answer = await self.client.post(f"{REPO}/pulls", json=PULL | overrides)
        assert answer.status_code == 201, answer.text
        return answer.json()


Opened = AbstractAsyncContextManager[Served]


def opened_github(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_github() -> AsyncIterator[Served]:
        async with simulated_github(tmp_path, REPOSITORY) as simulated:
            main = (await bare.branches(simulated.world.path(REPOSITORY)))["main"]
            head = await commit_on(simulated.world, REPOSITORY, "selfheal-1", "Heal", parent=main)
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(base_url=simulated.url, headers=headers) as client:
                yield Served(simulated.world, simulated.hooks, client, head)

    return open_github()


async def answer_to(served: Served, method: str, path: str, **options: Any) -> tuple[int, Any]:
    answer = await served.client.request(method, path, **options)
    return answer.status_code, answer.json()


def urls_in(value: object) -> list[str]:
    """Every URL in a JSON value."""
    if isinstance(value, dict):
        return [url for item in value.values() for url in urls_in(item)]
    if isinstance(value, list):
        return [url for item in value for url in urls_in(item)]
    return [value] if isinstance(value, str) and value.startswith("http") else []
