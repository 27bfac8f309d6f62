"""PyGithub, kept in a thread of its own: it blocks, sleeps between writes, and is not known to be thread-safe.

One client per credential; it is made anew when the credential changes. Nothing here leaves the thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from urllib3.util import Retry

import github
from selfheald.domain.errors import UnauthorizedError
from selfheald.domain.ids import Slug

USER_AGENT = "selfheald"

RENEW_BEFORE_SECONDS = 300
"""An installation token is renewed this long before its end, so that a long push does not outlive it."""

RETRIES = 2
"""In the thread; the engine retries on its own, at leisure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """How GitHub is spoken to."""

    api_url: str = "https://api.github.com"
    call_timeout: timedelta = timedelta(seconds=60)
    """For one call of the port, which may be several requests."""
    request_timeout: timedelta = timedelta(seconds=15)
    write_pause: timedelta = timedelta(seconds=1)
    """Between writes, as GitHub asks ("Best practices for using the REST API")."""
    retry_backoff: float = 0.5
    """Seconds before the second retry of a 5xx; doubled for each further one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubApp:
    """A GitHub App as which selfheald acts."""

    id: int
    private_key: Callable[[], str]
    """PEM; asked whenever a token is signed, so that a new key may be put in place."""


@dataclass(slots=True)
class _InstallationToken:
    value: str
    over_at: float
    """By the wall clock, in seconds since the epoch."""


class Clients:
    """Gives the PyGithub client for a repository. Every method runs in the thread."""

    def __init__(
        self,
        settings: GitHubSettings,
        token: Callable[[], str] | None,
        app: GitHubApp | None,
        wall: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._token = token
        self._app = app
        self._wall = wall
        self._installation_tokens: dict[str, _InstallationToken] = {}
        self._clients: dict[str, tuple[str, github.Github]] = {}

    def token(self, repository: Slug) -> str:
        """The token that is good for a repository now. Raises :class:`UnauthorizedError` when there is none."""
        if self._app is not None:
            return self._installation_token(self._app, repository)
        value = self._token() if self._token is not None else ""
        if not value:
            raise UnauthorizedError("no GitHub token is configured")
        return value

    def client(self, repository: Slug) -> github.Github:
        """The client for a repository, with the token that is good now."""
        # A personal token serves every owner; an app's token one account.
        owner = owner_of(repository) if self._app is not None else ""
        token = self.token(repository)
        used, client = self._clients.get(owner, ("", None))
        if client is None or used != token:
            self._close(client)
            client = github.Github(auth=github.Auth.Token(token), lazy=True, **self._options())
            self._clients[owner] = (token, client)
        return client

    def forget(self, repository: Slug) -> None:
        """Drop an installation's token that GitHub has refused; the next call asks for a new one."""
        self._installation_tokens.pop(owner_of(repository), None)

    def close(self) -> None:
        """Close every connection."""
        for _, client in self._clients.values():
            self._close(client)
        self._clients.clear()

    def _installation_token(self, app: GitHubApp, repository: Slug) -> str:
        owner, name = repository.split("/", 1)
        kept = self._installation_tokens.get(owner)
        if kept is None or kept.over_at - RENEW_BEFORE_SECONDS <= self._wall():
            kept = self._new_installation_token(app, owner, name)
            self._installation_tokens[owner] = kept
        return kept.value

    def _new_installation_token(self, app: GitHubApp, owner: str, name: str) -> _InstallationToken:
        auth = github.Auth.AppAuth(app.id, app.private_key())
        with github.GithubIntegration(auth=auth, **self._options()) as integration:
            try:
                installation = integration.get_repo_installation(owner, name)
                made = integration.get_access_token(installation.id)
            except (jwt.PyJWTError, ValueError) as error:
                # The text of a key error may quote the key.
                msg = f"the private key of the GitHub app {app.id} cannot be used"
                raise UnauthorizedError(msg) from error
            return _InstallationToken(made.token, made.expires_at.timestamp())

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "base_url": settings.api_url.rstrip("/"),
            "timeout": max(1, round(settings.request_timeout.total_seconds())),
            "user_agent": USER_AGENT,
            "per_page": 100,
            "seconds_between_requests": 0,
            "seconds_between_writes": settings.write_pause.total_seconds(),
            "retry": _retry(settings),
        }

    @staticmethod
    def _close(client: github.Github | None) -> None:
        if client is not None:
            client.close()


def owner_of(repository: Slug) -> str:
    """The account that a repository belongs to."""
    return repository.partition("/")[0]


def _retry(settings: GitHubSettings) -> Retry:
    # Not PyGithub's own GithubRetry: it sleeps in the thread when a rate limit is reached, and asks again at once when
    # Retry-After is not obeyed. Limits travel in the error instead, and the engine waits. Writes are never repeated
    # here: after a lost answer the port looks first.
    return Retry(
        total=RETRIES,
        backoff_factor=settings.retry_backoff,
        status_forcelist=range(500, 600),
        allowed_methods=["GET"],
        respect_retry_after_header=False,
        raise_on_status=False,
    )
