"""What the messages of a request are made of: addresses that a provider would fetch, and images. Pure."""

from collections.abc import Mapping
from typing import Any

from selfheald.sandbox.model.forms import Form

_CONTENT = {
    Form.RESPONSES: ("input",),
    Form.CHAT: ("messages",),
    Form.MESSAGES: ("messages", "system"),
    Form.GEMINI: ("contents", "systemInstruction", "system_instruction"),
}
"""Where messages stand."""

_WITHIN = frozenset({"content", "output", "parts", "source", "functionResponse", "function_response"})
_ADDRESSED = frozenset(
    {"image_url", "audio_url", "video_url", "file_url", "source", "file", "fileData", "file_data"},
)
_NAMES = ("url", "file_url", "fileUri", "file_uri")
_OF_INTEREST = _ADDRESSED | {"inlineData", "inline_data"}
_DEEPEST = 6
"""Content within content: a tool's result in a message may hold a document that is made of texts and images."""


def attachments(form: Form, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of all messages that hold or name more than text, also those within a tool's result.

    The arguments of tools are only text, whatever they look like.
    """
    found: list[dict[str, Any]] = []
    level: list[Any] = [body.get(name) for name in _CONTENT[form]]
    for _ in range(_DEEPEST):
        parts = [part for one in level for part in (one if isinstance(one, list) else [one]) if isinstance(part, dict)]
        found += [part for part in parts if not _OF_INTEREST.isdisjoint(part)]
        level = [value for part in parts for name, value in part.items() if name in _WITHIN]
    return found


def is_fetched(part: Mapping[str, Any]) -> bool:
    """Whether the provider is asked to fetch an address, which can carry anything out."""
    addresses: list[Any] = []
    for name in _ADDRESSED & part.keys():
        value = part[name]
        if isinstance(value, dict):
            addresses += [value[key] for key in _NAMES if value.get(key) is not None]
            addresses += [data] if _is_address(data := value.get("file_data")) else []
        elif name.endswith("_url") and value is not None:
            addresses.append(value)
    return any(not _carried(address) for address in addresses)


def image_size(part: Mapping[str, Any]) -> int:
    """The characters of an image that is carried along; 0: it is none."""
    if (address := part.get("image_url")) is not None:
        address = address.get("url") if isinstance(address, dict) else address
        return len(address) if isinstance(address, str) and _carried(address, "image/") else 0
    for name in ("source", "inlineData", "inline_data"):
        held = part.get(name)
        if isinstance(held, dict) and isinstance(held.get("data"), str):
            kind = held.get("media_type") or held.get("mimeType") or held.get("mime_type")
            return len(held["data"]) if isinstance(kind, str) and kind.startswith("image/") else 0
    return 0


def _is_address(data: Any) -> bool:
    return isinstance(data, str) and "://" in data[:16]


def _carried(address: Any, kind: str = "") -> bool:
    """Whether the address is the thing itself."""
    return isinstance(address, str) and address.startswith(f"data:{kind}")
