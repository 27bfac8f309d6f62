"""What the store knows that bears on a decision."""

from dataclasses import dataclass
from datetime import datetime

from selfheald.domain.ids import CaseId, PipelineId, Sha


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Facts about one failure, its branch and its project, read in one transaction."""

    open_case: CaseId | None = None
    """The open case of the same failure (repository and failed commit)."""
    own_commit: bool = False
    """Whether the built commit, or the failed one, was made by selfheald for any case."""
    declined: CaseId | None = None
    """A case of the same failure that a human closed, rejected or cancelled."""
    attempts_on_commit: int = 0
    """Attempts that counted and started from the failed commit, over all cases."""
    newer_pipeline: PipelineId | None = None
    """A pipeline of the same project, ref and file that was created later and has ended."""
    previous_commit: Sha | None = None
    """What was built before on the same branch: where the push began, as far as Semaphore tells it."""
    cases_on_branch: int = 0
    """Cases opened for the same source branch within the limit's window."""
    cases_in_project: int = 0
    """Cases opened in the project within the limit's window."""
    window_frees_at: datetime | None = None
    """When the oldest case that counts towards a reached limit leaves its window."""
    open_pull_requests: int = 0
    """Cases of the project with a pull request open or about to be (``publishing``, ``proposed``)."""
    cost_micros_today: int = 0
    """The project's cost since midnight UTC, in millionths of a US dollar."""
    cost_micros_today_of_all: int = 0
    """That of all projects together."""
    last_unfixed_at: datetime | None = None
    """When the last case on the same source branch ended without a fix; one that is green again needs none."""
