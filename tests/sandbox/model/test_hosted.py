"""What a provider would do outside the sandbox is taken out of requests; what the agent does itself stays."""

from typing import Any

import pytest

from selfheald.sandbox.model.content import attachments, image_size
from selfheald.sandbox.model.forms import Form
from selfheald.sandbox.model.hosted import searches, strip

FUNCTION = {"type": "function", "name": "f"}
CLAUDE = {"name": "Bash", "input_schema": {}}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search"},
        {"type": "web_search_preview"},
        {"type": "file_search"},
        {"type": "code_interpreter"},
        {"type": "image_generation"},
        {"type": "mcp", "server_url": "https://x.example"},
        {"type": "shell"},
        {"type": "shell", "environment": {"type": "container_auto"}},
        {"type": "tomorrow's"},
        {"type": ["function"]},
        {},
        "web_search",
    ],
)
def test_openai_s_hosted_tools_go(tool: Any) -> None:
    body = {"tools": [FUNCTION, tool], "tool_choice": {"type": "web_search"}}

    assert len(strip(Form.RESPONSES, body)) == 1
    assert body == {"tools": [FUNCTION]}


@pytest.mark.parametrize(
    "tool",
    [
        FUNCTION,
        {"type": "custom", "name": "apply_patch"},
        {"type": "local_shell"},
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "tool_search"},
        {"type": "namespace", "name": "mcp__semaphore", "tools": [FUNCTION]},
    ],
)
def test_tools_that_the_agent_carries_out_stay(tool: Any) -> None:
    body = {"tools": [tool], "tool_choice": {"type": "function", "name": "f"}}

    assert strip(Form.RESPONSES, body) == []
    assert body == {"tools": [tool], "tool_choice": {"type": "function", "name": "f"}}


def test_tools_within_a_namespace_and_within_the_input_are_looked_at() -> None:
    namespace = {"type": "namespace", "name": "n", "tools": [FUNCTION, {"type": "mcp"}]}
    item = {"type": "additional_tools", "tools": [{"type": "web_search"}, FUNCTION]}
    body = {"tools": [namespace], "input": [item, {"role": "user"}, "text"]}

    assert strip(Form.RESPONSES, body) == ["tool mcp", "tool web_search"]
    assert body["tools"] == [{"type": "namespace", "name": "n", "tools": [FUNCTION]}]
    assert item["tools"] == [FUNCTION]


@pytest.mark.parametrize(
    ("tool", "stays"),
    [
        (CLAUDE, True),
        ({"type": "custom", **CLAUDE}, True),
        ({"type": "bash_20250124", "name": "bash"}, True),
        ({"type": "text_editor_20250728", "name": "e"}, True),
        ({"type": "tool_search_tool_regex_20251119", "name": "t"}, True),
        ({"type": "web_search_20250305", "name": "web_search"}, False),
        ({"type": "web_fetch_20250910", "name": "web_fetch"}, False),
        ({"type": "code_execution_20250825", "name": "c"}, False),
        ({"type": "mcp_toolset", "mcp_server_name": "x"}, False),
        ({"type": 5}, False),
    ],
)
def test_anthropic_s_tools(tool: Any, *, stays: bool) -> None:
    body: dict[str, Any] = {"tools": [CLAUDE, tool], "tool_choice": {"type": "auto"}}

    assert (strip(Form.MESSAGES, body) == []) is stays
    assert body["tools"] == ([CLAUDE, tool] if stays else [CLAUDE])


@pytest.mark.parametrize("name", ["googleSearch", "google_search", "urlContext", "codeExecution", "mcpServers"])
def test_google_s_tools(name: str) -> None:
    mixed = {"functionDeclarations": [{"name": "f"}], name: {}}
    body = {"tools": [mixed, {name: {}}, "x"]}

    assert strip(Form.GEMINI, body) == [f"tool {name}", f"tool {name}"]
    assert body == {"tools": [{"functionDeclarations": [{"name": "f"}]}]}


@pytest.mark.parametrize("form", [Form.RESPONSES, Form.CHAT])
def test_what_only_routers_know_is_taken_out(form: Form) -> None:
    body = {"model": "a", "models": ["b:online"], "fallbacks": ["c"], "api_base": "http://x.example"}

    assert strip(form, body) == ["parameter models", "parameter fallbacks", "parameter api_base"]
    assert body == {"model": "a"}


