"""The client against real sockets: connections kept, silences, redirects to self-hosted logs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.semaphore import payloads

from selfheald.domain.errors import RefusedError, TransientError
from selfheald.domain.events import ApiRequest
from selfheald.domain.ids import JobId, PipelineId
from selfheald.semaphore import joblog
from selfheald.semaphore.api import SemaphoreApi
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.client import Question, SemaphoreClient

TOKEN = "canary-token-3333"
JOB = JobId("b0b0")

Reply = Callable[[str], bytes]
"""The answer to a request; nothing at all to be silent, :class:`ConnectionError` to hang up."""


class Server:
    """A bare HTTP server that says what a function of the request makes."""

    def __init__(self, reply: Reply) -> None:
        self.requests: list[str] = []
        self.connections = 0
        self.url = ""
        self._reply = reply

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head.decode())
                writer.write(self._reply(head.decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[Server]:
    server = Server(reply)
    writers: list[asyncio.StreamWriter] = []
    handlers: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        writers.append(writer)
        await server.handle(reader, writer)

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*handlers)


def said(payload: object, status: str = "200 OK", *headers: str) -> bytes:
    body = json.dumps(payload).encode()
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def asking(
    url: str, *, silence: float = 20, whole: float = 20, sleep: Callable[[float], Awaitable[None]] | None = None
) -> AsyncIterator[tuple[SemaphoreClient, list[ApiRequest]]]:
    observed: list[ApiRequest] = []
    async with SemaphoreClient(
        url,
        lambda: TOKEN,
        bucket=TokenBucket(1e6, 1000),
        observe=observed.append,
        timeout=timedelta(seconds=silence),
        whole_timeout=timedelta(seconds=whole),
        sleep=sleep or instant,
    ) as client:
        yield client, observed


async def instant(_: float) -> None:
    """A pause that takes no time."""


async def test_one_connection_serves_many_requests() -> None:
    async with serving(lambda _: said([])) as server, asking(server.url) as (client, _):
        for _ in range(5):
            await SemaphoreApi(client).list_pipelines({"project_id": "5f0c"})

    assert (len(server.requests), server.connections) == (5, 1)


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    def hang_up(_: str) -> bytes:
        # Says that it will stay, and does not.
        if len(server.requests) == 2:
            raise ConnectionError
        return said([])

    async with serving(hang_up) as server, asking(server.url) as (client, _):
        for _ in range(2):
            await SemaphoreApi(client).list_pipelines({"project_id": "5f0c"})

    assert (len(server.requests), server.connections) == (3, 2)


async def test_a_silent_server_is_given_up() -> None:
    async with serving(lambda _: b"") as server, asking(server.url, silence=0.05) as (client, observed):
        with pytest.raises(TransientError, match="in time"):
            await SemaphoreApi(client).describe_pipeline(PipelineId("8e1f"))

    assert [event.status for event in observed] == ["timeout"]


async def test_a_trickling_answer_is_given_up_as_a_whole() -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n["

    async with serving(lambda _: half) as server, asking(server.url, whole=0.05) as (client, observed):
        with pytest.raises(TransientError, match="in time"):
            await SemaphoreApi(client).describe_pipeline(PipelineId("8e1f"))

    assert [event.status for event in observed] == ["timeout"]


async def test_an_unreachable_server_is_a_passing_trouble() -> None:
    async with serving(lambda _: b"") as server:
        pass
    async with asking(server.url) as (client, observed):
        with pytest.raises(TransientError, match="describing pipeline 8e1f"):
            await SemaphoreApi(client).describe_pipeline(PipelineId("8e1f"))

    assert [event.status for event in observed] == ["error", "error"]


def self_hosted(parts: Iterator[object]) -> Reply:
    return lambda _: said(next(parts))


async def test_a_self_hosted_log_is_read_elsewhere_without_the_token() -> None:
    log = payloads.failing_log()
    parts = iter([{"events": log[:5], "next": 5}, {"events": [], "next": 5}, {"events": log[5:], "next": None}])

    async with serving(self_hosted(parts)) as elsewhere:
        redirect = said("", "302 Found", f"location: {elsewhere.url}/api/v1/logs/b0b0?jwt=key", "set-cookie: a=b")
        async with serving(lambda _: redirect) as server, asking(server.url) as (client, observed):
            end = await SemaphoreApi(client).job_log(JOB)

    assert end.text.endswith("1 example, 1 failure\n[exit code 1]")
    assert TOKEN in server.requests[0]
    assert not any(TOKEN in request or "cookie" in request for request in elsewhere.requests)
    assert [request.split()[1] for request in elsewhere.requests] == [
        "/api/v1/logs/b0b0?jwt=key",
        "/api/v1/logs/b0b0?jwt=key&token=5",
        "/api/v1/logs/b0b0?jwt=key&token=5",
    ]
    assert [event.operation for event in observed] == ["job_log", *["self_hosted_log"] * 3]


async def test_a_self_hosted_log_that_never_ends_is_used_as_it_is() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with serving(lambda _: said({"events": [], "next": 5})) as elsewhere:
        redirect = said("", "302 Found", f"location: {elsewhere.url}/log")
        async with serving(lambda _: redirect) as server, asking(server.url, sleep=sleep) as (client, _):
            end = await SemaphoreApi(client).job_log(JOB)

    assert end.note == "the log was still being written"
    assert len(elsewhere.requests) == joblog.POLLS
    assert pauses == [joblog.POLL_SECONDS] * (joblog.POLLS - 1)


async def test_a_second_redirect_is_not_followed() -> None:
    redirect = said("", "302 Found", "location: /api/v1/logs/b0b0?jwt=key")

    async with serving(lambda _: redirect) as server, asking(server.url) as (client, _):
        with pytest.raises(RefusedError, match="redirect"):
            await SemaphoreApi(client).job_log(JOB)

    assert len(server.requests) == 2
    assert TOKEN not in server.requests[1]


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/log", "file:///etc/passwd"])
async def test_a_redirect_to_a_strange_place_is_refused(location: str) -> None:
    redirect = said("", "302 Found", f"location: {location}")

    async with serving(lambda _: redirect) as server, asking(server.url) as (client, _):
        with pytest.raises(RefusedError, match="redirect"):
            await SemaphoreApi(client).job_log(JOB)

    assert len(server.requests) == 1


async def test_a_redirect_to_no_address_is_a_bad_answer() -> None:
    redirect = said("", "302 Found", "location: http://127.0.0.1:x/")

    async with serving(lambda _: redirect) as server, asking(server.url) as (client, _):
        with pytest.raises(TransientError, match="reading the log of job b0b0"):
            await SemaphoreApi(client).job_log(JOB)


async def test_a_log_larger_than_the_limit_is_used_as_far_as_it_was_read() -> None:
    events = [payloads.output("x" * 100 + "\n") for _ in range(5000)]
    question = Question(operation="job_log", what="reading a log", path="/logs/b0b0")

    async with serving(lambda _: said({"events": events})) as server, asking(server.url) as (client, _):
        end = await joblog.read_job_log(client, question, budget=1000, limit=200_000)

    assert end.text.splitlines() == ["x" * 100] * 9, "whole lines, within the budget"
    assert "only the first 200000 bytes" in end.note
