"""From an agent's description to the agent."""

from collections.abc import Mapping

from selfheald.agents.codex import Codex
from selfheald.agents.command import CommandAgent
from selfheald.agents.spec import AgentSpec
from selfheald.domain.errors import ConfigError
from selfheald.ports import Agent, Sandbox

KINDS: Mapping[str, type[Codex | CommandAgent]] = {"codex": Codex, "command": CommandAgent}
"""The kinds that this version has."""


def make_agent(spec: AgentSpec, sandbox: Sandbox, environ: Mapping[str, str] | None = None) -> Agent:
    """Make the agent of this kind. ``environ`` is the daemon's environment, unless given. Raises ConfigError."""
    if spec.kind not in KINDS:
        raise ConfigError(f"agent {spec.name}: this version has no kind '{spec.kind}', only {', '.join(KINDS)}")
    if spec.kind == "command" and not spec.command:
        raise ConfigError(f"agent {spec.name}: the kind command needs a command")
    return KINDS[spec.kind](spec, sandbox, environ)