def test_without_any_tool_left_there_is_no_choice() -> None:
    body = {"tools": {"type": "web_search"}, "tool_choice": "required"}

    assert strip(Form.CHAT, body) == ["tool web_search"]
    assert body == {}


@pytest.mark.parametrize(
    ("form", "name", "value"),
    [
        (Form.RESPONSES, "background", True),
        (Form.RESPONSES, "service_tier", "priority"),
        (Form.RESPONSES, "prompt", {"id": "pmpt_1"}),
        (Form.RESPONSES, "conversation", "conv_1"),
        (Form.CHAT, "web_search_options", {}),
        (Form.CHAT, "plugins", [{"id": "web"}]),
        (Form.CHAT, "n", 100),
        (Form.MESSAGES, "mcp_servers", [{"type": "url"}]),
        (Form.MESSAGES, "container", {"skills": []}),
        (Form.MESSAGES, "speed", "fast"),
        (Form.GEMINI, "cachedContent", "cachedContents/1"),
        (Form.RESPONSES, "previous_response_id", "resp_1"),
    ],
)
def test_parameters_that_bring_tools_along_hide_the_usage_or_change_the_price(
    form: Form, name: str, value: object
) -> None:
    body = {name: value, "model": "big"}

    assert strip(form, body) == [f"parameter {name}"]
    assert body == {"model": "big"}


@pytest.mark.parametrize(
    ("name", "value"), [("n", 1), ("service_tier", "auto"), ("service_tier", None), ("plugins", False)]
)
def test_harmless_values_are_not_worth_a_word(name: str, value: object) -> None:
    assert strip(Form.CHAT, {name: value}) == []


def test_google_gives_one_candidate() -> None:
    body = {"generationConfig": {"candidateCount": 8, "temperature": 1}}

    assert strip(Form.GEMINI, body) == ["parameter candidateCount"]
    assert body == {"generationConfig": {"temperature": 1}}
    assert strip(Form.GEMINI, {"generationConfig": {"candidateCount": 1}}) == []


@pytest.mark.parametrize(
    ("form", "body", "sizes"),
    [
        (Form.RESPONSES, {"input": [{"content": [{"image_url": "data:image/png;base64,AA"}]}]}, [24]),
        (Form.CHAT, {"messages": [{"content": [{"image_url": {"url": "data:image/png;base64,AA"}}]}]}, [24]),
        (Form.MESSAGES, {"messages": [{"content": [{"source": {"media_type": "image/png", "data": "AAA"}}]}]}, [3]),
        (Form.GEMINI, {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAA"}}]}]}, [3]),
        (Form.MESSAGES, {"messages": [{"content": [{"source": {"media_type": "text/plain", "data": "AAA"}}]}]}, []),
        (Form.RESPONSES, {"input": [{"content": [{"image_url": "data:text/plain,AAA"}]}]}, []),
        (Form.RESPONSES, {"input": "data:image/png;base64,AA"}, []),
        (Form.GEMINI, {"contents": [{"parts": [{"inlineData": {"mimeType": 5, "data": "AAA"}}]}]}, []),
    ],
)
def test_only_images_are_taken_for_images(form: Form, body: dict[str, Any], sizes: list[int]) -> None:
    assert [size for part in attachments(form, body) if (size := image_size(part))] == sizes


@pytest.mark.parametrize("content", [None, "text", 5, [["x"]], [{"content": "x"}], {"content": [{"text": "x"}]}])
def test_content_of_any_shape_asks_for_nothing(content: object) -> None:
    assert attachments(Form.RESPONSES, {"input": content}) == []


def test_an_address_among_a_tool_s_arguments_is_only_text() -> None:
    used = {"type": "tool_use", "name": "f", "input": {"image_url": "https://x.example", "source": {"type": "url"}}}

    assert attachments(Form.MESSAGES, {"messages": [{"role": "assistant", "content": [used]}]}) == []


@pytest.mark.parametrize(
    ("model", "answer"), [("gpt-5.5", False), ("gpt-5-search-api", True), ("o4-mini-deep-research", True), ("", False)]
)
def test_models_that_search_by_themselves(model: str, *, answer: bool) -> None:
    assert searches(model) is answer
