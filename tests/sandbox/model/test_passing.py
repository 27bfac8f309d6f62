"""What goes through the model proxy: each wire form, byte for byte, with the key put on outside."""

from tests.sandbox.model.provider import event_text, provider, streams
from tests.sandbox.model.rig import KEY, proxied

RESPONSE = {"id": "r", "object": "response", "model": "m-1", "status": "completed", "output": []}
USAGE = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 400}, "output_tokens": 50}


async def test_a_responses_stream_comes_through_byte_for_byte() -> None:
    events = [
        {"type": "response.created", "response": {**RESPONSE, "usage": None}},
        {"type": "response.output_text.delta", "delta": "grüße"},
        {"type": "response.completed", "response": {**RESPONSE, "usage": USAGE}},
    ]
    async with provider(streams(*events)) as model, proxied(model.url + "/v1") as agent:
        answer = await agent.post("/responses", json={"model": "m", "stream": True, "input": "hi"})

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.content == b"".join(event_text(event) for event in events)
        [seen] = model.seen
        assert (seen.target, seen.headers["authorization"]) == ("/v1/responses", f"Bearer {KEY}")
        [usage] = agent.proxy.metered().usages
        assert (usage.model, usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (
            "m-1",
            1000,
            400,
            50,
        )
