"""What makes one kind of agent different from another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from selfheald.agents.install import Package
from selfheald.agents.words import Event, Word
from selfheald.ports import Layout

MODEL_SILENCE_SECONDS = 300
"""How long a model may be silent within an answer: reasoning takes minutes. Their own limits are longer or missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run is started with."""

    inside: Layout
    model: str | None
    """``None``: the agent's own default."""
    model_url: str
    """The model's API, as seen from inside."""
    tools_url: str
    """Semaphore's MCP server, as seen from inside; empty: there is none."""
    token: str
    """What to show to both in place of a key."""
    max_turns: int | None
    """How often the model may be asked; ``None`` does not bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How the program is started."""

    arguments: tuple[str, ...]
    """After the program. Everybody on the machine may read them: no token, no prompt."""
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Path below the private home: content. Written before the start, for nobody else to read."""


class Kind(Protocol):
    """One kind of agent. Stateless."""

    @property
    def package(self) -> Package:
        """Where its program comes from."""

    @property
    def needs_model(self) -> bool:
        """Whether it has no default model of its own."""

    def launch(self, order: Order) -> Launch:
        """How to start it. The prompt comes by standard input."""

    def read(self, event: Event) -> Iterable[Word]:
        """What one event says."""
