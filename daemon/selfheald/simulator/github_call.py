"""One request to the simulated GitHub, as its handlers see it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from selfheald.simulator.bare import SLUG
from selfheald.simulator.github_faults import not_found
from selfheald.simulator.github_world import GitHubWorld, SimulatedPullRequest

DEFAULT_PER_PAGE = 30
MAX_PER_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, with the world that it is about."""

    world: GitHubWorld
    request: Request
    body: Any

    @property
    def base_url(self) -> str:
        """The server's own address, by which all links begin."""
        return str(self.request.base_url).rstrip("/")

    @property
    def slug(self) -> str:
        """The repository that the path names."""
        return f"{self.request.path_params['owner']}/{self.request.path_params['name']}"

    def repository(self) -> Path:
        """The repository's folder; 404 when there is none."""
        path = self.world.path(self.slug)
        if not SLUG.fullmatch(self.slug) or not path.is_dir():
            raise not_found()
        return path

    async def pull_request(self) -> SimulatedPullRequest:
        """The pull request that the path names; 404 when there is none."""
        self.repository()
        number = self.request.path_params["number"]
        if number not in self.world.pull_requests[self.slug]:
            raise not_found()
        return await self.world.refreshed(self.slug, number)

    def answer(self, content: Any, *, status: int = 200, link: str = "") -> Response:
        """Answer with JSON and the headers that every answer of GitHub has."""
        headers = {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": str(self.world.rate_limit_remaining),
            "x-oauth-scopes": "repo",
        }
        return JSONResponse(content, status_code=status, headers=headers | ({"link": link} if link else {}))

    def page(self, items: list[Any]) -> tuple[list[Any], str]:
        """Cut out the page that is asked for, and make the Link header for its neighbours."""
        asked = self.request.query_params
        size = max(1, min(int(asked.get("per_page", DEFAULT_PER_PAGE)), MAX_PER_PAGE))
        number = max(1, int(asked.get("page", 1)))
        last = max(1, -(-len(items) // size))
        neighbours = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number >= last:
            del neighbours["next"], neighbours["last"]
        if number == 1:
            del neighbours["prev"], neighbours["first"]
        url = f"{self.base_url}{self.request.url.path}"
        links = (
            f'<{url}?{urlencode(dict(asked) | {"page": page})}>; rel="{name}"' for name, page in neighbours.items()
        )
        return items[(number - 1) * size : number * size], ", ".join(links)
