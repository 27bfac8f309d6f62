"""What stands before Semaphore's services: the organization's host, the token, and the reading of a body."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from selfheald.simulator.semaphore_asking import Answer, as_message, as_text, not_found
from selfheald.simulator.state import Organization
from selfheald.simulator.world import World

LOOPBACK_HOSTS = {"127.0.0.1", "localhost"}

OLDEST_CLI_MINOR = 30
"""Older minor versions of Semaphore's own command line are turned away."""

UNAUTHORIZED = as_text("Unauthorized", status=401)
OUTDATED = as_message("Call rejected because the client is outdated. Please upgrade it.", status=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who asks, and whom."""

    organization: Organization
    user: str


def admit(world: World, headers: Mapping[str, str], *, needs_token: bool) -> Sender | Answer:
    """Let a request in, or turn it away.

    The organization is the first label of the Host header, as with Semaphore. A loopback address is every
    organization's host: the token then tells which one is meant.
    """
    if any(name.startswith("x-semaphore-") for name in headers):
        return not_found()
    cli = re.match(r"SemaphoreCLI/v\d+\.(\d+)\.", headers.get("user-agent", ""))
    if cli is not None and int(cli[1]) < OLDEST_CLI_MINOR:
        return OUTDATED
    candidates = _addressed(world, headers.get("host", ""))
    if not candidates:
        return not_found()
    if not needs_token:
        return Sender(organization=candidates[0], user="")
    token = credential(headers, schemes=("Token", "Bearer"))
    found = next((known for known in candidates if token in known.tokens), None)
    return UNAUTHORIZED if found is None or token is None else Sender(organization=found, user=found.tokens[token])


def _addressed(world: World, host: str) -> list[Organization]:
    name = host.partition(":")[0]
    if name in LOOPBACK_HOSTS:
        return list(world.organizations.values())
    return [known for known in world.organizations.values() if known.name == name.partition(".")[0]]


def credential(headers: Mapping[str, str], *, schemes: tuple[str, ...] | None = None) -> str | None:
    """The token of the Authorization header; of any scheme, or of these, in exactly these letters and one space."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return None if not token or (schemes is not None and scheme not in schemes) else token


def body_values(content_type: str, body: bytes) -> Mapping[str, Any] | Answer:
    """What a body says; it is read only with a fitting Content-Type."""
    kind = content_type.partition(";")[0].strip()
    if not body or kind not in {"application/json", "application/x-www-form-urlencoded"}:
        return {}
    try:
        text = body.decode()
        values = json.loads(text) if kind == "application/json" else dict(parse_qsl(text))
    except ValueError as error:
        return as_text(f"Malformed request: {error}", status=400)
    return values if isinstance(values, dict) else {"_json": values}
