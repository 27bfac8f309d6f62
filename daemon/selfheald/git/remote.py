"""Where the repositories are, and how git logs in there without a secret in arguments, addresses or files."""

import base64
import ipaddress
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from selfheald.domain.errors import ConfigError
from selfheald.domain.ids import Slug

Credential = Callable[[Slug], Awaitable[str]]
"""Gives a token for a repository; empty for none."""

_NETWORK_VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What git may know of the machine's network: its proxy and its certificate authorities."""


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one git command needs to speak to the remote."""

    url: str
    env: dict[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """What must not appear in any message."""


class Remote:
    """The code host as git sees it: ``git_url/owner/name.git``.

    Only https is spoken, and http to a loopback address. Raises :class:`ConfigError` for any other address.
    """

    def __init__(self, git_url: str, credential: Credential) -> None:
        try:
            parts = urlsplit(git_url)
        except ValueError as error:
            raise ConfigError(f"git_url: not an address: {error}") from error
        self._loopback = _is_loopback(parts.hostname)
        if parts.scheme != "https" and not (parts.scheme == "http" and self._loopback):
            raise ConfigError("git_url: only https is allowed, and http on a loopback address")
        if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigError("git_url: only a scheme, a host and a path are allowed")
        self._url = git_url.rstrip("/")
        self._scheme = parts.scheme
        self._credential = credential

    async def access(self, repository: Slug) -> Access:
        """Get the token and put it where only git, and only for this host, finds it."""
        token = await self._credential(repository)
        settings = {
            f"protocol.{self._scheme}.allow": "always",
            # A redirection would take the header along to wherever it leads.
            "http.followRedirects": "false",
            # Under 1 kB/s for a minute is a dead connection.
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "60",
        }
        secrets: tuple[str, ...] = ()
        if token:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            settings[f"http.{self._url}/.extraHeader"] = f"Authorization: Basic {basic}"
            secrets = (token, basic)
        return Access(
            url=f"{self._url}/{repository}.git", env={**_as_variables(settings), **self._network()}, secrets=secrets
        )

    def _network(self) -> dict[str, str]:
        if self._loopback:
            return {}
        return {name: os.environ[name] for name in _NETWORK_VARIABLES if name in os.environ}


def _as_variables(settings: dict[str, str]) -> dict[str, str]:
    """Git's settings as environment variables, so that they are in no argument and on no disk."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
