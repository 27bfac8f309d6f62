"""What the model proxy does not let through."""

import json
from typing import Any

import pytest
from tests.sandbox.model.forms import CHAT, FORMS, GEMINI, MESSAGES, RESPONSES, Form
from tests.sandbox.model.provider import provider, says
from tests.sandbox.model.rig import CHEAP, KEY, TOKEN, proxied
from tests.sandbox.model.wire import raw_request

from selfheald.domain.prices import PriceTable

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
A_DOCUMENT = {
    "type": "document",
    "source": {"type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "https://x/"}}]},
}
BEARER = f"Authorization: Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/responses"),
        ("GET", "/responses/resp_1"),
        ("POST", "/responses/resp_1/cancel"),
        ("DELETE", "/responses"),
        ("POST", "/embeddings"),
        ("POST", "/v1/files"),
        ("GET", "/organization/api_keys"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1beta/models/big:batchGenerateContent"),
        ("POST", "/v1beta/cachedContents"),
        ("POST", "/v1beta/models/a/b:generateContent"),
        ("POST", "/responses/"),
        ("POST", "//responses"),
        ("POST", "/x/../responses"),
        ("POST", "/..%2f..%2fresponses"),
        ("POST", "/%72esponses"),
        ("POST", "/responses%00"),
        ("POST", "/responses;x=1"),
        ("POST", "/\\responses"),
        ("CONNECT", "/responses"),
        ("OPTIONS", "/responses"),
    ],
)
async def test_other_paths_and_methods(method: str, path: str) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        status, _ = await raw_request(agent.http, method, f"/model{path}", [BEARER], b"{}")

        assert status == 404
        assert model.seen == []
        assert len(agent.refusals) == 1


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Authorization: Bearer nonsense"],
        ["Authorization: Bearer"],
        [f"Authorization: Basic {TOKEN}"],
        [f"Authorization: Bearer {TOKEN}x"],
        ["Authorization: Bearer \xe9"],
        ["x-api-key: nonsense"],
        ["x-goog-api-key: nonsense"],
        [BEARER, f"x-api-key: {KEY}"],
        [f"x-token: {TOKEN}"],
    ],
)
async def test_anything_but_the_token_in_place_of_the_key(headers: list[str]) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        status, _ = await raw_request(
            agent.http, "POST", "/model/responses", headers, json.dumps(RESPONSES.ask).encode()
        )

        assert status == 401
        assert model.seen == []
        assert agent.refusals == ["a wrong word in place of the key"]


async def test_the_token_may_stand_in_the_address_and_stays() -> None:
    async with provider(says(GEMINI.whole)) as model, proxied(model.url) as agent:
        answer = await agent.post(f"{GEMINI.path}?key={TOKEN}", headers={}, json=GEMINI.ask)
        wrong = await agent.post(f"{GEMINI.path}?key=x", headers={}, json=GEMINI.ask)

        assert (answer.status_code, wrong.status_code) == (200, 401)
        [seen] = model.seen
        assert (seen.target, seen.headers["x-goog-api-key"]) == (GEMINI.path, KEY)


@pytest.mark.parametrize("query", ["fields=candidates", "alt=media&x=1", "$alt=sse", "%61lt=sse", "alt=%0d%0a", "a"])
async def test_other_parameters_of_an_address(query: str) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        status, _ = await raw_request(agent.http, "POST", f"/model{GEMINI.path}?{query}", [BEARER], b"{}")

        assert status == 400
        assert model.seen == []


@each_form
async def test_a_refusal_has_the_provider_s_form(form: Form) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        answer = await agent.post(form.path, headers={form.key_header: "x"}, json=form.ask)

        told: Any = answer.json()
        for key in form.error:
            told = told[key]
        assert told == "selfheald: a wrong word in place of the key"


@pytest.mark.parametrize(
    "header", ["Content-Encoding: gzip", "Content-Encoding: zstd", "Upgrade: websocket", "Upgrade: h2c"]
)
async def test_encodings_and_upgrades(header: str) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        status, _ = await raw_request(agent.http, "POST", "/model/responses", [BEARER, header], b"{}")

        assert (status, model.seen) == (400, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"\xff\xfe",
        b'{"model": NaN}',
        b"[" * 100_000,
        b'{"model": ' + b"9" * 5000 + b"}",
        b'{"model": "big", "tools": ' + b'[{"type": "namespace", "tools": ' * 400 + b"[]" + b"}]" * 400 + b"}",
        b'{"input": "x"}',
        b'{"model": ["big"]}',
        b'{"model": "gpt-5-search-api"}',
        b'{"model": "o4-mini-deep-research"}',
        b'{"model": "vendor/model:online"}',
    ],
)
async def test_bodies_that_ask_no_model(body: bytes) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        status, _ = await raw_request(agent.http, "POST", "/model/responses", [BEARER], body)

        assert (status, model.seen) == (400, [])
        assert len(agent.refusals) == 1


async def test_a_body_that_is_too_large() -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        answer = await agent.post("/responses", content=b'{"model": "big", "input": "' + b"x" * 17_000_000 + b'"}')

        assert (answer.status_code, model.seen) == (400, [])


