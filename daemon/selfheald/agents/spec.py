"""An agent as the configuration describes it. It knows no key: what shows one to the model is outside the sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from selfheald.domain.ids import AgentName


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """What :func:`selfheald.agents.build.make_agent` needs to know; kinds ignore what is not theirs."""

    name: AgentName
    kind: str
    """One of :data:`selfheald.agents.build.KINDS`, or ``command``."""
    timeout: timedelta = timedelta(minutes=30)
    idle_timeout: timedelta = timedelta(minutes=10)
    """How long it may say nothing."""
    max_turns: int | None = None
    """How often it may ask the model; ``None`` does not bound."""
    command: tuple[str, ...] = ()
    """For ``command``: program and arguments; ``{prompt_file}`` stands for the path of the prompt."""
    mounts: tuple[Path, ...] = ()
    """Shown read-only in the sandbox, at the same path."""
    env: tuple[str, ...] = ()
    """Names of variables that are passed through from the daemon's environment."""
    model: str | None = None
    """``None``: the agent's own default."""
    binary: Path | None = None
    """The agent's program; ``None``: the one found on PATH."""

    def inherited(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that are passed through by name, where they are set."""
        return {name: environ[name] for name in self.env if name in environ}
