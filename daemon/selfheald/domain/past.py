"""A pipeline that has ended, as the backtest is given it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.ids import Sha
from selfheald.domain.observation import Origin, origin_of
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Target
from selfheald.domain.proposal import PullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A pipeline that has ended, with what its decision needs besides."""

    target: Target
    pipeline: Pipeline
    pull_request: PullRequest | None = None
    previous_commit: Sha | None = None
    """What was built before on the same branch."""
    changes: Mapping[CommitRange, RangeChanges] | None = field(default_factory=dict)

    @property
    def ended_at(self) -> datetime:
        """When it could be decided upon."""
        return self.pipeline.done_at or self.pipeline.created_at

    @property
    def origin(self) -> Origin:
        """Where a fix would start."""
        return origin_of(self.pipeline, self.pull_request)
