"""The agent's zone: the one way out of the sandbox, and what lies behind it."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from selfheald.domain.ids import AgentName, OrganizationName, ProjectName
from selfheald.domain.redaction import SecretSpan
from selfheald.domain.zone import Budget, Members, Metered, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageWanted:
    """What one attempt may reach."""

    project: ProjectName
    agent: AgentName | None = None
    """Whose model may be asked; ``None``: no model (for commands of ``verify``)."""
    organization: OrganizationName | None = None
    """Whose Semaphore may be read; ``None``: no tools."""
    scope: Scope | None = None
    """What of it."""
    budget: Budget = Budget()


class Passage(Protocol):
    """What one attempt may reach outside, while it runs: the model, Semaphore's tools, the hosts of ``egress``."""

    @property
    def model_url(self) -> str:
        """The model's API as seen from inside: it stands for the configured ``base_url``. Empty: there is none."""

    @property
    def tools_url(self) -> str:
        """Semaphore's MCP server as seen from inside. Empty: there is none."""

    @property
    def proxy_url(self) -> str:
        """The HTTP proxy, as seen from inside, that leads to the hosts of ``egress``. Empty: there is none."""

    @property
    def token(self) -> str:
        """What the agent shows to model and tools in place of a key. Made for this attempt, worthless elsewhere."""

    @property
    def doors(self) -> tuple[int, ...]:
        """The loopback ports inside at which the sandbox has to listen on its behalf."""

    async def serve(self, door: int, listener: socket.socket) -> None:
        """Answer at this listening socket, which was opened inside the sandbox, until the passage closes.

        Returns as soon as it does. The socket is the passage's from the call on, also when this raises. Called anew for
        each program that runs with it.
        Raises TransientError when the passage is closed.
        """

    def metered(self) -> Metered:
        """What went through so far; all of it once the passage is closed."""


class Gate(Protocol):
    """Opens passages."""

    def open(self, wanted: PassageWanted) -> AbstractAsyncContextManager[Passage]:
        """Open a passage; it closes with the context, whatever still goes through it then. Raises ConfigError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What a tool says."""

    text: str
    structured: Mapping[str, Any] | None = None
    is_error: bool = False


class Tools(Protocol):
    """Semaphore's read tools for one organization, under its MCP server's names. Trusts its arguments."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Ask a tool. What goes wrong at Semaphore is an answer with ``is_error``."""

    async def members(self, workflow_id: str) -> Members:
        """Look up what belongs to a workflow now. Raises SelfhealdError."""


class Redact(Protocol):
    """Takes secrets out of text: known values, well-known forms of tokens, assignments that look like secrets."""

    def __call__(self, text: str, /) -> str:
        """Give the text with ``[redacted]`` in their places; emails, hashes and UUIDs stay.

        A text that comes line by line goes through :class:`selfheald.domain.redaction.Lines`.
        """


class FindSecrets(Protocol):
    """Finds in text what :class:`Redact` would take out, by the same rules."""

    def __call__(self, text: str, /) -> Sequence[SecretSpan]:
        """Say where secrets stand, from the first to the last; none overlaps another."""
