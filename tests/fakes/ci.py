"""A Semaphore organization in memory."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests import builders as make

from selfheald.domain.errors import NotFoundError, SelfhealdError
from selfheald.domain.failure import FailedJob, Failure
from selfheald.domain.ids import PipelineId
from selfheald.domain.pipeline import Pipeline, RefKind
from selfheald.ports import SemaphoreProject

OVERLAP = timedelta(minutes=2)


@dataclass
class FakeCI:
    """Implements the port ``CI``. A test puts pipelines in and takes them out."""

    listed: list[SemaphoreProject] = field(
        default_factory=lambda: [
            SemaphoreProject(
                name=make.PROJECT,
                project_id="project-1",
                organization_id="organization-1",
                repository=make.REPOSITORY,
            ),
        ]
    )
    pipelines: dict[PipelineId, Pipeline] = field(default_factory=dict)
    jobs: dict[PipelineId, tuple[FailedJob, ...]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """Branches whose pipelines are told only once the event is set."""
    _errors: deque[SelfhealdError | Exception] = field(default_factory=deque)

    def put(self, *pipelines: Pipeline) -> None:
        """Let pipelines be there as they are now."""
        self.pipelines.update({pipeline.id: pipeline for pipeline in pipelines})

    def fail_next(self, error: Exception, *, times: int = 1) -> None:
        """Let the next calls of any method raise."""
        self._errors.extend([error] * times)

    async def projects(self) -> Sequence[SemaphoreProject]:
        self._called("projects")
        return self.listed

    async def finished_since(self, project_id: str, since: datetime) -> Sequence[Pipeline]:
        self._called("finished_since")
        return [
            pipeline
            for pipeline in self._newest_first()
            if pipeline.project_id == project_id and pipeline.done_at and pipeline.done_at > since - OVERLAP
        ]

    async def on_branch(self, project_id: str, branch: str) -> Sequence[Pipeline]:
        self._called("on_branch")
        if branch in self.held:
            await self.held[branch].wait()
        return [
            pipeline
            for pipeline in self._newest_first()
            if pipeline.project_id == project_id and pipeline.ref.kind is RefKind.BRANCH and pipeline.ref.name == branch
        ]

    async def pipeline(self, pipeline_id: PipelineId) -> Pipeline:
        self._called("pipeline")
        return self._find(pipeline_id)

    async def failure(self, pipeline_id: PipelineId, *, logs: bool = True) -> Failure:
        self._called("failure")
        pipeline, jobs = self._find(pipeline_id), self.jobs.get(pipeline_id, (make.failed_job(),))
        return Failure(pipeline=pipeline, jobs=jobs if logs else tuple(replace(job, log="") for job in jobs))

    def _find(self, pipeline_id: PipelineId) -> Pipeline:
        if pipeline_id not in self.pipelines:
            raise NotFoundError(f"reading pipeline {pipeline_id}: there is none")
        return self.pipelines[pipeline_id]

    def _newest_first(self) -> Sequence[Pipeline]:
        return sorted(self.pipelines.values(), key=lambda pipeline: pipeline.created_at, reverse=True)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self._errors:
            raise self._errors.popleft()
