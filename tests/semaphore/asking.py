"""A client whose other side is a function, and what it asked."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from selfheald.domain.events import ApiRequest
from selfheald.semaphore.api import SemaphoreApi
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.client import SemaphoreClient

URL = "https://acme.semaphoreci.com"
TOKEN = "canary-token-2222"

Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def answer(payload: object, status: int = 200, **headers: str) -> httpx.Response:
    """JSON without a Content-Type, as Semaphore answers."""
    return text(json.dumps(payload), status, **headers)


def text(body: str | bytes, status: int = 200, **headers: str) -> httpx.Response:
    """Text without a Content-Type."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=body, headers=named)


@dataclass
class Asked:
    """What was asked of the other side, and what was told about it."""

    requests: list[httpx.Request] = field(default_factory=list)
    observed: list[ApiRequest] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path.removeprefix('/api/v1alpha')}" for request in self.requests]

    @property
    def queries(self) -> list[dict[str, str]]:
        return [dict(request.url.params) for request in self.requests]

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests if request.content]


@asynccontextmanager
async def asking(
    *replies: Reply, token: Callable[[], str] = lambda: TOKEN
) -> AsyncIterator[tuple[SemaphoreApi, Asked]]:
    """An API whose other side gives these replies in turn, the last one again and again."""
    asked = Asked()

    def reply(request: httpx.Request) -> httpx.Response:
        asked.requests.append(request)
        one = replies[min(len(asked.requests), len(replies)) - 1]
        if isinstance(one, Exception):
            raise one
        if callable(one):
            return one(request)
        # A response can be read once, and the same one may be given again.
        return httpx.Response(one.status_code, headers=one.headers, content=one.content)

    async def sleep(seconds: float) -> None:
        asked.pauses.append(seconds)

    bucket = TokenBucket(1e6, 1000)
    client = SemaphoreClient(
        URL, token, bucket=bucket, observe=asked.observed.append, transport=httpx.MockTransport(reply), sleep=sleep
    )
    async with client:
        yield SemaphoreApi(client), asked


def pages(items: Sequence[object], size: int) -> Callable[[httpx.Request], httpx.Response]:
    """A paged list as Semaphore answers: the page past the end is the last one again, links are http."""

    def reply(request: httpx.Request) -> httpx.Response:
        total = max(1, -(-len(items) // size))
        page = min(int(request.url.params.get("page", 1)), total)
        link = (
            f'<http://acme.semaphoreci.com/api/v1alpha/pipelines?page={page + 1}>; rel="next", ' if page < total else ""
        )
        link += f'<http://acme.semaphoreci.com/api/v1alpha/pipelines?page={total}>; rel="last"'
        return answer(list(items[(page - 1) * size : page * size]), link=link, page_number=str(page))

    return reply
