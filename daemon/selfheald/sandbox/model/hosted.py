"""What a provider would do for the agent outside the sandbox: a way around the gate. Pure.

Tools that run at the provider (search, code, files, remote MCP servers) are taken out of requests, and so are
parameters that bring such tools along, change the price, or hide the usage.
"""

import json
import re
from typing import Any

from selfheald.sandbox.model.forms import Form

_OPENAI_TOOLS = frozenset(
    {"function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview", "tool_search"}
)
"""The agent carries these out, or they only choose among its tools."""

_ANTHROPIC_TOOLS = re.compile(r"custom|(?:bash|text_editor|computer|memory|tool_search_tool_\w+)_\d{8}")
_GOOGLE_TOOLS = frozenset({"functionDeclarations", "function_declarations"})

_OF_ROUTERS = ("models", "fallbacks", "plugins", "api_base", "base_url")
"""What services that pass requests on (OpenRouter, LiteLLM) know besides: other models, other addresses, searches."""

_PARAMETERS = {
    Form.RESPONSES: ("background", "conversation", "previous_response_id", "prompt", "service_tier", *_OF_ROUTERS),
    Form.CHAT: ("n", "service_tier", "web_search_options", *_OF_ROUTERS),
    Form.MESSAGES: ("container", "mcp_servers", "speed"),
    Form.GEMINI: ("cachedContent", "cached_content"),
}
_CANDIDATES = ("candidateCount", "candidate_count")
_HARMLESS = ("null", "false", "1", '"auto"', '"default"')

_SEARCHING = re.compile(r"search|deep-research|:online", re.IGNORECASE)
"""In the name of a model that looks things up by itself."""


def searches(model: str) -> bool:
    """Whether a model looks things up outside by itself."""
    return bool(_SEARCHING.search(model))


def strip(form: Form, body: dict[str, Any]) -> list[str]:
    """Take out what would run outside; gives a line for each thing that was taken out."""
    present = [name for name in _PARAMETERS[form] if name in body]
    gone = [f"parameter {name}" for name in present if json.dumps(body.pop(name)) not in _HARMLESS]
    if form is Form.GEMINI:
        gone += [f"parameter {name}" for name in _CANDIDATES if _config(body).pop(name, 1) != 1]
    gone += _without_hosted(form, body)
    if form is Form.RESPONSES and isinstance(body.get("input"), list):
        for item in body["input"]:
            if isinstance(item, dict) and "tools" in item:
                gone += _without_hosted(form, item)
    return gone


def _config(body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig")
    return config if isinstance(config, dict) else {}


def _without_hosted(form: Form, holder: dict[str, Any]) -> list[str]:
    tools = holder.get("tools")
    if tools is None:
        return []
    kept, gone = _split(form, tools if isinstance(tools, list) else [tools])
    if gone:
        holder["tools"] = kept
        if not kept:
            del holder["tools"]
        if not kept or isinstance(holder.get("tool_choice"), dict):
            holder.pop("tool_choice", None)
    return gone


def _split(form: Form, tools: list[Any]) -> tuple[list[Any], list[str]]:
    kept: list[Any] = []
    gone: list[str] = []
    for tool in tools:
        if form is Form.GEMINI:
            mine = {key: value for key, value in tool.items() if key in _GOOGLE_TOOLS} if isinstance(tool, dict) else {}
            gone += [f"tool {name}" for name in (tool if isinstance(tool, dict) else ()) if name not in mine]
            kept += [mine] if mine else []
        elif isinstance(tool, dict) and _is_local(form, tool, gone):
            kept.append(tool)
        else:
            gone.append(f"tool {tool.get('type')}" if isinstance(tool, dict) else "tool without a type")
    return kept, gone


def _is_local(form: Form, tool: dict[str, Any], gone: list[str]) -> bool:
    kind = tool.get("type")
    if form is Form.MESSAGES:
        return kind is None or (isinstance(kind, str) and bool(_ANTHROPIC_TOOLS.fullmatch(kind)))
    if kind == "namespace":
        gone += _without_hosted(form, tool)
        return True
    if kind == "shell":
        return isinstance(tool.get("environment"), dict) and tool["environment"].get("type") == "local"
    return isinstance(kind, str) and kind in _OPENAI_TOOLS
