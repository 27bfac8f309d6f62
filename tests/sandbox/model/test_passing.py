"""What goes through the model proxy: each wire form, byte for byte, with the key put on outside, and counted."""

import asyncio
from decimal import Decimal

import pytest
from tests.sandbox.model.forms import CHAT, FORMS, GEMINI, MESSAGES, RESPONSES, Form
from tests.sandbox.model.provider import event_text, goes_on, provider, says, sends, streams
from tests.sandbox.model.rig import KEY, TOKEN, proxied

from selfheald.domain.attempt import Usage
from selfheald.domain.prices import Prices, PriceTable

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@each_form
async def test_a_stream_comes_through_byte_for_byte_and_is_counted(form: Form) -> None:
    async with provider(streams(*form.events)) as model, proxied(f"{model.url}/base") as agent:
        answer = await agent.ask(form, stream=True)

        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert answer.content == b"".join(event_text(event) for event in form.events)
        assert [seen.target for seen in model.seen] == [f"/base{form.stream_path}"]
        assert agent.proxy.metered().usages == (form.usage,)


@each_form
async def test_a_whole_answer_comes_through_and_is_counted(form: Form) -> None:
    async with provider(says(form.whole)) as model, proxied(model.url) as agent:
        answer = await agent.ask(form)

        assert answer.json() == form.whole
        assert agent.proxy.metered().usages == (form.usage,)


@each_form
async def test_the_key_is_put_where_the_provider_wants_it_and_the_token_stays(form: Form) -> None:
    async with provider(says(form.whole)) as model, proxied(model.url) as agent:
        await agent.ask(form)

        [seen] = model.seen
        assert seen.headers[form.key_header] in (KEY, f"Bearer {KEY}")
        assert TOKEN not in f"{seen}"
        assert seen.headers["accept-encoding"] == "identity"


async def test_cost_follows_the_prices_of_the_model_that_answered() -> None:
    prices = PriceTable(
        default=Prices(input=Decimal(1000), cached_input=Decimal(1000), output=Decimal(1000)),
        models={
            "big": Prices(
                input=Decimal(3), cached_input=Decimal("0.3"), cache_write=Decimal("3.75"), output=Decimal(15)
            )
        },
    )
    async with provider(says(MESSAGES.whole)) as model, proxied(model.url, prices=prices) as agent:
        await agent.ask(MESSAGES)

        assert agent.proxy.metered().cost_micros == 500 * 3 + 400 * 0.3 + 100 * 3.75 + 50 * 15


async def test_what_several_models_used_is_told_apart() -> None:
    small = {**RESPONSES.whole, "model": "small"}
    async with provider(says(small), says(RESPONSES.whole), says(small)) as model, proxied(model.url) as agent:
        for _ in range(3):
            await agent.ask(RESPONSES)

        tokens = {usage.model: usage.input_tokens for usage in agent.proxy.metered().usages}
        assert tokens == {"small": 2000, "big-2026-04-01": 1000}


async def test_models_without_end_are_counted_together() -> None:
    named = [says({**RESPONSES.whole, "model": f"m-{number}"}) for number in range(20)]
    async with provider(*named) as model, proxied(model.url) as agent:
        for _ in named:
            await agent.ask(RESPONSES)

        usages = agent.proxy.metered().usages
        assert len(usages) == 9
        assert sum(usage.input_tokens for usage in usages) == 20_000


async def test_chunks_go_through_at_once() -> None:
    async with provider() as model, proxied(model.url) as agent:
        model.answers.append(goes_on(model, b"data: 1\n\n"))
        async with agent.http.stream("POST", "/responses", headers=RESPONSES.token, json=RESPONSES.ask) as answer:
            async with asyncio.timeout(10):
                assert await anext(answer.aiter_raw()) == b"data: 1\n\n"


async def test_a_stream_of_chat_completions_is_made_to_tell_its_usage() -> None:
    async with provider(streams(*CHAT.events)) as model, proxied(model.url) as agent:
        await agent.ask(CHAT, stream=True, stream_options={"x": 1})

        assert model.seen[0].json["stream_options"] == {"x": 1, "include_usage": True}


async def test_tokens_are_counted_for_free() -> None:
    async with provider(says({"input_tokens": 7})) as model, proxied(model.url) as agent:
        answer = await agent.post("/v1/messages/count_tokens", headers=MESSAGES.token, json=MESSAGES.ask)
        counted = await agent.post("/v1beta/models/big:countTokens", headers=GEMINI.token, json=GEMINI.ask)

        assert (answer.json(), counted.status_code) == ({"input_tokens": 7}, 200)
        assert agent.proxy.metered().usages == ()


async def test_models_are_listed() -> None:
    async with provider(says({"data": []})) as model, proxied(f"{model.url}/v1") as agent:
        for path in ("/models", "/models/big", "/models?client_version=1.2"):
            assert (await agent.http.get(path, headers=RESPONSES.token)).json() == {"data": []}

        assert [seen.target for seen in model.seen] == ["/v1/models", "/v1/models/big", "/v1/models?client_version=1.2"]


async def test_models_are_listed_at_anthropic_with_its_header() -> None:
    async with provider(says({"data": []})) as model, proxied(model.url) as agent:
        await agent.http.get("/v1/models?limit=5", headers=MESSAGES.token)

        assert model.seen[0].headers["x-api-key"] == KEY


async def test_an_error_of_the_provider_comes_through_and_costs_nothing() -> None:
    error = says({"error": {"message": "slow down"}}, status=429, headers=(("retry-after", "1"),))
    async with provider(error) as model, proxied(model.url) as agent:
        answer = await agent.ask(RESPONSES)

        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json() == {"error": {"message": "slow down"}}
        assert len(model.seen) == 1, "nothing is tried again"
        assert agent.proxy.metered().cost_micros == 0


async def test_what_an_answer_leaves_out_is_estimated() -> None:
    whole = sends([b"data: x\n\n" * 1000], headers=(("content-type", "text/event-stream"),))
    async with provider(whole) as model, proxied(model.url) as agent:
        await agent.ask(RESPONSES, stream=True)

        [usage] = agent.proxy.metered().usages
        assert usage == Usage(model="big", input_tokens=usage.input_tokens, output_tokens=9000 // 4)
        assert usage.input_tokens > 0


@pytest.mark.parametrize("key", [None, lambda: KEY])
async def test_a_provider_without_a_key_gets_none(key: object) -> None:
    async with (
        provider(says(RESPONSES.whole)) as model,
        proxied(model.url, key=(lambda: KEY) if key else None) as agent,
    ):
        await agent.ask(RESPONSES)

        assert ("authorization" in model.seen[0].headers) == (key is not None)
