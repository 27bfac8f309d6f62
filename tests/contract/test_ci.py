"""The port :class:`selfheald.ports.CI`: what the REST adapter does against a faithful Semaphore."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from selfheald.domain.errors import NotFoundError, SelfhealdError, TransientError, UnauthorizedError
from selfheald.domain.events import ApiRequest
from selfheald.domain.ids import PipelineId
from selfheald.domain.pipeline import RefKind, Result, State, Trigger
from selfheald.ports import CI
from selfheald.semaphore.api import SemaphoreApi
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.ci import SemaphoreCI
from selfheald.semaphore.client import SemaphoreClient
from selfheald.simulator.faults import Fault, FaultKind
from selfheald.simulator.semaphore import semaphore_app
from selfheald.simulator.serving import serve
from selfheald.simulator.state import JobResult, Pipeline, Project, PullRequestHead
from selfheald.simulator.world import World

START = datetime(2026, 3, 1, 12, 0, 0, 131742, UTC)
TOKEN = "canary-token-5555"


class Watch:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True, kw_only=True)
class Stage:
    """A Semaphore with one project, and the port."""

    world: World
    watch: Watch
    project: Project
    ci: CI
    url: str
    observed: list[ApiRequest]

    def ended(self, result: str = "failed", *, jobs: tuple[JobResult, ...] = (), **facts: str) -> Pipeline:
        """A pipeline that took a minute."""
        pipeline = self.world.push(self.project, **facts).pipeline  # type: ignore[arg-type]  # texts only
        self.watch.now += timedelta(minutes=1)
        pipeline.finish(result, jobs=jobs)
        return pipeline

    async def finished(self) -> list[str]:
        return [pipeline.id for pipeline in await self.ci.finished_since(self.project.id, START)]


async def _instant(_: float) -> None:
    """A pause that takes no time."""


@asynccontextmanager
async def connected(url: str, token: str, observed: list[ApiRequest]) -> AsyncIterator[CI]:
    bucket = TokenBucket(1e6, 1000)
    client = SemaphoreClient(url, lambda: token, bucket=bucket, observe=observed.append, sleep=_instant)
    async with client:
        yield SemaphoreCI(SemaphoreApi(client))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    watch = Watch()
    world = World(clock=watch)
    project = world.add_project(world.add_organization("acme", tokens=[TOKEN]), "billing")
    observed: list[ApiRequest] = []
    async with serve(semaphore_app(world)) as url, connected(url, TOKEN, observed) as ci:
        yield Stage(world=world, watch=watch, project=project, ci=ci, url=url, observed=observed)


async def test_projects_are_listed_with_their_repositories(stage: Stage) -> None:
    stage.world.add_project(stage.project.organization, "storefront", owner="acme", repo="shop")

    found = await stage.ci.projects()

    assert {(project.name, project.repository) for project in found} == {
        ("billing", "acme/billing"),
        ("storefront", "acme/shop"),
    }
    assert {project.organization_id for project in found} == {stage.project.organization.id}


async def test_an_idle_project_costs_one_request(stage: Stage) -> None:
    assert await stage.finished() == []

    assert [event.operation for event in stage.observed] == ["list_pipelines"]


async def test_ended_pipelines_are_told_and_running_ones_are_not(stage: Stage) -> None:
    failed, passed = stage.ended("failed"), stage.ended("passed")
    stage.world.push(stage.project).pipeline.start()

    found = await stage.ci.finished_since(stage.project.id, START)

    assert [(pipeline.id, pipeline.result) for pipeline in found] == [
        (passed.id, Result.PASSED),
        (failed.id, Result.FAILED),
    ]
    assert [pipeline.reason for pipeline in found] == ["", "test"]


async def test_a_list_and_a_description_tell_the_same(stage: Stage) -> None:
    ended = stage.ended("failed", branch="release/1", triggered_by="schedule", message="Fix totals")

    listed = (await stage.ci.finished_since(stage.project.id, START))[0]

    assert listed == await stage.ci.pipeline(PipelineId(ended.id))
    assert (listed.ref.kind, listed.ref.name) == (RefKind.BRANCH, "release/1")
    assert (listed.triggered_by, listed.commit_message) == (Trigger.SCHEDULE, "Fix totals")
    assert (listed.created_at, listed.done_at) == (ended.created_at, ended.done_at)
    assert (listed.commit, listed.file) == (ended.workflow.commit_sha, ".semaphore/semaphore.yml")


async def test_a_pull_request_is_told_by_number(stage: Stage) -> None:
    head = PullRequestHead(number=412, sha="1" * 40, branch="fix-totals")
    pipeline = stage.world.push(stage.project, pull_request=head).pipeline

    ref = (await stage.ci.pipeline(PipelineId(pipeline.id))).ref

    assert (ref.kind, ref.name) == (RefKind.PULL_REQUEST, "412")


async def test_a_long_pipeline_is_found_on_the_last_page(stage: Stage) -> None:
    long = stage.world.push(stage.project).pipeline
    others = [stage.ended("passed").id for _ in range(120)]
    long.finish("failed")

    assert await stage.finished() == [*reversed(others), long.id]


async def test_an_end_that_became_visible_late_is_in_the_overlap(stage: Stage) -> None:
    stage.watch.now += timedelta(minutes=10)
    late = stage.world.push(stage.project).pipeline
    cursor = stage.watch.now + timedelta(minutes=1)
    stage.watch.now += timedelta(minutes=2)
    late.finish("failed", done_at=cursor - timedelta(seconds=90))

    found = await stage.ci.finished_since(stage.project.id, cursor)

    assert [pipeline.id for pipeline in found] == [late.id]


@pytest.mark.parametrize("kind", [FaultKind.LATE_DONE, FaultKind.MISSING_RESULT, FaultKind.EMPTY_LIST])
async def test_an_end_that_is_half_told_comes_with_the_next_question(stage: Stage, kind: FaultKind) -> None:
    ended = stage.ended("failed")
    stage.world.faults.add(Fault(kind=kind, operation="list_pipelines"))

    assert await stage.finished() == []
    assert await stage.finished() == [ended.id]


async def test_a_done_pipeline_without_a_result_is_not_done_yet(stage: Stage) -> None:
    ended = stage.ended("failed")
    stage.world.faults.add(Fault(kind=FaultKind.MISSING_RESULT, operation="describe_pipeline"))

    assert (await stage.ci.pipeline(PipelineId(ended.id))).state is State.STOPPING
    assert (await stage.ci.pipeline(PipelineId(ended.id))).failed


SURVIVED = (
    FaultKind.INTERNAL_ERROR,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.FALSE_NOT_FOUND,
    FaultKind.PIPELINE_VANISHED,
    FaultKind.CONNECTION_RESET,
    FaultKind.TRUNCATED_JSON,
)


@pytest.mark.parametrize("kind", SURVIVED)
async def test_one_bad_answer_is_survived(stage: Stage, kind: FaultKind) -> None:
    ended = stage.ended("failed")
    stage.world.faults.add(Fault(kind=kind, operation="list_pipelines"))

    assert await stage.finished() == [ended.id]
    assert len(stage.observed) == 2


@pytest.mark.parametrize("kind", [*SURVIVED, FaultKind.EDGE_FORBIDDEN])
async def test_a_lasting_trouble_is_an_error_of_ours(stage: Stage, kind: FaultKind) -> None:
    stage.ended("failed")
    stage.world.faults.add(Fault(kind=kind, operation="list_pipelines", times=None))
    expected = NotFoundError if kind is FaultKind.FALSE_NOT_FOUND else TransientError

    with pytest.raises(expected, match=f"listing the pipelines of {stage.project.id}"):
        await stage.finished()


async def test_the_pipelines_of_a_branch_include_unfinished_ones(stage: Stage) -> None:
    done = stage.ended("passed", branch="selfheal-1")
    running = stage.world.push(stage.project, branch="selfheal-1").pipeline
    stage.ended("passed", branch="selfheal-12")

    found = await stage.ci.on_branch(stage.project.id, "selfheal-1")

    assert [pipeline.id for pipeline in found] == [running.id, done.id]
    assert (found[0].result, found[0].done_at) == (None, None)


async def test_a_failure_tells_the_failed_jobs_and_their_logs(stage: Stage) -> None:
    jobs = (
        JobResult(name="RSpec", block="Tests", result="failed", log_text="\x1b[31m1 failure\x1b[0m\r\n"),
        JobResult(name="Lint", block="Tests", result="passed"),
        JobResult(name="Big", block="Other", result="failed", log_text="boom\n", self_hosted=True),
    )
    ended = stage.ended("failed", jobs=jobs)

    failure = await stage.ci.failure(PipelineId(ended.id))

    assert [(job.block, job.name, job.log) for job in failure.jobs] == [
        ("Tests", "RSpec", "$ make test\n1 failure\n[exit code 1]"),
        ("Other", "Big", "$ make test\nboom\n[exit code 1]"),
    ]
    assert failure.pipeline.failed


async def test_a_failure_may_be_told_without_logs(stage: Stage) -> None:
    ended = stage.ended("failed", jobs=(JobResult(name="RSpec", result="failed", log_text="boom"),))

    failure = await stage.ci.failure(PipelineId(ended.id), logs=False)

    assert [(job.name, job.log) for job in failure.jobs] == [("RSpec", "")]


async def test_a_missing_log_is_a_note(stage: Stage) -> None:
    ended = stage.ended("failed", jobs=(JobResult(name="RSpec", result="failed", log_text="boom"),))
    stage.world.faults.add(Fault(kind=FaultKind.MISSING_LOG, times=None))

    job = (await stage.ci.failure(PipelineId(ended.id))).jobs[0]

    assert (job.log, "never started" in job.log_note) == ("", True)


async def test_no_self_hosted_log_is_asked_for_with_the_token(stage: Stage) -> None:
    ended = stage.ended("failed", jobs=(JobResult(name="RSpec", result="failed", log_text="boom", self_hosted=True),))

    await stage.ci.failure(PipelineId(ended.id))

    elsewhere = [request for request in stage.world.hooks.requests if request.path.startswith("/api/v1/")]
    assert [request.token for request in elsewhere] == [None]


async def test_a_malformed_pipeline_has_no_jobs(stage: Stage) -> None:
    pipeline = stage.world.push(stage.project).pipeline
    pipeline.finish("failed", "malformed", error="bad YAML")

    failure = await stage.ci.failure(PipelineId(pipeline.id))

    assert (failure.jobs, failure.pipeline.reason, failure.pipeline.error) == ((), "malformed", "bad YAML")


@pytest.mark.parametrize(("token", "kind"), [("wrong", UnauthorizedError), (TOKEN, NotFoundError)])
async def test_what_may_not_be_seen_is_told_apart(stage: Stage, token: str, kind: type[SelfhealdError]) -> None:
    async with connected(stage.url, token, stage.observed) as ci:
        with pytest.raises(kind):
            await ci.pipeline(PipelineId("00000000-0000-4000-8000-000000000000"))
