from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.semaphore import payloads
from tests.semaphore.asking import Reply, answer, asking, text

from selfheald.domain.errors import NotFoundError
from selfheald.domain.ids import PipelineId
from selfheald.semaphore.ci import LOGS_LIMIT, SemaphoreCI

ID = PipelineId("8e1f")
SINCE = datetime(2026, 11, 23, 12, 0, 0, 900_000, tzinfo=UTC)


def told(*failed: str, log: Reply, result: str = "FAILED") -> Reply:
    """A pipeline with these failed jobs, each with this log."""
    described = payloads.detailed(payloads.block(*(payloads.job(name, result=result) for name in failed)))

    def reply(request: httpx.Request) -> httpx.Response:
        if "/pipelines/" in request.url.path:
            return answer(described)
        assert isinstance(log, httpx.Response)
        return httpx.Response(log.status_code, content=log.content)

    return reply


async def test_ends_are_asked_for_in_whole_seconds_and_with_an_overlap() -> None:
    async with asking(answer([])) as (api, asked):
        await SemaphoreCI(api).finished_since("5f0c", SINCE)
        await SemaphoreCI(api, overlap=timedelta(0)).finished_since("5f0c", SINCE)

    noon = int(SINCE.timestamp())
    assert [query["done_after"] for query in asked.queries] == [str(noon - 120), str(noon)]


async def test_a_very_early_time_is_no_missing_filter() -> None:
    async with asking(answer([])) as (api, asked):
        await SemaphoreCI(api).finished_since("5f0c", datetime(1970, 1, 1, tzinfo=UTC))

    assert asked.queries[0]["done_after"] == "1"


async def test_finished_pipelines_come_newest_first_and_only_when_done() -> None:
    old = payloads.listed(ppl_id="old", created_at={"seconds": 1, "nanos": 0})
    late = payloads.unfinished(payloads.listed(ppl_id="late"), "RUNNING")
    silent = payloads.unfinished(payloads.listed(ppl_id="silent"), "DONE")

    async with asking(answer([old, late, silent, payloads.listed(ppl_id="new")])) as (api, _):
        found = await SemaphoreCI(api).finished_since("5f0c", SINCE)

    assert [pipeline.id for pipeline in found] == ["new", "old"]


async def test_a_branch_is_asked_for_by_name_and_one_page_is_enough() -> None:
    page = answer([payloads.listed(state="RUNNING")], link='<http://x>; rel="next"', page_number="1")

    async with asking(page) as (api, asked):
        found = await SemaphoreCI(api).on_branch("5f0c", "release/1 & 2")

    assert len(found) == len(asked.requests) == 1
    assert asked.queries[0]["branch_name"] == "release/1 & 2"


async def test_projects_and_one_pipeline_are_passed_through() -> None:
    async with asking(answer([payloads.project()]), answer({"pipeline": payloads.described()})) as (api, _):
        ci = SemaphoreCI(api)
        assert [project.name for project in await ci.projects()] == ["billing"]
        assert (await ci.pipeline(ID)).name == "Build"


async def test_a_failure_has_the_failed_jobs_with_the_ends_of_their_logs() -> None:
    async with asking(told("one", "two", log=answer({"events": payloads.failing_log()}))) as (api, asked):
        failure = await SemaphoreCI(api).failure(ID)

    assert failure.job_names == ("one", "two")
    assert all(job.log.endswith("1 example, 1 failure\n[exit code 1]") for job in failure.jobs)
    assert all("after the failing command" in job.log_note for job in failure.jobs)
    assert len(asked.requests) == 3


async def test_logs_are_not_read_when_nobody_wants_them() -> None:
    async with asking(told("one", log=text(""))) as (api, asked):
        failure = await SemaphoreCI(api).failure(ID, logs=False)

    assert failure.job_names == ("one",)
    assert len(asked.requests) == 1


@pytest.mark.parametrize(
    ("log", "note"),
    [
        (answer("This job never started, so no logs were produced.", 404), "never started"),
        (text("Permission denied", 401), "Permission denied"),
        (text("upstream request timeout", 504), "504"),
        (text("<html>"), "no JSON"),
    ],
)
async def test_a_missing_log_is_a_note(log: httpx.Response, note: str) -> None:
    async with asking(told("one", log=log)) as (api, _):
        failure = await SemaphoreCI(api).failure(ID)

    assert failure.jobs[0].log == ""
    assert note in failure.jobs[0].log_note


async def test_a_malformed_pipeline_has_no_jobs() -> None:
    async with asking(answer(payloads.detailed(result_reason="malformed", error_description="bad YAML"))) as (api, _):
        failure = await SemaphoreCI(api).failure(ID)

    assert failure.jobs == ()
    assert failure.pipeline.error == "bad YAML"


async def test_of_very_many_failed_jobs_some_logs_are_read() -> None:
    names = [f"job{number}" for number in range(LOGS_LIMIT + 5)]

    async with asking(told(*names, log=answer({"events": payloads.failing_log()}))) as (api, asked):
        failure = await SemaphoreCI(api).failure(ID)

    assert sum(bool(job.log) for job in failure.jobs) == LOGS_LIMIT
    assert "more than 20 failed jobs" in failure.jobs[-1].log_note
    assert len(asked.requests) == LOGS_LIMIT + 1


async def test_a_pipeline_that_is_not_there_is_an_error() -> None:
    async with asking(text("Not Found", 404)) as (api, _):
        with pytest.raises(NotFoundError):
            await SemaphoreCI(api).failure(ID)