async def test_a_model_without_a_price_where_others_have_one() -> None:
    prices = PriceTable(models={"small": CHEAP})
    async with provider(says(RESPONSES.whole)) as model, proxied(model.url, prices=prices) as agent:
        answer = await agent.ask(RESPONSES)

        assert (answer.status_code, model.seen, agent.refusals) == (400, [], ["model big"])


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (RESPONSES, {"max_output_tokens": 5000.0}),
        (CHAT, {"max_tokens": "5000"}),
        (MESSAGES, {"max_tokens": [1]}),
        (MESSAGES, {"max_tokens": True}),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 1e9}}),
        (GEMINI, {"generation_config": {"max_output_tokens": 1}}),
    ],
)
async def test_bounds_that_one_might_read_and_another_not(form: Form, body: dict[str, Any]) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        answer = await agent.ask(form, **body)

        assert (answer.status_code, model.seen, len(agent.refusals)) == (400, [], 1)


@each_form
async def test_tools_that_run_at_the_provider_are_taken_out(form: Form) -> None:
    async with provider(says(form.whole)) as model, proxied(model.url) as agent:
        await agent.ask(form, **form.out_of_tools)

        assert agent.refusals == [form.stripped]
        sent = json.dumps(model.seen[0].json)
        assert "search" not in sent
        assert "fetch" not in sent


async def test_what_is_sent_is_what_was_checked_whatever_was_written_twice() -> None:
    twice = b'{"model":"big","input":"x","tools":[{"type":"web_search"}],"tools":[]}'
    async with provider(says(RESPONSES.whole)) as model, proxied(model.url) as agent:
        await agent.post("/responses", content=twice)

        assert model.seen[0].body == b'{"model":"big","input":"x","tools":[]}'


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (
            RESPONSES,
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x.example/"}]}]},
        ),
        (
            RESPONSES,
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "http://x.example/"}]}]},
        ),
        (RESPONSES, {"input": [{"type": "function_call_output", "output": [{"image_url": "http://x.example/"}]}]}),
        (CHAT, {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "http://x.example/"}}]}]}),
        (MESSAGES, {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": "http://x/"}}]}]}),
        (
            MESSAGES,
            {
                "messages": [
                    {"content": [{"type": "tool_result", "content": [{"source": {"type": "url", "url": "x"}}]}]}
                ]
            },
        ),
        (GEMINI, {"contents": [{"parts": [{"fileData": {"fileUri": "https://x.example/"}}]}]}),
        (GEMINI, {"contents": [{"parts": [{"functionResponse": {"parts": [{"fileData": {"fileUri": "x"}}]}}]}]}),
        (MESSAGES, {"messages": [{"content": [{"type": "tool_result", "content": [A_DOCUMENT]}]}]}),
        (CHAT, {"messages": [{"content": [{"type": "video_url", "video_url": {"url": "http://x.example/"}}]}]}),
        (CHAT, {"messages": [{"content": [{"type": "file", "file": {"file_data": "https://x.example/a.pdf"}}]}]}),
        (GEMINI, {"contents": [{"parts": [{"fileData": {"url": "data:,", "fileUri": "https://x.example/"}}]}]}),
        (GEMINI, {"systemInstruction": {"parts": [{"file_data": {"file_uri": "x"}}]}}),
    ],
)
async def test_addresses_that_the_provider_would_fetch(form: Form, body: dict[str, Any]) -> None:
    async with provider(says({})) as model, proxied(model.url) as agent:
        answer = await agent.ask(form, **body)

        assert (answer.status_code, model.seen, agent.refusals) == (400, [], ["an address to fetch"])


async def test_images_may_be_carried_along() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    async with provider(says(RESPONSES.whole)) as model, proxied(model.url) as agent:
        answer = await agent.ask(RESPONSES, input=[{"role": "user", "content": [image]}])

        assert answer.status_code == 200
        assert model.seen[0].json["input"][0]["content"] == [image]


async def test_headers_that_bill_or_speak_for_somebody_else() -> None:
    headers = {
        **RESPONSES.token,
        "openai-organization": "org",
        "cookie": "a=b",
        "x-forwarded-for": "1.2.3.4",
        "x-http-method-override": "DELETE",
        "host": "elsewhere.example",
        "anthropic-beta": "tools",
    }
    async with provider(says(RESPONSES.whole)) as model, proxied(model.url) as agent:
        await agent.post("/responses", headers=headers, json=RESPONSES.ask)

        sent = model.seen[0].headers
        assert sent["anthropic-beta"] == "tools"
        assert sent["host"] in model.url
        assert not sent.keys() & {"openai-organization", "cookie", "x-forwarded-for", "x-http-method-override"}


async def test_headers_that_name_the_account_or_set_a_cookie_do_not_come_back() -> None:
    answered = says(
        RESPONSES.whole,
        headers=(
            ("set-cookie", "a=b"),
            ("openai-organization", "org-canary"),
            ("anthropic-organization-id", "org-canary"),
            ("x-request-id", "req-1"),
            ("request-id", f"echo-{KEY}"),
            ("server", "x"),
        ),
    )
    async with provider(answered) as model, proxied(model.url) as agent:
        first, second = await agent.ask(RESPONSES), await agent.ask(RESPONSES)

        assert first.headers["x-request-id"] == "req-1"
        assert set(first.headers) <= {"content-type", "x-request-id", "transfer-encoding", "date"}
        assert second.status_code == 200
        assert "cookie" not in model.seen[1].headers, "no attempt gets another one's cookie"
