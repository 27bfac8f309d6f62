"""Serving an application on the loopback interface."""

import asyncio
import signal

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from selfheald.simulator.serving import cut_connection, serve


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def for_ever(request: Request) -> Response:
    await asyncio.Event().wait()
    return PlainTextResponse("never")


APP = Starlette(routes=[Route("/", hello), Route("/for-ever", for_ever)])


async def test_it_serves_several_times_in_one_event_loop() -> None:
    for _ in range(3):
        async with serve(APP) as url, serve(APP) as other, httpx.AsyncClient() as client:
            assert url != other
            assert (await client.get(url)).text == "hello"
            assert (await client.get(other)).text == "hello"


async def test_the_port_is_free_again_afterwards() -> None:
    async with serve(APP) as url:
        port = int(url.rpartition(":")[2])
    async with serve(APP, port=port) as url, httpx.AsyncClient() as client:
        assert url.endswith(f":{port}")
        assert (await client.get(url)).status_code == 200


async def test_a_taken_port_is_an_os_error() -> None:
    async with serve(APP) as url:
        with pytest.raises(OSError, match="in use"):
            await serve(APP, port=int(url.rpartition(":")[2])).__aenter__()


async def test_leaving_ends_requests_that_still_run() -> None:
    async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as group, serve(APP) as url:
        answer = group.create_task(_error_of(client, f"{url}/for-ever"))
        assert (await client.get(url)).status_code == 200
    assert issubclass(answer.result(), httpx.TransportError)


async def _error_of(client: httpx.AsyncClient, url: str) -> type[Exception]:
    with pytest.raises(httpx.TransportError) as caught:
        await client.get(url)
    return caught.type


async def test_an_exception_of_the_caller_comes_through_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with serve(APP):
            raise LookupError


async def test_signal_handlers_stay_as_they_were() -> None:
    before = signal.getsignal(signal.SIGINT)
    async with serve(APP):
        assert signal.getsignal(signal.SIGINT) is before


async def test_a_cut_connection_is_a_reset_for_the_client() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        cut_connection(scope)
        await receive()
        await receive()

    async with serve(app) as url, httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadError):
            await client.get(url)
