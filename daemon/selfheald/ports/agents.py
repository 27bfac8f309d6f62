"""Agents, and the sandbox in which they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.ids import AgentName
from selfheald.domain.limits import Limit
from selfheald.ports.zone import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where an attempt's folders are, as seen by the program inside the sandbox."""

    tree: str
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to be run in the sandbox, with the work tree as its current folder."""

    argv: tuple[str, ...]
    """In the words of the inside: see :class:`Layout`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """All of its environment besides what the sandbox itself sets (PATH, HOME, LANG)."""
    tree: Path
    """The only folder shared writable, at :attr:`Layout.tree`."""
    home: Path
    """A private, writable HOME, at :attr:`Layout.home`."""
    mounts: tuple[Path, ...] = ()
    """Shown read-only at the same path."""
    stdin: bytes = b""
    """All that it reads from standard input, which is never a terminal and always has an end."""
    timeout: timedelta
    passage: Passage | None = None
    """Its only way out; ``None``: none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a program ended. Every process that it started is gone."""

    code: int | None
    """The exit code; negative for a signal; ``None`` when the time limit, another limit or ``stop`` ended it."""
    timed_out: bool
    seconds: float
    stderr: str
    """The end of its standard error, bounded."""
    limit: Limit | None = None
    """The limit that it reached, and that ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a probe of an agent or a sandbox found: ``selfheald check`` prints it."""

    ok: bool
    found: str
    """A version, a path; or what is wrong and how to mend it."""


class Sandbox(Protocol):
    """Where programs run that nobody trusts."""

    def layout(self, tree: Path, home: Path) -> Layout:
        """Where the two folders are inside."""

    async def run(self, command: Command, on_line: Callable[[bytes], bool | None]) -> Exit:
        """Run a program to its end. ``on_line`` gets each line of standard output (bounded in length).

        When ``on_line`` returns ``False`` the program is ended. Cancelling ends it too. Raises
        :class:`NotFoundError` when the program does not exist inside, :class:`TransientError` when the sandbox
        itself cannot start.
        """

    async def probe(self) -> Probe:
        """Whether the sandbox works here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTask:
    """What an agent is to do."""

    prompt: str
    variables: Mapping[str, str]
    """The ``SEMAPHORE_…`` variables, also given as environment."""
    tree: Path
    folder: Path
    """The attempt's folder on the host; the agent's private home and its transcript are made in it."""
    passage: Passage | None = None
    """Its way to the model, and to Semaphore's tools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """How an agent ended, by its own events; whether the tree changed is not its to say."""

    outcome: AttemptOutcome
    """``fixed`` here means: it says that it is done."""
    message: str
    """Its final message, bounded; untrusted."""
    note: str = ""
    """What went wrong, for people."""
    usage: Usage = Usage()


class Agent(Protocol):
    """A coding agent of the configuration."""

    @property
    def name(self) -> AgentName:
        """Its name in the configuration."""

    async def run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        """Work on the tree until done. ``progress`` gets short lines for people (untrusted)."""

    async def probe(self) -> Probe:
        """Whether its program is there, and which version."""
