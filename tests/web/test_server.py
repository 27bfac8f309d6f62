"""The pages, by real requests."""

import asyncio
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest
from tests.fakes.clock import ManualClock

from selfheald.domain.errors import ConfigError
from selfheald.web.metrics import Metrics
from selfheald.web.server import serve_web, web_app


@dataclass(frozen=True)
class Listen:
    """A configured address."""

    host: str = "127.0.0.1"
    port: int = 0


async def fetch(path: str, *, not_ready: Sequence[str] = (), **headers: str) -> httpx.Response:
    app = web_app(Metrics(ManualClock()), not_ready=lambda: not_ready)
    async with serve_web(app, Listen()) as address, httpx.AsyncClient(base_url=address, timeout=10) as client:
        return await client.get(path, headers=headers)


async def test_metrics_are_in_prometheus_text_without_birthdays() -> None:
    answer = await fetch("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'selfheald_cases{state="queued"} 0.0' in answer.text
    assert "selfheald_workers_busy 0.0" in answer.text
    assert "_created" not in answer.text


async def test_metrics_are_in_openmetrics_for_those_who_ask() -> None:
    answer = await fetch("/metrics", accept="application/openmetrics-text; version=1.0.0")

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_the_process_says_that_it_is_alive() -> None:
    answer = await fetch("/healthz", not_ready=["acme"])

    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_it_is_not_ready_until_every_organization_was_contacted() -> None:
    waiting, ready = await fetch("/readyz", not_ready=["acme", "umbrella"]), await fetch("/readyz")

    assert (waiting.status_code, waiting.text) == (503, "not yet contacted: acme, umbrella\n")
    assert (ready.status_code, ready.text) == (200, "ok\n")


async def test_the_first_page_links_the_others() -> None:
    answer = await fetch("/")

    assert answer.status_code == 200
    assert all(f'href="{page}"' in answer.text for page in ("metrics", "healthz", "readyz"))


@pytest.mark.parametrize("path", ["/nothing", "/metrics/../etc/passwd"])
async def test_other_paths_are_not_found(path: str) -> None:
    assert (await fetch(path)).status_code == 404


async def test_a_taken_port_is_a_mistake_of_the_configuration() -> None:
    app = web_app(Metrics(ManualClock()), not_ready=list)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"listen: 127.0.0.1:{port} cannot be had: Address already in use"):
            async with serve_web(app, Listen(port=port)):
                pass


async def test_an_unknown_host_is_a_mistake_of_the_configuration() -> None:
    app = web_app(Metrics(ManualClock()), not_ready=list)

    with pytest.raises(ConfigError, match=r"listen: 192\.0\.2\.1:0 cannot be had"):
        async with serve_web(app, Listen(host="192.0.2.1")):
            pass


async def test_the_port_is_free_again_afterwards_and_signals_stay_ours() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    app = web_app(Metrics(ManualClock()), not_ready=list)
    async with serve_web(app, Listen()) as address:
        port = int(address.rpartition(":")[2])
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers

    async with serve_web(app, Listen(port=port)) as again:
        assert again == address


async def test_an_idle_connection_does_not_hold_up_the_end() -> None:
    app = web_app(Metrics(ManualClock()), not_ready=list)
    async with asyncio.timeout(10):
        async with serve_web(app, Listen()) as address:
            _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await writer.drain()
        writer.close()
        await writer.wait_closed()


async def test_an_exception_of_the_body_passes_unchanged() -> None:
    app = web_app(Metrics(ManualClock()), not_ready=list)

    with pytest.raises(LookupError, match="mine"):
        async with serve_web(app, Listen()):
            raise LookupError("mine")


async def test_ipv6_addresses_stand_in_brackets() -> None:
    said = await address_or_refusal(Listen(host="::1"))

    assert said.startswith(("http://[::1]:", "listen: ::1:"))  # the second on a machine without IPv6


async def address_or_refusal(listen: Listen) -> str:
    try:
        async with serve_web(web_app(Metrics(ManualClock()), not_ready=list), listen) as address:
            return address
    except ConfigError as refused:
        return refused.message
