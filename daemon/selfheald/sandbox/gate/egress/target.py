"""What a program asks a proxy for. Pure."""

import re
from dataclasses import dataclass

from selfheald.sandbox.gate.egress.allowed import Host

_AUTHORITY = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9_.-]{1,254}))(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_ABSOLUTE = re.compile(r"(?i:http)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?", re.ASCII)

HTTP_PORT = 80
PORTS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host, and what to ask it for: empty for a tunnel."""

    host: Host
    path: str = ""


def tunnel_target(text: str) -> Target:
    """Read what stands after ``CONNECT``. Raises ValueError."""
    return Target(host=_host(text, None))


def absolute_target(text: str) -> Target:
    """Read an address ``http://host[:port]/path``. Raises ValueError."""
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise ValueError("no http:// address")
    return Target(host=_host(match["authority"], HTTP_PORT), path=(match["path"] or "/") + (match["query"] or ""))


def _host(authority: str, usual: int | None) -> Host:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("no host")
    port = int(match["port"]) if match["port"] else usual
    if port is None or not 0 < port < PORTS:
        raise ValueError("no port")
    return Host.of(match["address"] or match["name"], port)
