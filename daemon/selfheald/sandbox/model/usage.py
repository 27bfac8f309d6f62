"""The provider's own usage figures, in each wire form. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from selfheald.domain.attempt import Usage
from selfheald.sandbox.model.forms import Form

_MOST_TOKENS = 10**9
"""Of one request; more is no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an answer has told so far."""

    model: str = ""
    usage: Usage | None = None
    final: bool = False
    """Whether the figures are the whole answer's."""


def read(form: Form, told: Mapping[str, Any], before: Figures) -> Figures:
    """Take in one event of a stream, or a whole answer."""
    match form:
        case Form.RESPONSES:
            return _responses(told, before)
        case Form.CHAT:
            return _chat(told, before)
        case Form.MESSAGES:
            return _messages(told, before)
        case Form.GEMINI:
            return _gemini(told, before)


def _responses(told: Mapping[str, Any], before: Figures) -> Figures:
    response = _map(told, "response") or told
    usage = _map(response, "usage")
    if not usage:
        return before
    found = Usage(
        input_tokens=_count(usage, "input_tokens"),
        cached_input_tokens=_count(_map(usage, "input_tokens_details"), "cached_tokens"),
        cache_write_tokens=_count(_map(usage, "input_tokens_details"), "cache_write_tokens"),
        output_tokens=_count(usage, "output_tokens"),
    )
    return Figures(model=_model(response, "model", before), usage=found, final=True)


def _chat(told: Mapping[str, Any], before: Figures) -> Figures:
    usage = _map(told, "usage")
    if not usage:
        return before
    found = Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        cached_input_tokens=_count(_map(usage, "prompt_tokens_details"), "cached_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
    )
    return Figures(model=_model(told, "model", before), usage=found, final=True)


def _messages(told: Mapping[str, Any], before: Figures) -> Figures:
    """The beginning tells the input, later events the output so far: the largest of each is right."""
    message = _map(told, "message") or told
    usage = _map(told, "usage") or _map(message, "usage")
    if not usage:
        return before
    read_back, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    known = before.usage or Usage()
    found = Usage(
        input_tokens=max(known.input_tokens, _count(usage, "input_tokens") + read_back + written),
        cached_input_tokens=max(known.cached_input_tokens, read_back),
        cache_write_tokens=max(known.cache_write_tokens, written),
        output_tokens=max(known.output_tokens, _count(usage, "output_tokens")),
    )
    final = told.get("type") in ("message", "message_delta")
    return Figures(model=_model(message, "model", before), usage=found, final=final or before.final)


def _gemini(told: Mapping[str, Any], before: Figures) -> Figures:
    usage = _map(told, "usageMetadata")
    if not usage:
        return before
    found = Usage(
        input_tokens=_count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
        cached_input_tokens=_count(usage, "cachedContentTokenCount"),
        output_tokens=_count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount"),
    )
    candidates = told.get("candidates")
    ended = not candidates or any(isinstance(one, Mapping) and one.get("finishReason") for one in candidates)
    return Figures(model=_model(told, "modelVersion", before), usage=found, final=ended)


def at_least(figures: Figures, estimate: Usage) -> Usage:
    """What is charged for an answer that did not end: its own figures, but no output below the estimate's."""
    if figures.usage is None:
        return estimate
    return replace(figures.usage, output_tokens=max(figures.usage.output_tokens, estimate.output_tokens))


def _map(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = told.get(key)
    return found if isinstance(found, Mapping) else {}


def _count(told: Mapping[str, Any], key: str) -> int:
    found = told.get(key)
    return found if type(found) is int and 0 <= found <= _MOST_TOKENS else 0


def _model(told: Mapping[str, Any], key: str, before: Figures) -> str:
    found = told.get(key)
    return found if isinstance(found, str) else before.model
