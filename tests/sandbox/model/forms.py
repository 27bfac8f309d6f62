"""One request and one answer in each wire form, as agents and providers send them."""

from dataclasses import dataclass
from typing import Any

from tests.sandbox.model.rig import TOKEN

from selfheald.domain.attempt import Usage

_RESPONSE = {"id": "r", "object": "response", "model": "big-2026-04-01", "status": "completed", "output": []}
_RESPONSES_USAGE = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 400}, "output_tokens": 50}
_CHAT_USAGE = {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 400}, "completion_tokens": 50}
_GEMINI_USAGE = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 400,
    "candidatesTokenCount": 30,
    "thoughtsTokenCount": 20,
}
_CLAUDE_INPUT = {"input_tokens": 500, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 100}
_MESSAGE = {"type": "message", "role": "assistant", "model": "big-2026-04-01", "content": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one form is spoken."""

    name: str
    path: str
    stream_path: str
    token: dict[str, str]
    key_header: str
    ask: dict[str, Any]
    whole: dict[str, Any]
    events: tuple[Any, ...]
    usage: Usage
    error: tuple[str, ...]
    """Where an error's message stands."""
    out_of_tools: dict[str, Any]
    """A request that brings a tool of the provider's along."""
    stripped: str


RESPONSES = Form(
    name="responses",
    path="/responses",
    stream_path="/v1/responses",
    token={"authorization": f"Bearer {TOKEN}"},
    key_header="authorization",
    ask={"model": "big", "input": "hi"},
    whole={**_RESPONSE, "usage": _RESPONSES_USAGE},
    events=(
        {"type": "response.created", "response": {**_RESPONSE, "usage": None}},
        {"type": "response.output_text.delta", "delta": "grüße"},
        {"type": "response.completed", "response": {**_RESPONSE, "usage": _RESPONSES_USAGE}},
    ),
    usage=Usage(model="big-2026-04-01", input_tokens=1000, cached_input_tokens=400, output_tokens=50),
    error=("error", "message"),
    out_of_tools={"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]},
    stripped="tool web_search",
)
CHAT = Form(
    name="chat",
    path="/chat/completions",
    stream_path="/v1/chat/completions",
    token={"authorization": f"Bearer {TOKEN}"},
    key_header="authorization",
    ask={"model": "big", "messages": [{"role": "user", "content": "hi"}]},
    whole={"model": "big-2026-04-01", "choices": [], "usage": _CHAT_USAGE},
    events=(
        {"model": "big-2026-04-01", "choices": [{"delta": {"content": "hi"}}], "usage": None},
        {"model": "big-2026-04-01", "choices": [], "usage": _CHAT_USAGE},
        "[DONE]",
    ),
    usage=Usage(model="big-2026-04-01", input_tokens=1000, cached_input_tokens=400, output_tokens=50),
    error=("error", "message"),
    out_of_tools={"web_search_options": {}},
    stripped="parameter web_search_options",
)
MESSAGES = Form(
    name="messages",
    path="/v1/messages",
    stream_path="/v1/messages?beta=true",
    token={"x-api-key": TOKEN, "anthropic-version": "2023-06-01"},
    key_header="x-api-key",
    ask={"model": "big", "max_tokens": 4000, "messages": [{"role": "user", "content": "hi"}]},
    whole={**_MESSAGE, "usage": {**_CLAUDE_INPUT, "output_tokens": 50}},
    events=(
        {"type": "message_start", "message": {**_MESSAGE, "usage": {**_CLAUDE_INPUT, "output_tokens": 1}}},
        {"type": "ping"},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 50}},
        {"type": "message_stop"},
    ),
    usage=Usage(
        model="big-2026-04-01",
        input_tokens=1000,
        cached_input_tokens=400,
        cache_write_tokens=100,
        output_tokens=50,
    ),
    error=("error", "message"),
    out_of_tools={"tools": [{"name": "f", "input_schema": {}}, {"type": "web_fetch_20250910", "name": "web_fetch"}]},
    stripped="tool web_fetch_20250910",
)
GEMINI = Form(
    name="gemini",
    path="/v1beta/models/big:generateContent",
    stream_path="/v1beta/models/big:streamGenerateContent?alt=sse",
    token={"x-goog-api-key": TOKEN},
    key_header="x-goog-api-key",
    ask={"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    whole={"modelVersion": "big-2026-04-01", "candidates": [{"finishReason": "STOP"}], "usageMetadata": _GEMINI_USAGE},
    events=(
        {"modelVersion": "big-2026-04-01", "candidates": [{}], "usageMetadata": {"promptTokenCount": 1000}},
        {
            "modelVersion": "big-2026-04-01",
            "candidates": [{"finishReason": "STOP"}],
            "usageMetadata": _GEMINI_USAGE,
        },
    ),
    usage=Usage(model="big-2026-04-01", input_tokens=1000, cached_input_tokens=400, output_tokens=50),
    error=("error", "message"),
    out_of_tools={"tools": [{"functionDeclarations": []}, {"googleSearch": {}}]},
    stripped="tool googleSearch",
)
FORMS = (RESPONSES, CHAT, MESSAGES, GEMINI)
