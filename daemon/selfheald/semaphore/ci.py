"""One Semaphore organization as the engine sees it: the port :class:`selfheald.ports.CI`."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.failure import FailedJob, Failure
from selfheald.domain.ids import PipelineId
from selfheald.domain.pipeline import Pipeline, State
from selfheald.ports import SemaphoreProject
from selfheald.semaphore.api import SemaphoreApi

OVERLAP = timedelta(seconds=120)
"""Semaphore stamps ``done_at`` before others can see that a pipeline is done, so ends appear late and out of order."""

LOGS_AT_ONCE = 4
"""Downloads of logs at the same time: each may be large."""

LOGS_LIMIT = 20
"""Failed jobs of one pipeline whose logs are read: more tell an agent nothing new, and a matrix may have hundreds."""


class SemaphoreCI:
    """The port, on top of the REST API. ``overlap`` is how far before ``since`` ends are asked for."""

    def __init__(self, api: SemaphoreApi, *, overlap: timedelta = OVERLAP) -> None:
        self._api = api
        self._overlap = overlap

    async def projects(self) -> Sequence[SemaphoreProject]:
        """All projects that the token may see, each once. An empty list may be an outage of Semaphore's permissions."""
        return await self._api.list_projects()

    async def finished_since(self, project_id: str, since: datetime) -> Sequence[Pipeline]:
        """The pipelines that were done after ``since`` or in the overlap before it, newest creation first.

        One that Semaphore lists but does not yet tell the result of is left out: it will be told in the next overlap.
        """
        after = math.floor((since - self._overlap).timestamp())
        # Semaphore reads 0 as no bound at all, and nothing was done before 1970.
        found = await self._api.list_pipelines({"project_id": project_id, "done_after": max(1, after)})
        return _newest_first([pipeline for pipeline in found if pipeline.state is State.DONE])

    async def on_branch(self, project_id: str, branch: str) -> Sequence[Pipeline]:
        """The 100 newest pipelines of a branch, newest creation first."""
        found = await self._api.list_pipelines({"project_id": project_id, "branch_name": branch}, pages=1)
        return _newest_first(found)

    async def pipeline(self, pipeline_id: PipelineId) -> Pipeline:
        """One pipeline as it is now."""
        return await self._api.describe_pipeline(pipeline_id)

    async def failure(self, pipeline_id: PipelineId, *, logs: bool = True) -> Failure:
        """One pipeline with its failed jobs; a log that cannot be read leaves a note instead. None when malformed."""
        pipeline, jobs = await self._api.describe_failure(pipeline_id)
        if logs and jobs:
            jobs = await self._with_logs(jobs)
        return Failure(pipeline=pipeline, jobs=jobs)

    async def _with_logs(self, jobs: tuple[FailedJob, ...]) -> tuple[FailedJob, ...]:
        """The jobs with the ends of their logs, those of failed ones before those of stopped ones."""
        by_worth = sorted(jobs, key=lambda job: job.result != "failed")
        chosen = {job.id for job in by_worth[:LOGS_LIMIT]}
        slots = asyncio.Semaphore(LOGS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            reads = [
                group.create_task(self._with_log(job, slots, read=job.id in chosen), name=f"log {job.id}")
                for job in jobs
            ]
        return tuple(read.result() for read in reads)

    async def _with_log(self, job: FailedJob, slots: asyncio.Semaphore, *, read: bool) -> FailedJob:
        if not read:
            return replace(job, log_note=f"not read: the pipeline has more than {LOGS_LIMIT} failed jobs")
        async with slots:
            try:
                end = await self._api.job_log(job.id)
            except SelfhealdError as error:
                return replace(job, log_note=error.message)
        return replace(job, log=end.text, log_note=end.note)


def _newest_first(pipelines: list[Pipeline]) -> list[Pipeline]:
    return sorted(pipelines, key=lambda pipeline: pipeline.created_at, reverse=True)
