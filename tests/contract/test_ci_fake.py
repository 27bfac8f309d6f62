"""The port ``CI``, asked alike of the fake that engine tests use and of the REST adapter in front of a Semaphore."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from tests import builders as make
from tests.builders import NOW
from tests.fakes.ci import FakeCI

from selfheald.domain.errors import NotFoundError
from selfheald.domain.failure import Failure
from selfheald.domain.ids import PipelineId
from selfheald.domain.pipeline import Pipeline, Result
from selfheald.ports import CI
from selfheald.semaphore.api import SemaphoreApi
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.ci import SemaphoreCI
from selfheald.semaphore.client import SemaphoreClient
from selfheald.simulator.semaphore import semaphore_app
from selfheald.simulator.serving import serve
from selfheald.simulator.state import JobResult
from selfheald.simulator.world import World

UNKNOWN = PipelineId("00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Semaphore:
    """The port, and how a test puts pipelines behind it; ``build`` gives the new pipeline's id."""

    ci: CI
    project_id: str
    build: Callable[[str, str | None, datetime], PipelineId]
    """By branch, result (``None``: it is still running) and the time at which it was created."""


async def _fake() -> AsyncIterator[Semaphore]:
    ci = FakeCI()

    def build(branch: str, result: str | None, created_at: datetime) -> PipelineId:
        number = PipelineId(f"ppl-{len(ci.pipelines) + 1}")
        facts = {"id": number, "ref": make.branch(branch), "created_at": created_at}
        done = {"result": Result(result), "done_at": created_at + timedelta(minutes=1)} if result else {}
        ci.put(make.pipeline(**facts, **done) if result else make.running_pipeline(**facts))
        ci.jobs[number] = (make.failed_job(name="Unit", log="1 failed"),)
        return number

    yield Semaphore(ci=ci, project_id="project-1", build=build)


async def _real() -> AsyncIterator[Semaphore]:
    world = World()
    project = world.add_project(world.add_organization("acme", tokens=["token"]), "billing")

    def build(branch: str, result: str | None, created_at: datetime) -> PipelineId:
        pipeline = world.push(project, branch=branch, created_at=created_at).pipeline
        pipeline.start()
        if result:
            jobs = (JobResult(name="Unit", block="Test", result="failed", log_text="1 failed"),)
            pipeline.finish(result, jobs=jobs, done_at=created_at + timedelta(minutes=1))
        return PipelineId(pipeline.id)

    async with serve(semaphore_app(world)) as url:
        bucket = TokenBucket(1e6, 1000)
        async with SemaphoreClient(url, lambda: "token", bucket=bucket, observe=lambda _: None) as client:
            yield Semaphore(ci=SemaphoreCI(SemaphoreApi(client)), project_id=project.id, build=build)


@pytest.fixture(params=[_fake, _real], ids=["fake", "rest"])
async def semaphore(request: pytest.FixtureRequest) -> AsyncIterator[Semaphore]:
    async for opened in request.param():
        yield opened


def ids(pipelines: object) -> list[PipelineId]:
    assert isinstance(pipelines, list | tuple)
    return [pipeline.id for pipeline in pipelines]


async def test_the_project_is_listed_with_its_repository(semaphore: Semaphore) -> None:
    (project,) = await semaphore.ci.projects()

    assert (project.name, project.project_id, project.repository) == ("billing", semaphore.project_id, "acme/billing")


async def test_what_has_ended_is_given_newest_creation_first(semaphore: Semaphore) -> None:
    first = semaphore.build("main", "failed", NOW - timedelta(minutes=9))
    second = semaphore.build("main", "passed", NOW - timedelta(minutes=5))
    semaphore.build("main", None, NOW - timedelta(minutes=1))

    found = await semaphore.ci.finished_since(semaphore.project_id, NOW - timedelta(minutes=10))

    assert ids(found) == [second, first]
    assert [pipeline.failed for pipeline in found] == [False, True]


async def test_ends_long_before_the_asked_time_are_left_out(semaphore: Semaphore) -> None:
    semaphore.build("main", "failed", NOW - timedelta(hours=2))
    overlapping = semaphore.build("main", "failed", NOW - timedelta(seconds=100))

    found = await semaphore.ci.finished_since(semaphore.project_id, NOW)

    assert ids(found) == [overlapping], "an end shortly before may have become visible late"


async def test_a_branch_s_pipelines_are_given_also_while_they_run(semaphore: Semaphore) -> None:
    ended = semaphore.build("selfheal-1", "passed", NOW - timedelta(minutes=9))
    running = semaphore.build("selfheal-1", None, NOW - timedelta(minutes=1))
    semaphore.build("main", "failed", NOW)

    assert ids(await semaphore.ci.on_branch(semaphore.project_id, "selfheal-1")) == [running, ended]


@pytest.mark.parametrize(
    "ask", [lambda ci: ci.pipeline(UNKNOWN), lambda ci: ci.failure(UNKNOWN)], ids=["pipeline", "failure"]
)
async def test_an_unknown_pipeline_is_not_found(
    semaphore: Semaphore, ask: Callable[[CI], Awaitable[Pipeline | Failure]]
) -> None:
    with pytest.raises(NotFoundError):
        await ask(semaphore.ci)


async def test_a_failure_has_its_jobs_and_their_logs_unless_told_otherwise(semaphore: Semaphore) -> None:
    failed = semaphore.build("main", "failed", NOW - timedelta(minutes=9))

    whole = await semaphore.ci.failure(failed)
    short = await semaphore.ci.failure(failed, logs=False)

    assert whole.pipeline == await semaphore.ci.pipeline(failed)
    assert (whole.job_names, short.job_names) == (("Unit",), ("Unit",))
    assert "1 failed" in whole.jobs[0].log
    assert not short.jobs[0].log
