"""One Semaphore organization, as the engine asks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from selfheald.domain.failure import Failure
from selfheald.domain.ids import PipelineId, ProjectName, Slug
from selfheald.domain.pipeline import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class SemaphoreProject:
    """A project as Semaphore lists it."""

    name: ProjectName
    project_id: str
    organization_id: str
    repository: Slug | None
    """``None`` when Semaphore names no owner (a plain git integration)."""


class CI(Protocol):
    """One Semaphore organization.

    Every method raises :class:`TransientError`, :class:`UnauthorizedError`, :class:`NotFoundError` or
    :class:`RefusedError`, with timeouts, retries of single bad pages and rate limiting done inside.
    """

    async def projects(self) -> Sequence[SemaphoreProject]:
        """All projects that the token may see, each once."""

    async def finished_since(self, project_id: str, since: datetime) -> Sequence[Pipeline]:
        """The pipelines that were done after ``since``, newest creation first, each once.

        The adapter asks for an overlap before ``since`` (late ``done_at``), so some may be known already.
        """

    async def on_branch(self, project_id: str, branch: str) -> Sequence[Pipeline]:
        """The newest pipelines of a branch, finished or not, newest creation first, each once."""

    async def pipeline(self, pipeline_id: PipelineId) -> Pipeline:
        """One pipeline as it is now."""

    async def failure(self, pipeline_id: PipelineId, *, logs: bool = True) -> Failure:
        """One pipeline with its failed jobs and, unless told otherwise, the end of their logs."""
