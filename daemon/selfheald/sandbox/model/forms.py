"""The wire forms that providers speak, and the only paths that are let through. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Form(StrEnum):
    """A wire form."""

    RESPONSES = "responses"
    """OpenAI's Responses."""
    CHAT = "chat"
    """OpenAI's Chat Completions, which many others speak."""
    MESSAGES = "messages"
    """Anthropic's Messages."""
    GEMINI = "gemini"
    """Google's generateContent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path stands for."""

    form: Form
    metered: bool = False
    """Whether tokens are used up by it."""
    model: str = ""
    """The model, where the path names it."""
    streams: bool = False
    """Whether its answer is a stream, where the path tells that."""


_MODEL = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}"
_PATHS = (
    ("POST", re.compile(r"(?:/v1)?/responses"), Form.RESPONSES, True),
    ("POST", re.compile(r"(?:/v1)?/chat/completions"), Form.CHAT, True),
    ("POST", re.compile(r"(?:/v1)?/messages"), Form.MESSAGES, True),
    ("POST", re.compile(r"(?:/v1)?/messages/count_tokens"), Form.MESSAGES, False),
    (
        "POST",
        re.compile(rf"(?:/v1(?:alpha|beta)?)?/models/(?P<model>{_MODEL}):(?P<verb>(?:streamG|g)enerateContent)"),
        Form.GEMINI,
        True,
    ),
    ("POST", re.compile(rf"(?:/v1(?:alpha|beta)?)?/models/(?P<model>{_MODEL}):countTokens"), Form.GEMINI, False),
    ("GET", re.compile(rf"(?:/v1)?/models(?:/(?P<model>{_MODEL}))?"), Form.RESPONSES, False),
    ("GET", re.compile(rf"/v1(?:alpha|beta)/models(?:/(?P<model>{_MODEL}))?"), Form.GEMINI, False),
)

QUERY = re.compile(
    r"(?:beta|alt|limit|after_id|before_id|pageSize|pageToken|client_version|api-version)=[A-Za-z0-9._=-]{0,200}"
)
"""One parameter that is let through; `fields` of Google's, say, could leave the usage out of the answer."""


def find_route(method: str, path: str, headers: Mapping[str, str]) -> Route | None:
    """What the path below the base address stands for; ``None``: it is not let through."""
    for allowed, pattern, form, metered in _PATHS:
        if method == allowed and (match := pattern.fullmatch(path)):
            named = match.groupdict()
            streams = (named.get("verb") or "").startswith("stream")
            spoken = form_of(path, headers) if method == "GET" else form
            return Route(form=spoken, metered=metered, model=named.get("model") or "", streams=streams)
    return None


def form_of(path: str, headers: Mapping[str, str]) -> Form:
    """Which form somebody speaks whose path is not let through, or is the same in several."""
    if "/messages" in path or "x-api-key" in headers or "anthropic-version" in headers:
        return Form.MESSAGES
    if ":" in path or "/v1beta" in path or "/v1alpha" in path or "x-goog-api-key" in headers:
        return Form.GEMINI
    return Form.RESPONSES


_ANTHROPIC_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    502: "api_error",
    504: "api_error",
}
_GOOGLE_STATES = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    502: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(form: Form, status: int, code: str, message: str) -> dict[str, Any]:
    """An error as the provider of this form would write it, so that its clients understand it."""
    match form:
        case Form.MESSAGES:
            kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error")
            return {"type": "error", "error": {"type": kind, "message": message}}
        case Form.GEMINI:
            state = _GOOGLE_STATES.get(status, "INVALID_ARGUMENT")
            return {"error": {"code": status, "message": message, "status": state}}
        case Form.RESPONSES | Form.CHAT:
            kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004 - HTTP's own border
            return {"error": {"message": message, "type": kind, "param": None, "code": code}}
