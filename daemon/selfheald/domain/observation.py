"""What a decision looks at, and one question's answer. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from selfheald.domain.branch import BranchHead
from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.history import History
from selfheald.domain.ids import Sha
from selfheald.domain.pipeline import Pipeline, RefKind
from selfheald.domain.policy import Project, Target
from selfheald.domain.proposal import PullRequest
from selfheald.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a fix would start."""

    commit: Sha
    """The commit that failed: a branch's or a tag's, or a pull request's head (not its test merge)."""
    source_branch: str | None
    """The branch that failed, in the project's own repository; ``None`` for a tag or a fork."""


def origin_of(pipeline: Pipeline, pull_request: PullRequest | None) -> Origin:
    """Where a fix for this pipeline would start."""
    match pipeline.ref.kind:
        case RefKind.BRANCH:
            return Origin(commit=pipeline.commit, source_branch=pipeline.ref.name)
        case RefKind.PULL_REQUEST if pull_request:
            own = None if pull_request.is_fork else pull_request.head_branch
            return Origin(commit=pull_request.head_commit, source_branch=own)
        case _:
            return Origin(commit=pipeline.commit, source_branch=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBranch:
    """What GitHub says about the branch that failed."""

    head: BranchHead | None
    """``None``: the branch is gone, or it could not be read."""
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that a decision looks at."""

    target: Target
    pipeline: Pipeline
    pull_request: PullRequest | None
    """The pull request that was built; ``None`` for branches and tags, and when it could not be read."""
    history: History
    now: datetime
    source: SourceBranch | None = None
    """The branch that failed, as it is now; ``None``: it was not looked at, or there is none of ours."""
    changes: Mapping[CommitRange, RangeChanges] | None = field(default_factory=dict)
    """What git says about the ranges of ``change_in``, as far as it was asked; ``None``: it could not be read."""

    @property
    def project(self) -> Project:
        """The project's settings."""
        return self.target.project

    @property
    def origin(self) -> Origin:
        """Where a fix would start."""
        return origin_of(self.pipeline, self.pull_request)

    @property
    def messages(self) -> tuple[str, ...]:
        """What the failed commit says. A pull request's pipeline has the message of the test merge, not of its head."""
        head = self.source.head if self.source else None
        of_head = (head.message,) if head and head.commit == self.origin.commit else ()
        return (self.pipeline.commit_message, *of_head)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer."""

    reason: Reason
    """The reason when the answer is no."""
    question: str
    allows: bool
    saw: str
    """The values that led to the answer."""
    retry_at: datetime | None = None
    """When a no may turn into a yes; ``None``: never."""
