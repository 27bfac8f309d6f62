"""What the configuration says about a project, as values that the engine can trust."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from selfheald.domain.conditions.language import Condition
from selfheald.domain.guards.change import GuardPolicy
from selfheald.domain.ids import AgentName, OrganizationName, ProjectName, Slug


class Mode(StrEnum):
    """How far selfheald goes on its own."""

    OFF = "off"
    OBSERVE = "observe"
    APPROVE = "approve"
    HEAL = "heal"


class Choice(StrEnum):
    """Whether a kind of pipeline is healed at all."""

    SKIP = "skip"
    HEAL = "heal"


class SupersededBy(StrEnum):
    """What makes a branch's failure an old one."""

    COMMIT = "commit"
    """A newer commit on the branch, as soon as it is there."""
    PIPELINE = "pipeline"
    """A newer pipeline of the branch and file, once it has ended: for branches that are never at rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most ``count`` in any ``window``."""

    count: int
    window: timedelta

    def __str__(self) -> str:
        return f"{self.count} per {duration_text(self.window)}"


def duration_text(duration: timedelta) -> str:
    """Write a duration as the configuration does: ``30s``, ``5m``, ``2h``, ``7d``."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0 and (unit != "d" or seconds > size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchFilter:
    """Globs over branch names (``**`` spans slashes): one of ``include`` and none of ``exclude`` must match."""

    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that hold across restarts."""

    attempts_per_commit: int
    """Attempts that may start from one commit."""
    attempts_per_case: int
    """Attempts of one case; each later one starts from our branch and is given the new failure."""
    cases_per_branch: Rate
    cases_per_project: Rate
    open_pull_requests: int
    cost_usd_per_day: Decimal
    cooldown: timedelta
    """How long a branch rests after a case on it that ended without a fix."""
    concurrent_attempts: int = 1
    """Attempts of the project that may run at once."""
    cost_usd_per_attempt: Decimal = Decimal(5)
    tokens_per_attempt: int | None = None
    """Input and output together; ``None``: any number."""
    cost_usd_per_day_of_all: Decimal | None = None
    """What the attempts of all projects together may cost within a day; ``None``: any amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How long CI may take on our branch."""

    timeout: timedelta
    start_timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestPolicy:
    """How a proposal is presented."""

    base: str
    """``source`` (the branch that failed), ``default``, or a branch name."""
    title: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    draft: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project with everything that was configured for it."""

    name: ProjectName
    organization: OrganizationName
    repository: Slug | None
    """``owner/name``; ``None``: as Semaphore says."""
    agent: AgentName
    mode: Mode
    when: Condition
    branches: BranchFilter
    pipeline_files: tuple[str, ...]
    tags: Choice
    own_pull_requests: Choice
    forked_pull_requests: Choice
    superseded_by: SupersededBy
    prompt: str
    """The prompt's template."""
    verify: tuple[str, ...]
    limits: Limits
    validation: Validation
    pull_request: PullRequestPolicy
    protected_paths: tuple[str, ...]
    guards: GuardPolicy = GuardPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A project together with what Semaphore says about it."""

    project: Project
    project_id: str
    organization_id: str
    repository: Slug
