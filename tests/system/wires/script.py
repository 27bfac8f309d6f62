"""What a scripted model does, in words that every wire form can say."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The model runs a shell command, by whatever tool the agent offers for that."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The model calls a tool of the MCP server ``semaphore``, by the tool's own name."""

    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """What begins with a dollar sign stands for an id of the prompt: ``$Pipeline ID``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """The model ends its turn with a text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The model ends its turn with a refusal, in the form's own way."""

    text: str = "I cannot help with that."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The server answers with an HTTP error instead."""

    status: int
    code: str = "error"
    message: str = "scripted"
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The stream begins and ends too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The stream begins and says nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The stream begins and ends with the provider's error."""

    code: str
    message: str = "scripted"


Step = Shell | Ask | Say | Refuse | Fail | Cut | Silence | Reject
Words = Shell | Ask | Say | Refuse
"""Steps that a model itself says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The made-up usage of each answer."""

    input: int = 1000
    """Cached ones included."""
    cached: int = 400
    output: int = 50
    """Reasoning included."""
    reasoning: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool."""

    name: str
    arguments: Mapping[str, Any]


SHELLS = ("exec_command", "Bash", "bash", "run_shell_command")
"""What agents call the tool that runs a command."""


def call_of(words: Shell | Ask, offered: Collection[str], read: str) -> Call:
    """The call by which the model does this with the tools that are offered; ``read`` is all that it was given."""
    if isinstance(words, Ask):
        named = sorted(name for name in offered if "semaphore" in name and name.endswith(words.tool))
        arguments = {name: _found(value, read) for name, value in words.arguments.items()}
        return Call(name=named[0] if named else words.tool, arguments=arguments)
    shell = next((name for name in SHELLS if name in offered), "bash")
    if shell == "exec_command":
        return Call(name=shell, arguments={"cmd": words.command})
    return Call(name=shell, arguments={"command": words.command, "description": "as the script says"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer that a wire form puts into its own words."""

    number: int
    """How many results of tools the request had."""
    words: Words
    call: Call | None
    """For a tool: how it is called."""
    used: Used
    model: str


def _found(value: str, read: str) -> str:
    if not value.startswith("$"):
        return value
    found = re.search(rf"{value[1:]}: ([0-9a-f-]{{36}})", read)
    return found[1] if found else value
