"""An agent as the configuration describes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from selfheald.domain.errors import UnauthorizedError
from selfheald.domain.ids import AgentName
from selfheald.domain.prices import Prices

KEY_NAME = "SELFHEALD_MODEL_KEY"
"""The variable that holds the model's key inside the sandbox."""

DEFAULT_BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """What :func:`selfheald.agents.build.make_agent` needs to know; kinds ignore what is not theirs."""

    name: AgentName
    kind: str
    """``codex`` or ``command``."""
    timeout: timedelta = timedelta(minutes=30)
    command: tuple[str, ...] = ()
    """For ``command``: program and arguments; ``{prompt_file}`` stands for the path of the prompt."""
    mounts: tuple[Path, ...] = ()
    """Shown read-only in the sandbox, at the same path."""
    env: tuple[str, ...] = ()
    """Names of variables that are passed through from the daemon's environment."""
    model: str | None = None
    """``None``: the agent's own default."""
    base_url: str = DEFAULT_BASE_URL
    api_key: Callable[[], str] | None = None
    """Gives the model's key; asked at each start, since a file's content may change. Raises UnauthorizedError."""
    binary: Path | None = None
    """The agent's program; ``None``: the one found on PATH."""
    prices: Prices | None = None

    def inherited(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that are passed through by name, where they are set."""
        return {name: environ[name] for name in self.env if name in environ}

    def key(self) -> str:
        """The model's key of this moment; empty when the agent has none. Raises UnauthorizedError for an empty one."""
        if self.api_key is None:
            return ""
        if not (key := self.api_key().strip()):
            raise UnauthorizedError(f"starting agent {self.name}: its API key is empty")
        return key
