"""From an agent's description to the agent."""

from collections.abc import Mapping

from selfheald.agents.claude_code import ClaudeCode
from selfheald.agents.cli import CliAgent
from selfheald.agents.codex import Codex
from selfheald.agents.command import CommandAgent
from selfheald.agents.gemini import Gemini
from selfheald.agents.kind import Kind
from selfheald.agents.opencode import OpenCode
from selfheald.agents.spec import AgentSpec
from selfheald.domain.errors import ConfigError
from selfheald.ports import Agent, Redact, Sandbox

KINDS: Mapping[str, Kind] = {
    "codex": Codex(),
    "claude-code": ClaudeCode(),
    "gemini": Gemini(),
    "opencode": OpenCode(),
}
"""The kinds of command lines; ``command`` stands beside them, for any other program."""

COMMAND = "command"


def make_agent(spec: AgentSpec, sandbox: Sandbox, redact: Redact, environ: Mapping[str, str] | None = None) -> Agent:
    """Make the agent of this kind. ``environ`` is the daemon's environment, unless given. Raises ConfigError."""
    if spec.kind == COMMAND:
        if not spec.command:
            raise ConfigError(f"agent {spec.name}: the kind command needs a command")
        return CommandAgent(spec, sandbox, redact, environ)
    kind = KINDS.get(spec.kind)
    if kind is None:
        allowed = ", ".join((*KINDS, COMMAND))
        raise ConfigError(f"agent {spec.name}: this version has no kind '{spec.kind}', only {allowed}")
    if kind.needs_model and not spec.model:
        raise ConfigError(f"agent {spec.name}: the kind {spec.kind} has no model of its own: name one as `model`")
    return CliAgent(kind, spec, sandbox, redact, environ)
