"""A request as the agent sent it, checked, and as the provider will get it. Pure."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from selfheald.domain.budget import Wanted
from selfheald.domain.prices import PriceTable
from selfheald.sandbox.model.forms import Form, Route
from selfheald.sandbox.model.hosted import fetched, searches, strip
from selfheald.sandbox.model.problems import Problem, bad_request

BYTES_PER_TOKEN = 4
"""Of a request's or an answer's text: what estimates assume."""

TOKENS_PER_BLOB = 2_000
"""Of an image or a document that is carried along: what estimates assume."""

_BLOB = 4096
"""Characters in one word; no text has such a word."""

_BOUNDS = {
    Form.RESPONSES: ("max_output_tokens",),
    Form.CHAT: ("max_completion_tokens", "max_tokens"),
    Form.MESSAGES: ("max_tokens",),
}
"""What bounds an answer's tokens; the first one present counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that may be passed on."""

    route: Route
    body: dict[str, Any]
    streams: bool
    wanted: Wanted
    stripped: tuple[str, ...] = ()
    """What was taken out of it."""

    def bounded(self, most: int | None) -> bytes:
        """The body for the provider, its answer bounded to ``most`` tokens where the form can say so."""
        body = self.body if most is None else _bounded(self.route.form, self.body, most)
        try:
            return json.dumps(body, separators=(",", ":")).encode()
        except RecursionError:
            raise too_deep() from None


def read_request(route: Route, raw: bytes, prices: PriceTable) -> Asked:
    """Check a request's body. Raises :class:`Problem`.

    It is written anew for the provider: what was checked is what is sent, whatever parser the provider has.
    """
    body = _parsed(raw)
    form = route.form
    try:
        stripped = tuple(strip(form, body))
    except RecursionError:
        raise too_deep() from None
    if fetched(form, body):
        raise bad_request("the provider may not be asked to fetch an address", "an address to fetch")
    model = route.model or body.get("model")
    if not isinstance(model, str) or not model:
        raise bad_request("the request names no model", "a request without a model")
    if searches(model) or not prices.allows(model):
        raise bad_request("this model may not be asked: it has no price, or searches by itself", f"model {model}")
    streams = route.streams or (form is not Form.GEMINI and body.get("stream") is True)
    if form is Form.CHAT and streams:
        options = body.get("stream_options")
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    wanted = Wanted(model=model, input_tokens=_estimate(raw), output_tokens=_bound(form, body))
    return Asked(route=route, body=body, streams=streams, wanted=wanted, stripped=stripped)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise bad_request("the body is no JSON", "a body that is no JSON") from None
    if not isinstance(body, dict):
        raise bad_request("the body is no JSON object", "a body that is no JSON object")
    return body


def too_deep() -> Problem:
    """Nested more deeply than anybody would."""
    return bad_request("the body is nested too deeply", "a body that is nested too deeply")


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _estimate(raw: bytes) -> int:
    """Tokens of the request, roughly; what is carried along as one long word counts as a blob."""
    blobs = [len(word) for word in raw.split(b'"') if len(word) > _BLOB and b" " not in word]
    return (len(raw) - sum(blobs)) // BYTES_PER_TOKEN + len(blobs) * TOKENS_PER_BLOB


def _bound(form: Form, body: dict[str, Any]) -> int | None:
    holder, names = _bound_names(form, body)
    found = [holder[name] for name in names if type(holder.get(name)) is int and holder[name] > 0]
    return max(found, default=None)


def _bound_names(form: Form, body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    if form is not Form.GEMINI:
        return body, _BOUNDS[form]
    config = body.get("generationConfig") or body.get("generation_config")
    return (config if isinstance(config, dict) else {}), ("maxOutputTokens", "max_output_tokens")


def _bounded(form: Form, body: dict[str, Any], most: int) -> dict[str, Any]:
    """Lower the bounds that are there; where there is none, name one, except to servers that may not know it."""
    holder, names = _bound_names(form, body)
    lowered = {name: min(holder[name], most) for name in names if type(holder.get(name)) is int}
    if form is Form.CHAT and not lowered:
        return body
    lowered = lowered or {names[0]: most}
    if form is Form.GEMINI:
        return {**body, "generationConfig": {**holder, **lowered}}
    return {**body, **lowered}
