"""What happened, for those who watch: metrics and logs. Plain values; nobody who emits them knows who listens."""

from dataclasses import dataclass

from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case
from selfheald.domain.decision import Decision
from selfheald.domain.ids import AgentName, OrganizationName, ProjectName
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.refusal import RefusalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A project was polled."""

    organization: OrganizationName
    project: ProjectName
    outcome: str
    """``ok``, ``transient``, ``unauthorized``, ``not_found``, ``refused``, ``bug``."""
    seconds: float
    new_pipelines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSeen:
    """A pipeline that ended was seen for the first time."""

    project: ProjectName
    pipeline: Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A pipeline was decided upon (a deferred one more than once)."""

    project: ProjectName
    pipeline: Pipeline
    decision: Decision
    detection_seconds: float | None
    """From done at Semaphore until decided here; ``None`` unless it is the first decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved:
    """A case was opened (``before`` is ``None``) or changed its state."""

    before: Case | None
    after: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPhase:
    """A part of an attempt took this long: ``prepare``, ``agent``, ``snapshot``, ``guards``, ``verify``."""

    agent: AgentName
    phase: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt is over."""

    project: ProjectName
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request to Semaphore (``api="semaphore"``) or GitHub (``api="github"``) was answered or failed."""

    api: str
    operation: str
    status: str
    """The HTTP status, or ``timeout`` or ``error``."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A component had an error that it survived."""

    component: str
    """``sweep``, ``heal``, ``case``, ``github``, ``store``, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the workers are."""

    workers_busy: int
    queue_depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStands:
    """An agent was paused, or may work again."""

    agent: AgentName
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRefused:
    """The network gate did not let something of an attempt through."""

    project: ProjectName
    kind: RefusalKind


Event = (
    Swept
    | PipelineSeen
    | Decided
    | CaseMoved
    | AttemptPhase
    | AttemptEnded
    | ApiRequest
    | Trouble
    | Load
    | AgentStands
    | GateRefused
)
