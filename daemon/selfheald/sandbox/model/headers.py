"""Which headers go through, in which direction; the token comes off, the key is put on. Pure."""

import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from selfheald.sandbox.model.forms import QUERY, Form
from selfheald.sandbox.model.problems import bad_request, wrong_token

Headers = list[tuple[str, str]]

_TO_PROVIDER = re.compile(
    r"accept|user-agent|anthropic-version|anthropic-beta|openai-beta|x-goog-api-client"
    r"|session[-_]id|conversation[-_]id|x-client-request-id|x-stainless-[a-z-]+"
)
"""None that bills or speaks for somebody else (`openai-organization`, `x-goog-user-project`, `cookie`)."""

_TO_AGENT = re.compile(
    r"content-type|cache-control|retry-after|retry-after-ms|x-should-retry|x-request-id|request-id|x-goog-request-id"
)
"""None that names the account (`openai-organization`, `anthropic-organization-id`) or sets a cookie."""


def require_token(headers: Mapping[str, str], query: str, token: str) -> None:
    """Raise :class:`Problem` unless the token is shown in place of the key, everywhere where a key may stand."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    shown = [bearer.strip() if scheme.lower() == "bearer" else scheme] if scheme else []
    shown += [headers[name] for name in ("x-api-key", "x-goog-api-key") if name in headers]
    shown += [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "key"]
    same = [hmac.compare_digest(one.encode("utf-8", "replace"), token.encode()) for one in shown]
    if not same or not all(same):
        raise wrong_token()


def passed_query(query: str) -> str:
    """The query for the provider, without the token. Raises :class:`Problem` for what is not let through."""
    parameters = [one for one in query.split("&") if one and not one.startswith("key=")]
    for one in parameters:
        if not QUERY.fullmatch(one):
            raise bad_request("a parameter of the address is not let through", f"parameter {one.partition('=')[0]}")
    return "&".join(parameters)


def to_provider(headers: Mapping[str, str], form: Form, key: str) -> Headers:
    """The request's headers for the provider, with the key where it wants it; without one when there is none."""
    passed = [(name, value) for name, value in headers.items() if _TO_PROVIDER.fullmatch(name)]
    # The usage is read from the answer on its way; compressed it could not be.
    passed += [("accept-encoding", "identity"), ("content-type", "application/json")]
    if not key:
        return passed
    match form:
        case Form.MESSAGES:
            return [*passed, ("x-api-key", key)]
        case Form.GEMINI:
            return [*passed, ("x-goog-api-key", key)]
        case Form.RESPONSES | Form.CHAT:
            return [*passed, ("authorization", f"Bearer {key}")]


def to_agent(headers: Iterable[tuple[str, str]], key: str) -> Headers:
    """The answer's headers for the agent."""
    passed = ((name.lower(), value) for name, value in headers)
    return [(name, value) for name, value in passed if _TO_AGENT.fullmatch(name) and not (key and key in value)]
