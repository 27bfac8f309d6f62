"""What the messages of a request are made of: addresses that a provider would fetch, and images. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from selfheald.sandbox.model.forms import Form

_CONTENT = {
    Form.RESPONSES: ("input",),
    Form.CHAT: ("messages",),
    Form.MESSAGES: ("messages", "system"),
    Form.GEMINI: ("contents", "systemInstruction", "system_instruction"),
}
"""Where messages stand."""

_WITHIN = frozenset({"content", "output", "parts", "functionResponse", "function_response"})
_ADDRESSED = frozenset({"image_url", "file_url", "source", "fileData", "file_data"})
_DEEPEST = 5
"""Content within content: a tool's result in a message holds texts and images, no further results."""


def fetched(form: Form, body: Mapping[str, Any]) -> bool:
    """Whether the provider is asked to fetch an address, which can carry anything out."""
    return any(_address(part) for part in _parts(form, body))


def images(form: Form, body: Mapping[str, Any]) -> list[int]:
    """The characters of each image that is carried along."""
    return [size for part in _parts(form, body) if (size := _image(part))]


def _parts(form: Form, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of all messages, also those within a tool's result; not the arguments of tools."""
    level: list[Any] = [body.get(name) for name in _CONTENT[form]]
    for _ in range(_DEEPEST):
        parts = [part for one in level for part in (one if isinstance(one, list) else [one]) if isinstance(part, dict)]
        yield from parts
        level = [part[name] for part in parts for name in _WITHIN & part.keys()]


def _address(part: Mapping[str, Any]) -> bool:
    addresses: list[Any] = []
    for name in _ADDRESSED & part.keys():
        value = part[name]
        if name == "source":
            addresses += [value.get("url")] if isinstance(value, dict) and value.get("type") == "url" else []
        elif isinstance(value, dict):
            addresses.append(value.get("url") or value.get("fileUri") or value.get("file_uri"))
        else:
            addresses.append(value)
    return any(address is not None and not _carried(address) for address in addresses)


def _carried(address: Any, kind: str = "") -> bool:
    """Whether the address is the thing itself."""
    return isinstance(address, str) and address.startswith(f"data:{kind}")


def _image(part: Mapping[str, Any]) -> int:
    if (address := part.get("image_url")) is not None:
        address = address.get("url") if isinstance(address, dict) else address
        return len(address) if isinstance(address, str) and _carried(address, "image/") else 0
    for name in ("source", "inlineData", "inline_data"):
        held = part.get(name)
        if isinstance(held, dict) and isinstance(held.get("data"), str):
            kind = held.get("media_type") or held.get("mimeType") or held.get("mime_type")
            return len(held["data"]) if isinstance(kind, str) and kind.startswith("image/") else 0
    return 0
