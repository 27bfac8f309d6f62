"""What an attempt may reach outside, and what it has used."""

from collections.abc import Sequence
from dataclasses import dataclass

from selfheald.domain.attempt import Usage
from selfheald.domain.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of Semaphore that an attempt may read: the failing workflow's own ids, nothing else."""

    organization_id: str
    project_id: str
    workflow_ids: frozenset[str]
    """The workflow that failed, and, in later attempts of a case, the one on our own branch too."""
    pipeline_ids: frozenset[str]
    """Those known when the attempt starts; what else belongs to the workflows is looked up when it is asked for."""
    job_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """What belongs to a workflow."""

    pipeline_ids: frozenset[str]
    job_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What an attempt may use up; ``None`` does not bound."""

    attempt_micros: int | None = None
    """Of ``limits.cost_usd_per_attempt``, in millionths of a US dollar, as all of them."""
    project_micros: int | None = None
    """What was left of the project's day when the attempt started."""
    day_micros: int | None = None
    """What was left of everybody's day when the attempt started."""
    tokens: int | None = None
    """Of ``limits.tokens_per_attempt``: input and output together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What went through the gate."""

    usages: Sequence[Usage] = ()
    """By model, as the provider counted."""
    cost_micros: int = 0
    over_budget: str = ""
    """Which budget was used up: ``attempt``, ``project``, ``day`` or ``tokens``; empty: none."""
    refusals: Sequence[Refusal] = ()
