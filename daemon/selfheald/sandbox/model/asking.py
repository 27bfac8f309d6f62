"""A request as the agent sent it, checked, and as the provider will get it. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from selfheald.domain.budget import SMALLEST_ANSWER, Wanted
from selfheald.domain.prices import PriceTable
from selfheald.sandbox.model.bounds import bound_of, bounded, require_plain_bounds
from selfheald.sandbox.model.content import attachments, image_size, is_fetched
from selfheald.sandbox.model.forms import Form, Route
from selfheald.sandbox.model.hosted import searches, strip
from selfheald.sandbox.model.problems import Problem, bad_request

BYTES_PER_TOKEN = 4
"""Of a request's or an answer's text: what estimates assume."""

TOKENS_PER_IMAGE = 2_000
"""Of an image that is carried along: what estimates assume."""

MOST_PARTS = 100_000
"""Lists, objects and their members in one request; the longest session has some thousands. A parser holds up the whole
daemon while it reads them, four seconds for as many as a request has room for."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)

_WRITER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""What was read from JSON holds no circle; looking for one takes a third of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that may be passed on."""

    route: Route
    body: bytes
    """Written anew: what was checked is what is sent, whatever parser the provider has."""
    streams: bool
    wanted: Wanted
    stripped: tuple[str, ...] = ()
    """What was taken out of it."""

    def bounded(self, most: int | None) -> bytes:
        """The body for the provider, its answer bounded to ``most`` tokens where the form can say so."""
        return self.body if most is None else _written(bounded(self.route.form, json.loads(self.body), most))


def read_request(route: Route, raw: bytes, prices: PriceTable) -> Asked:
    """Check a request's body, and write it anew for the provider. Raises :class:`Problem`."""
    body, form = _parsed(raw), route.form
    try:
        stripped = tuple(strip(form, body))
    except RecursionError:
        raise _too_deep() from None
    attached = attachments(form, body)
    if any(is_fetched(part) for part in attached):
        raise bad_request("the provider may not be asked to fetch an address", "an address to fetch")
    require_plain_bounds(form, body)
    model = _model(route, body, prices)
    streams = route.streams or (form is not Form.GEMINI and body.get("stream") is True)
    if form is Form.CHAT and streams:
        options = body.get("stream_options")
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    wanted = Wanted(
        model=model,
        input_tokens=_estimate(raw, [size for part in attached if (size := image_size(part))]),
        output_tokens=bound_of(form, body),
        least_output=max(_thinking(body) + 1, SMALLEST_ANSWER),
    )
    return Asked(route=route, body=_written(body), streams=streams, wanted=wanted, stripped=stripped)


def _parsed(raw: bytes) -> dict[str, Any]:
    if _has_too_many_parts(raw):
        raise bad_request(f"the body has more than {MOST_PARTS} parts", "a body of too many parts")
    try:
        body = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise bad_request("the body is no JSON", "a body that is no JSON") from None
    if not isinstance(body, dict):
        raise bad_request("the body is no JSON object", "a body that is no JSON object")
    return body


def _has_too_many_parts(raw: bytes) -> bool:
    if _parts(raw) <= MOST_PARTS:
        return False
    strings = (raw.count(b'"') - raw.count(b'\\"')) // 2
    return strings > 2 * MOST_PARTS or _parts(_STRING.sub(b"", raw)) > MOST_PARTS


def _parts(raw: bytes) -> int:
    """What is written in strings counts, too, unless they were taken out."""
    return sum(map(raw.count, (b",", b"[", b"{")))


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _written(body: dict[str, Any]) -> bytes:
    try:
        return _WRITER.encode(body).encode()
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> Problem:
    return bad_request("the body is nested too deeply", "a body that is nested too deeply")


def _model(route: Route, body: dict[str, Any], prices: PriceTable) -> str:
    model = route.model or body.get("model")
    if not isinstance(model, str) or not model:
        raise bad_request("the request names no model", "a request without a model")
    if searches(model) or not prices.allows(model):
        raise bad_request("this model may not be asked: it has no price, or searches by itself", f"model {model}")
    return model


def _estimate(raw: bytes, images: list[int]) -> int:
    return max(len(raw) - sum(images), 0) // BYTES_PER_TOKEN + len(images) * TOKENS_PER_IMAGE


def _thinking(body: dict[str, Any]) -> int:
    """Tokens that Anthropic's answer needs for thinking: a bound below them would be refused."""
    thinking = body.get("thinking")
    tokens = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    return tokens if type(tokens) is int and tokens > 0 else 0
