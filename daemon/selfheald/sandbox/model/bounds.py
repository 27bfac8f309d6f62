"""What bounds an answer's tokens, in each wire form. Pure."""

from typing import Any

from selfheald.sandbox.model.forms import Form
from selfheald.sandbox.model.problems import bad_request

_NAMES = {
    Form.RESPONSES: ("max_output_tokens",),
    Form.CHAT: ("max_completion_tokens", "max_tokens"),
    Form.MESSAGES: ("max_tokens",),
    Form.GEMINI: ("maxOutputTokens", "max_output_tokens"),
}


def require_plain_bounds(form: Form, body: dict[str, Any]) -> None:
    """Raise :class:`Problem` for a bound that one might read and another not."""
    holder = _holder(form, body)
    odd = [name for name in _NAMES[form] if name in holder and type(holder[name]) not in (int, type(None))]
    if odd or (form is Form.GEMINI and "generation_config" in body):
        what = odd[0] if odd else "generation_config"
        raise bad_request(f"`{what}` is written in an odd way", f"an odd {what}")


def bound_of(form: Form, body: dict[str, Any]) -> int | None:
    """Tokens of the answer that the request asks for at most; ``None``: it does not say."""
    holder = _holder(form, body)
    return max((holder[name] for name in _NAMES[form] if (holder.get(name) or 0) > 0), default=None)


def bounded(form: Form, body: dict[str, Any], most: int) -> dict[str, Any]:
    """Lower the bounds that are there; where there is none, name one, except to servers that may not know it."""
    holder, names = _holder(form, body), _NAMES[form]
    lowered = {name: min(holder[name], most) for name in names if (holder.get(name) or 0) > 0}
    if form is Form.CHAT and not lowered:
        return body
    lowered = lowered or {names[0]: most}
    return {**body, "generationConfig": {**holder, **lowered}} if form is Form.GEMINI else {**body, **lowered}


def _holder(form: Form, body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig") if form is Form.GEMINI else body
    return config if isinstance(config, dict) else {}
