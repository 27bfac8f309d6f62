"""How selfheald talks HTTP to one Semaphore organization: tokens, limits, timeouts, second tries, errors.

- The token goes to the organization's own address and nowhere else; it is asked for at each request, so that a new one
  takes effect at once. No redirect is followed by itself.
- A question waits for its turn in the bucket, has a timeout on each part and one on the whole, and is asked a second
  time after a short pause when the answer was one that often is good the second time (:data:`faults.AGAIN`).
- Every request is observed, the second ones too.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar

import httpx

from selfheald import __version__
from selfheald.domain.errors import SelfhealdError, TransientError
from selfheald.domain.events import ApiRequest
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.credentials import usable
from selfheald.semaphore.faults import AGAIN, PassingError, fault

API = "/api/v1alpha"

USER_AGENT = f"selfheald/{__version__}"

TIMEOUT = timedelta(seconds=35)
"""Without a byte: Semaphore's own edge gives up after 30 s, and its answer says more than our timeout."""

CONNECT_TIMEOUT = timedelta(seconds=10)

WHOLE_TIMEOUT = timedelta(seconds=90)
"""For one answer in all, however it trickles."""

PAGE_LIMIT = 32 * 1024 * 1024
"""Bytes of an answer other than a log: a page of 100 pipelines has some 200 000."""

PAUSE_SECONDS = (0.2, 1.0)
"""Before a second try: at random in between, so that many do not come back together."""

CONNECTIONS = 10
"""To one organization at once: Semaphore reads at most 50 pipelines at a time, for everybody."""

KEEP_ALIVE_SECONDS = 60
"""An idle connection is kept this long: above the shortest interval, below what gateways on the way forget silently."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, before it is made."""

    operation: str
    """For metrics, e.g. ``list_pipelines``: a name from the code, never from the outside."""
    what: str
    """For people, with ids: ``listing the pipelines of project 5f0c``."""
    path: str
    """Under ``/api/v1alpha``, with its query, quoted."""
    method: str = "GET"
    body: Mapping[str, object] | None = None
    """Sent as JSON."""
    repeatable: bool = True
    """Whether asking twice does no more than asking once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer."""

    headers: Mapping[str, str]
    """By any case."""
    body: bytes

    def json(self) -> Any:
        """The body. Raises :class:`PassingError` when it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise PassingError("the answer is no JSON") from error


class SemaphoreClient:
    """The connection to one organization. Close it with :meth:`aclose`, or use it as a context.

    ``url`` is the organization's, e.g. ``https://acme.semaphoreci.com``. ``token`` gives the present API token.
    ``timeout`` is for a silence of the other side, ``whole_timeout`` for an answer in all.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        bucket: TokenBucket,
        observe: Callable[[ApiRequest], None],
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: timedelta = TIMEOUT,
        whole_timeout: timedelta = WHOLE_TIMEOUT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = httpx.URL(url.rstrip("/"))
        self.sleep = sleep
        self._base = url.rstrip("/") + API
        self._token = token
        self._bucket = bucket
        self._observe = observe
        self._whole_seconds = whole_timeout.total_seconds()
        seconds = timeout.total_seconds()
        connect = min(seconds, CONNECT_TIMEOUT.total_seconds())
        self._timeout = httpx.Timeout(seconds, connect=connect, pool=self._whole_seconds).as_dict()
        self._http = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            limits=httpx.Limits(
                max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS
            ),
        )
        logging.getLogger("httpx").addFilter(_not_info)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def ask(self, question: Question, read: Callable[[Answer], _Read]) -> _Read:
        """Ask, and give back what ``read`` makes of the answer; its :class:`PassingError` counts as a bad answer.

        Raises :class:`TransientError`, :class:`UnauthorizedError`, :class:`NotFoundError`, :class:`RefusedError`.
        """
        return await self.twice(question, lambda: self._ask_once(question, read))

    async def twice(self, question: Question, ask: Callable[[], Awaitable[_Read]]) -> _Read:
        """Do ``ask``, and once more after a pause when that is worth it and the question allows it."""
        if question.repeatable:
            with suppress(*AGAIN):
                return await ask()
            await self.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - spreads load, keeps no secret
        return await ask()

    async def _ask_once(self, question: Question, read: Callable[[Answer], _Read]) -> _Read:
        async with self.asking(question) as response:
            if not response.is_success:
                raise await refusal(question, response)
            body = await whole_body(response)
        try:
            return read(Answer(response.headers, body))
        except PassingError as error:
            raise PassingError(f"{question.what}: {error}") from error

    @asynccontextmanager
    async def asking(
        self, question: Question, *, elsewhere: httpx.URL | None = None, whole_timeout: timedelta | None = None
    ) -> AsyncIterator[httpx.Response]:
        """The answer of whatever status, its body still to be read. ``elsewhere`` is asked without the token."""
        await self._bucket.take()
        request = self._request(question) if elsewhere is None else self._foreign(elsewhere)
        seconds = self._whole_seconds if whole_timeout is None else whole_timeout.total_seconds()
        started, status = time.perf_counter(), "error"
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.send(request, stream=True)
                status = str(response.status_code)
                try:
                    yield response
                finally:
                    await response.aclose()
        except (httpx.TimeoutException, TimeoutError) as error:
            status = "timeout"
            raise TransientError(f"{question.what}: no answer from {request.url.host} in time") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            status = "error"
            told = str(error) or type(error).__name__
            raise PassingError(f"{question.what}: the connection to {request.url.host} broke: {told}") from error
        finally:
            seconds = time.perf_counter() - started
            self._observe(ApiRequest(api="semaphore", operation=question.operation, status=status, seconds=seconds))

    def _request(self, question: Question) -> httpx.Request:
        headers = {"authorization": f"Token {usable(self._token(), self.url.host)}", "user-agent": USER_AGENT}
        headers |= {"accept": "application/json", "accept-encoding": "gzip, deflate"}
        content = None
        if question.body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(question.body).encode()
        url = self._base + question.path
        return httpx.Request(
            question.method, url, headers=headers, content=content, extensions={"timeout": self._timeout}
        )

    def _foreign(self, url: httpx.URL) -> httpx.Request:
        """A request to another place: no token, no cookies."""
        headers = {"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "gzip, deflate"}
        return httpx.Request("GET", url, headers=headers, extensions={"timeout": self._timeout})


def _redacted(response: httpx.Response, body: bytes) -> bytes:
    """An error body without our token, should the other side repeat it."""
    token = response.request.headers.get("authorization", "").removeprefix("Token ").encode()
    return body.replace(token, b"[token]") if token else body


async def refusal(question: Question, response: httpx.Response) -> SelfhealdError:
    """The error that an answer other than 2xx stands for, its body still to be read."""
    body = _redacted(response, await whole_body(response))
    return fault(question.what, response.status_code, response.headers, body)


async def whole_body(response: httpx.Response, limit: int = PAGE_LIMIT) -> bytes:
    """The body, in bounded memory. Raises :class:`TransientError` when it is larger."""
    pieces, length = [], 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise TransientError(f"an answer of more than {limit} bytes from {response.request.url.host}")
    return b"".join(pieces)


def _not_info(record: logging.LogRecord) -> bool:
    """Httpx logs every address at level info, and that of a self-hosted job's log holds a key."""
    return record.levelno > logging.INFO
