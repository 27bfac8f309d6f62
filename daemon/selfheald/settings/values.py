"""The configuration as values that the rest of the program can trust."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from selfheald.domain.ids import AgentName, OrganizationName
from selfheald.domain.limits import SandboxLimits
from selfheald.domain.policy import Project
from selfheald.domain.prices import PriceTable
from selfheald.settings.secret import Secret


class AgentKind(StrEnum):
    """How an agent is started and read."""

    CODEX = "codex"
    CLAUDE_CODE = "claude-code"
    GEMINI = "gemini"
    OPENCODE = "opencode"
    COMMAND = "command"


class SandboxKind(StrEnum):
    """Where agents run."""

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"
    """Unconfined; every start says so."""


class LogFormat(StrEnum):
    """How logs look."""

    AUTO = "auto"
    """Colours on a terminal, JSON otherwise."""
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """From which level on events are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A Semaphore organization."""

    name: OrganizationName
    url: str
    """Without a slash at its end."""
    token: Secret
    mcp_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubApp:
    """An app's identity at GitHub."""

    id: int
    private_key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHub:
    """Where pull requests go. Either ``token`` or ``app`` is there."""

    api_url: str
    git_url: str
    token: Secret | None
    app: GitHubApp | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """A coding agent."""

    name: AgentName
    kind: AgentKind
    api_key: Secret | None
    base_url: str | None
    """Of the model's API; the kind's own when none is configured, ``None`` for a command without one."""
    model: str | None
    timeout: timedelta
    idle_timeout: timedelta
    """How long it may say nothing."""
    max_turns: int | None
    """How often it may ask the model."""
    fallback: tuple[AgentName, ...]
    """Who stands in while it is paused."""
    command: tuple[str, ...]
    mounts: tuple[Path, ...]
    env: tuple[str, ...]
    """Names of variables that are passed through."""
    binary: str | None
    """The program; ``None``: the kind's own, found on PATH."""
    prices: PriceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the web pages are served."""

    host: str
    port: int
    """0 takes a free one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How often the world is asked."""

    interval: timedelta
    idle_interval: timedelta
    requests_per_second: float
    """Per organization."""
    lookback: timedelta
    """How far back a project's first sweep looks."""
    follow_interval: timedelta
    """How often open pull requests, and CI on our branches, are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """How logs look."""

    format: LogFormat
    level: LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who makes our commits."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that was configured."""

    path: Path
    """The file."""
    organizations: tuple[Organization, ...]
    github: GitHub
    agents: Mapping[AgentName, AgentConfig]
    state_dir: Path
    listen: Listen
    sandbox: SandboxKind
    sandbox_limits: SandboxLimits
    egress: tuple[tuple[str, int], ...]
    """Host and port of what agents may reach besides the model."""
    workers: int
    poll: Poll
    log: Log
    git: Identity
    drain_timeout: timedelta
    """How long running attempts may go on after SIGTERM."""
    projects: tuple[Project, ...]

    def secrets(self) -> Iterator[Secret]:
        """Every secret of the configuration."""
        yield from (organization.token for organization in self.organizations)
        if self.github.token:
            yield self.github.token
        if self.github.app:
            yield self.github.app.private_key
        yield from (agent.api_key for agent in self.agents.values() if agent.api_key)

    def secret_values(self) -> Iterator[str]:
        """Every value that a secret had so far: what logs must not show. Reads no file."""
        for secret in self.secrets():
            yield from secret.seen()
