"""What an attempt may reach outside, and what it has used."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from selfheald.domain.attempt import Usage
from selfheald.domain.failure import Failure
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.refusal import Refusal, RefusalKind


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

    def bounds(self) -> dict[str, int]:
        """What it bounds, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What went through the gate."""

    usages: Sequence[Usage] = ()
    """By model, as the provider counted."""
    cost_micros: int = 0
    over_budget: str = ""
    """Which budget was used up: ``attempt``, ``project``, ``day`` or ``tokens``; empty: none."""
    refusals: Sequence[Refusal] = ()


def scope_of(first: Pipeline, failure: Failure) -> Scope:
    """What an attempt on this failure may read; ``first`` is the pipeline with which its case began."""
    pipelines = (first, failure.pipeline)
    return Scope(
        organization_id=failure.pipeline.organization_id,
        project_id=failure.pipeline.project_id,
        workflow_ids=frozenset(pipeline.workflow_id for pipeline in pipelines),
        pipeline_ids=frozenset(pipeline.id for pipeline in pipelines),
        job_ids=frozenset(job.id for job in failure.jobs),
    )


def joined(parts: Sequence[Metered]) -> Metered:
    """What went through several passages of one attempt."""
    counts: Counter[tuple[RefusalKind, str]] = Counter()
    for part in parts:
        counts.update({(refusal.kind, refusal.what): refusal.count for refusal in part.refusals})
    return Metered(
        usages=[usage for part in parts for usage in part.usages],
        cost_micros=sum(part.cost_micros for part in parts),
        over_budget=next((part.over_budget for part in parts if part.over_budget), ""),
        refusals=[Refusal(kind=kind, what=what, count=count) for (kind, what), count in counts.items()],
    )


LOCAL = "127.0.0.1,localhost,::1"
"""Asked directly: the model, Semaphore's tools, and whatever programs start themselves."""


def proxy_variables(url: str) -> Mapping[str, str]:
    """The environment by which programs find the proxy to the hosts of ``egress``; nothing when there is none.

    In both spellings: some programs know the one, some the other. Node asks for the last one before it looks at them.
    """
    if not url:
        return {}
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    return {**dict.fromkeys(names, url), "NO_PROXY": LOCAL, "no_proxy": LOCAL, "NODE_USE_ENV_PROXY": "1"}
