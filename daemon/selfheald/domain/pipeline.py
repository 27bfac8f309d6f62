"""Semaphore's pipelines in the domain's words. Field semantics: Semaphore's public API v1alpha as implemented."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from selfheald.domain.ids import PipelineId, Sha, WorkflowId

TAG_PREFIX = "refs/tags/"
PULL_REQUEST_PREFIX = "pull-request-"


class State(StrEnum):
    """Where a pipeline is in its life. ``UNKNOWN`` is any value that this version does not know."""

    INITIALIZING = "initializing"
    PENDING = "pending"
    QUEUING = "queuing"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    UNKNOWN = "unknown"


class Result(StrEnum):
    """How a pipeline ended; it means nothing before the state is ``done``."""

    PASSED = "passed"
    STOPPED = "stopped"
    CANCELED = "canceled"
    FAILED = "failed"
    UNKNOWN = "unknown"


class RefKind(StrEnum):
    """What was built."""

    BRANCH = "branch"
    TAG = "tag"
    PULL_REQUEST = "pull_request"


class Trigger(StrEnum):
    """What started the workflow."""

    HOOK = "hook"
    SCHEDULE = "schedule"
    API = "api"
    MANUAL_RUN = "manual_run"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """What was built: a branch by name, a tag by name, a pull request by number (as text)."""

    kind: RefKind
    name: str

    @classmethod
    def parse(cls, branch_name: str) -> Self:
        """Read Semaphore's ``branch_name``: ``main``, ``refs/tags/v1`` or ``pull-request-7``."""
        if branch_name.startswith(TAG_PREFIX):
            return cls(kind=RefKind.TAG, name=branch_name.removeprefix(TAG_PREFIX))
        number = branch_name.removeprefix(PULL_REQUEST_PREFIX)
        if number != branch_name and number.isascii() and number.isdigit():
            return cls(kind=RefKind.PULL_REQUEST, name=number)
        return cls(kind=RefKind.BRANCH, name=branch_name)

    def __str__(self) -> str:
        return {
            RefKind.BRANCH: self.name,
            RefKind.TAG: f"{TAG_PREFIX}{self.name}",
            RefKind.PULL_REQUEST: f"{PULL_REQUEST_PREFIX}{self.name}",
        }[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One run of one pipeline file."""

    id: PipelineId
    project_id: str
    organization_id: str
    workflow_id: WorkflowId
    name: str
    file: str
    """The path of the pipeline file in the repository, e.g. ``.semaphore/semaphore.yml``."""
    ref: Ref
    commit: Sha
    """The commit that was built; for a pull request GitHub's test-merge commit, not its head."""
    commit_message: str
    state: State
    result: Result | None
    """``None`` until the state is ``done``."""
    reason: str
    """Semaphore's ``result_reason``; empty until done and when passed."""
    error: str
    """What Semaphore says about a malformed pipeline; empty otherwise."""
    created_at: datetime
    done_at: datetime | None
    promotion_of: PipelineId | None
    partial_rerun_of: PipelineId | None
    triggered_by: Trigger
    rerun_of: WorkflowId | None
    """The workflow of which this pipeline's workflow is a rerun."""

    @property
    def failed(self) -> bool:
        """Whether it ended and did not pass."""
        return self.state is State.DONE and self.result is Result.FAILED

    @property
    def passed(self) -> bool:
        """Whether it ended and passed."""
        return self.state is State.DONE and self.result is Result.PASSED

    @property
    def stopped(self) -> bool:
        """Whether it was ended before it could tell: by a human, a newer push or a time limit."""
        return self.state is State.DONE and self.result in (Result.STOPPED, Result.CANCELED)


def later_ones(built: Pipeline, others: Iterable[Pipeline]) -> list[Pipeline]:
    """Of the pipelines of one branch and file those that were created later; not reruns of what was there before it.

    Somebody who runs an older commit again, to see whether it still passes, does not move the branch.
    """
    line = list(others)
    before = {other.commit for other in line if other.created_at < built.created_at} - {built.commit}
    return [
        other
        for other in line
        if other.created_at > built.created_at
        and not ((other.rerun_of or other.partial_rerun_of) and other.commit in before)
    ]


def previous_commit(built: Pipeline, others: Iterable[Pipeline]) -> Sha | None:
    """What was built before on the same branch, or the like, at another commit; of one project's pipelines."""
    earlier = [
        other
        for other in others
        if other.ref == built.ref and other.created_at < built.created_at and other.commit not in ("", built.commit)
    ]
    return max(earlier, key=lambda other: other.created_at).commit if earlier else None
