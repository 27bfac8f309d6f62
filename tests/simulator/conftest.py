"""A served Semaphore with one organization and one project."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from selfheald.simulator.semaphore import semaphore_app
from selfheald.simulator.serving import serve
from selfheald.simulator.state import Organization, Pipeline, Project
from selfheald.simulator.world import World

START = datetime(2026, 3, 1, 12, 0, 0, 131742, UTC)
TOKEN = "semaphore-token"


@dataclass(slots=True)
class Watch:
    """A clock that moves only when told."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@dataclass(slots=True, kw_only=True)
class Stage:
    """The world, the served API and a client."""

    world: World
    watch: Watch
    organization: Organization
    project: Project
    client: httpx.AsyncClient
    url: str

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(f"/api/v1alpha{path}", params=params)

    async def post(self, path: str, json: Any = None, **params: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1alpha{path}", params=params, json=json)

    async def pipelines(self, **params: Any) -> httpx.Response:
        return await self.get("/pipelines", project_id=self.project.id, **params)

    def pushed(self, count: int = 1, **facts: Any) -> list[Pipeline]:
        """So many pipelines, ten seconds apart, oldest first."""
        made = []
        for _ in range(count):
            made.append(self.world.push(self.project, **facts).pipeline)
            self.watch.forward(10)
        return made


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    watch = Watch()
    world = World(clock=watch)
    organization = world.add_organization("acme", tokens=[TOKEN, "second-token"])
    project = world.add_project(organization, "billing")
    headers = {"Authorization": f"Token {TOKEN}"}
    async with serve(semaphore_app(world)) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        yield Stage(world=world, watch=watch, organization=organization, project=project, client=client, url=url)
