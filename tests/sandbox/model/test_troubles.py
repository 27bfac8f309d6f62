"""What goes wrong between the agent and its provider: always an answer, never a second try, never for free."""

import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from tests.sandbox.model.forms import MESSAGES, RESPONSES, Form
from tests.sandbox.model.provider import Seen, event_text, goes_on, provider, says, sends
from tests.sandbox.model.rig import Asker, proxied
from tests.sandbox.model.test_passing import each_form

from selfheald.sandbox.model.proxy import AT_ONCE

STREAM = (("content-type", "text/event-stream"),)


async def until(true: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what changes has no event of its own
            await asyncio.sleep(0)


async def at_rest(count: Callable[[], int]) -> None:
    """Wait until something has begun, and then does not change for many turns of the loop."""
    turns, last = 0, 0
    async with asyncio.timeout(20):
        while turns < 2_000:
            await asyncio.sleep(0)
            turns, last = (turns + 1 if count() == last > 0 else 0), count()


@each_form
async def test_a_provider_that_is_down_is_a_provider_s_error(form: Form) -> None:
    async with proxied("http://127.0.0.1:9") as agent:
        answer = await agent.ask(form)

        assert answer.status_code == 502
        assert answer.json()["error"]["message"] == "selfheald: the model's API could not be reached"
        assert agent.proxy.metered().cost_micros == 0


async def test_one_that_does_not_speak_tls_too() -> None:
    async with provider(says({})) as model, proxied(model.url.replace("http", "https")) as agent:
        assert (await agent.ask(RESPONSES)).status_code == 502


async def test_one_that_never_answers_is_a_timeout_and_is_charged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        async with proxied(f"http://127.0.0.1:{port}", patience=httpx.Timeout(5, read=0.05)) as agent:
            answer = await agent.ask(RESPONSES)

            assert answer.status_code == 504
            [usage] = agent.proxy.metered().usages
            assert usage.output_tokens > 0


async def test_one_that_hangs_up_before_it_answers_is_asked_once() -> None:
    accepted = 0

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    async with server, proxied(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as agent:
        answer = await agent.ask(RESPONSES)

        assert (answer.status_code, accepted) == (502, 1)
        assert "broke off" in answer.text
        assert agent.proxy.metered().cost_micros == 0


@pytest.mark.parametrize("headers", [(("location", "http://elsewhere.example/"),), (("content-encoding", "gzip"),)])
async def test_redirects_and_compressed_answers_are_not_passed_on(headers: tuple[tuple[str, str], ...]) -> None:
    async with provider(sends([b"x"], status=307, headers=headers)) as model, proxied(model.url) as agent:
        answer = await agent.ask(RESPONSES)

        assert (answer.status_code, len(model.seen)) == (502, 1)
        assert "elsewhere" not in answer.text + str(answer.headers)


@each_form
async def test_a_stream_that_is_cut_ends_without_an_end_and_is_charged(form: Form) -> None:
    first = event_text(form.events[0])
    async with provider(sends([first], headers=STREAM, cut=True)) as model, proxied(model.url) as agent:
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask(form, stream=True)

        [usage] = agent.proxy.metered().usages
        assert usage.input_tokens > 0
        assert usage.output_tokens == len(first) // 4
        assert len(model.seen) == 1


async def test_figures_that_came_before_a_cut_count() -> None:
    first = event_text(MESSAGES.events[0])
    async with provider(sends([first], headers=STREAM, cut=True)) as model, proxied(model.url) as agent:
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask(MESSAGES, stream=True)

        [usage] = agent.proxy.metered().usages
        assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (1000, 400, 100)


async def test_an_agent_that_hangs_up_ends_the_provider_s_answer_and_pays() -> None:
    async with provider() as model, proxied(model.url) as agent:
        model.answers.append(goes_on(model, b"data: " + b"x" * 4000 + b"\n\n"))
        async with agent.http.stream("POST", "/responses", headers=RESPONSES.token, json=streaming()) as answer:
            await anext(answer.aiter_raw())
        async with asyncio.timeout(10):
            await model.hung_up.wait()
        await until(lambda: agent.proxy.metered().usages)

        [usage] = agent.proxy.metered().usages
        assert usage.output_tokens >= 1000
        assert agent.proxy.metered().cost_micros > 0


async def test_an_agent_that_does_not_wait_for_a_whole_answer_pays_for_one() -> None:
    async with provider() as model, proxied(model.url) as agent:
        model.answers.append(goes_on(model))
        async with agent.http.stream("POST", "/responses", headers=RESPONSES.token, json=RESPONSES.ask):
            pass
        await until(lambda: agent.proxy.metered().usages)

        assert agent.proxy.metered().usages[0].output_tokens == 4096


async def test_a_bound_on_the_answer_bounds_what_is_charged() -> None:
    async with provider() as model, proxied(model.url) as agent:
        model.answers.append(goes_on(model, b"x" * 10_000))
        asked = {**MESSAGES.ask, "max_tokens": 7}
        async with agent.http.stream("POST", "/v1/messages", headers=MESSAGES.token, json=asked):
            pass
        await until(lambda: agent.proxy.metered().usages)

        assert agent.proxy.metered().usages[0].output_tokens == 7


async def test_closing_ends_what_is_under_way_charges_it_and_lets_nothing_more_through() -> None:
    async with provider() as model, proxied(model.url) as agent:
        model.answers.append(goes_on(model, b"data: x\n\n"))
        async with agent.http.stream("POST", "/responses", headers=RESPONSES.token, json=streaming()) as answer:
            await anext(answer.aiter_raw())
            await agent.proxy.aclose()
            assert agent.proxy.metered().usages != ()
        async with asyncio.timeout(10):
            await model.hung_up.wait()

        late = await agent.ask(RESPONSES)
        assert (late.status_code, len(model.seen)) == (400, 1)
        assert late.json()["error"]["code"] == "attempt_over"


async def test_what_waits_for_the_provider_is_told_when_the_attempt_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with proxied(f"http://127.0.0.1:{mute.getsockname()[1]}") as agent:
            asking = asyncio.create_task(agent.ask(RESPONSES))
            await until(lambda: agent.proxy._under_way)
            await agent.proxy.aclose()

            assert (await asking).json()["error"]["code"] == "attempt_over"


async def test_a_request_that_breaks_off_asks_nothing() -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        reader, writer = await asyncio.open_connection("127.0.0.1", agent.http.base_url.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in RESPONSES.token.items())
        writer.write(f"POST /model/responses HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 99\r\n\r\nhalf".encode())
        await writer.drain()
        writer.close()
        await reader.read()

        assert (await agent.ask(RESPONSES)).status_code == 200, "it goes on"
        assert len(model.seen) == 1


async def test_an_endless_answer_is_cut_off() -> None:
    chunk = b"x" * 1_000_000
    async with provider(sends([chunk] * 70, headers=STREAM)) as model, proxied(model.url) as agent:
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask(RESPONSES, stream=True)


async def test_a_provider_waits_for_an_agent_that_reads_slowly() -> None:
    chunk, chunks, sent = b"x" * 1_000_000, 40, 0

    async def answer(_: Seen, __: Scope, ___: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            sent = number + 1
        await send({"type": "http.response.body", "body": b""})

    async with (
        provider(answer) as model,
        proxied(model.url) as agent,
        agent.http.stream("POST", "/responses", headers=RESPONSES.token, json=streaming()) as read,
    ):
        await at_rest(lambda: sent)
        assert 0 < sent < chunks

        assert await read.aread() == chunk * chunks


async def test_requests_beyond_a_number_wait_for_others() -> None:
    async with provider() as model, proxied(model.url) as agent:
        model.answers.append(goes_on(model, b"data: x\n\n"))
        asking = [asyncio.create_task(hold_on(agent)) for _ in range(20)]
        await until(lambda: len(model.seen) == AT_ONCE)
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

        assert len(model.seen) >= AT_ONCE


def streaming() -> dict[str, object]:
    return {**RESPONSES.ask, "stream": True}


async def hold_on(agent: Asker) -> None:
    async with agent.http.stream("POST", "/responses", headers=RESPONSES.token, json=streaming()) as answer:
        async for _ in answer.aiter_raw():
            pass
