import httpx
import pytest
from tests.semaphore import payloads
from tests.semaphore.asking import answer, asking, pages, text

from selfheald.domain.errors import NotFoundError, RefusedError, TransientError
from selfheald.domain.ids import JobId, PipelineId, WorkflowId
from selfheald.semaphore.api import Run

ID = PipelineId("8e1f")


def listed(count: int) -> list[payloads.Payload]:
    return [payloads.listed(ppl_id=f"ppl-{number}") for number in range(count)]


async def test_all_pages_are_read_by_number_and_not_by_link() -> None:
    async with asking(pages(listed(5), 2)) as (api, asked):
        found = await api.list_pipelines({"project_id": "5f0c", "done_after": 7})

    assert [pipeline.id for pipeline in found] == [f"ppl-{number}" for number in range(5)]
    assert [query.get("page") for query in asked.queries] == [None, "2", "3"]
    assert all(query["done_after"] == "7" and query["page_size"] == "100" for query in asked.queries)
    assert {request.url.scheme for request in asked.requests} == {"https"}


async def test_a_pipeline_that_moved_to_the_next_page_is_told_once() -> None:
    first, second, third = listed(3)

    async with asking(pages([first, second, second, third], 2)) as (api, _):
        found = await api.list_pipelines({"wf_id": "c0de"})

    assert [pipeline.id for pipeline in found] == ["ppl-0", "ppl-1", "ppl-2"]


async def test_a_list_that_repeats_its_last_page_ends() -> None:
    always_next = answer(listed(1), link='<http://x>; rel="next"', page_number="1")

    async with asking(always_next) as (api, asked):
        assert len(await api.list_pipelines({"project_id": "5f0c"})) == 1

    assert len(asked.requests) == 2


async def test_a_list_that_never_ends_is_bounded() -> None:
    async with asking(answer(listed(1), link='<http://x>; rel="next"')) as (api, asked):
        await api.list_pipelines({"project_id": "5f0c"}, pages=3)

    assert len(asked.requests) == 3


async def test_a_bad_page_in_the_middle_is_read_again_alone() -> None:
    replies = pages(listed(3), 1)

    async with asking(replies, answer("Internal error", 500), replies) as (api, asked):
        assert len(await api.list_pipelines({"project_id": "5f0c"})) == 3

    assert [query.get("page") for query in asked.queries] == [None, "2", "2", "3"]


async def test_repeated_parameters_keep_all_their_values() -> None:
    async with asking(answer([])) as (api, asked):
        await api.list_pipelines({"project_id": "5f0c", "git_ref_types[]": ["BRANCH", "TAG"], "label": ""})

    assert asked.requests[0].url.params.get_list("git_ref_types[]") == ["BRANCH", "TAG"]
    assert "label" not in asked.queries[0]


async def test_a_failure_is_described_with_its_jobs() -> None:
    described = payloads.detailed(payloads.block(payloads.job("RSpec")))

    async with asking(answer(described)) as (api, asked):
        pipeline, jobs = await api.describe_failure(ID)

    assert (pipeline.result, [job.name for job in jobs]) == ("failed", ["RSpec"])
    assert asked.queries == [{"detailed": "true"}]


async def test_projects_come_in_pages_that_may_be_empty_and_overlap() -> None:
    one, two = payloads.project("one", 1), payloads.project("two", 2)

    async with asking(
        answer([one], x_has_more="true"), answer([], x_has_more="true"), answer([one, two], x_has_more="false")
    ) as (api, asked):
        found = await api.list_projects()

    assert [project.name for project in found] == ["one", "two"]
    assert [query["page"] for query in asked.queries] == ["1", "2", "3"]


async def test_projects_stop_at_the_page_that_semaphore_refuses() -> None:
    async with asking(answer([], x_has_more="true")) as (api, asked):
        await api.list_projects()

    assert len(asked.requests) == 100


async def test_a_project_is_described_by_name() -> None:
    async with asking(answer(payloads.project("billing"))) as (api, asked):
        assert (await api.describe_project("billing")).repository == "acme/billing"

    assert asked.paths == ["GET /projects/billing"]


async def test_jobs_are_listed_by_state_in_small_pages() -> None:
    async with asking(
        answer({"jobs": [{"a": 1}], "next_page_token": "t"}), answer({"jobs": None, "next_page_token": ""})
    ) as (api, asked):
        assert await api.list_jobs(["RUNNING", "FINISHED"]) == [{"a": 1}]

    assert asked.requests[0].url.params.get_list("states") == ["RUNNING", "FINISHED"]
    assert [query.get("page_token") for query in asked.queries] == [None, "t"]
    assert asked.queries[0]["page_size"] == "30"


async def test_jobs_are_listed_up_to_a_bound() -> None:
    async with asking(answer({"jobs": [{}], "next_page_token": "t"})) as (api, asked):
        assert len(await api.list_jobs(["FINISHED"], pages=2)) == 2

    assert len(asked.requests) == 2


async def test_workflows_and_jobs_are_given_as_semaphore_tells_them() -> None:
    async with asking(pages([{"wf_id": "a"}, {"wf_id": "a"}, {"wf_id": "b"}], 2)) as (api, asked):
        assert await api.list_workflows({"project_id": "5f0c"}) == [{"wf_id": "a"}, {"wf_id": "b"}]
    async with asking(answer({"workflow": {"wf_id": "a"}})) as (api, described):
        assert await api.describe_workflow(WorkflowId("a")) == {"wf_id": "a"}
    async with asking(answer({"metadata": {"id": "b0b0"}})) as (api, job):
        assert await api.describe_job(JobId("b0b0")) == {"metadata": {"id": "b0b0"}}

    paths = [asked.paths[0], described.paths[0], job.paths[0]]
    assert paths == ["GET /plumber-workflows", "GET /plumber-workflows/a", "GET /jobs/b0b0"]


async def test_a_workflow_is_run_with_what_was_given_only() -> None:
    async with asking(answer({"workflow_id": "c0de", "pipeline_id": "8e1f"})) as (api, asked):
        run = await api.run_workflow("5f0c", "main", parameters={"REGION": "eu"})

    assert run == Run(workflow_id=WorkflowId("c0de"), pipeline_id=ID)
    assert asked.bodies() == [{"project_id": "5f0c", "reference": "main", "parameters": {"REGION": "eu"}}]
    assert asked.requests[0].headers["content-type"] == "application/json"


async def test_a_rerun_with_a_token_is_safe_to_ask_for_twice() -> None:
    async with asking(answer("Internal error", 500), answer({"wf_id": "c0de", "ppl_id": "8e1f"})) as (api, asked):
        assert (await api.reschedule(WorkflowId("old"), "t")).workflow_id == "c0de"
    async with asking(httpx.ReadError(""), answer({"message": "", "pipeline_id": "new"})) as (api, rebuilt):
        assert await api.partial_rebuild(ID, "t") == "new"

    assert asked.bodies() == rebuilt.bodies() == [{"request_token": "t"}] * 2
    assert rebuilt.paths == ["POST /pipelines/8e1f/partial_rebuild"] * 2


async def test_a_refused_rebuild_says_why() -> None:
    async with asking(answer("Pipelines which passed can not be partial rebuilt.", 400)) as (api, _):
        with pytest.raises(RefusedError, match="which passed can not"):
            await api.partial_rebuild(ID, "t")


async def test_an_answer_without_the_id_it_promises_is_a_bad_one() -> None:
    async with asking(answer({"message": ""})) as (api, _):
        with pytest.raises(TransientError, match="pipeline_id"):
            await api.partial_rebuild(ID, "t")


async def test_a_pipeline_is_stopped_with_a_real_boolean() -> None:
    async with asking(answer("Pipeline termination started.")) as (api, asked):
        await api.stop_pipeline(ID)

    assert (asked.paths, asked.bodies()) == (["PATCH /pipelines/8e1f"], [{"terminate_request": True}])


async def test_a_pipeline_without_promotions_is_not_asked_for_them() -> None:
    async with asking(answer({"pipeline": payloads.described(switch_id="")})) as (api, asked):
        assert await api.list_promotions(ID) == []
        with pytest.raises(RefusedError, match="no promotions"):
            await api.trigger_promotion(ID, "Production", request_token="t")

    assert asked.paths == ["GET /pipelines/8e1f"] * 2


async def test_a_promotion_is_triggered_with_parameters_beside_its_name() -> None:
    switched = answer({"pipeline": payloads.described(switch_id="5w17")})

    async with asking(switched, answer("Promotion successfully triggered.")) as (api, asked):
        await api.trigger_promotion(ID, "Production", request_token="t", parameters={"REGION": "eu", "name": "no"})
    async with asking(switched, answer([{"name": "Production"}])) as (api, listing):
        assert await api.list_promotions(ID) == [{"name": "Production"}]

    promotion = {"REGION": "eu", "pipeline_id": "8e1f", "name": "Production", "override": False, "request_token": "t"}
    assert asked.bodies() == [promotion]
    assert listing.queries[1] == {"pipeline_id": "8e1f", "page_size": "99"}


async def test_a_missing_log_says_why() -> None:
    async with asking(answer("This job never started, so no logs were produced.", 404)) as (api, asked):
        with pytest.raises(NotFoundError, match="never started"):
            await api.job_log(JobId("b0b0"))

    assert len(asked.requests) == 1


async def test_a_log_that_ends_in_the_middle_is_read_again() -> None:
    whole = answer({"events": payloads.failing_log()})

    async with asking(text(whole.content[:200]), whole) as (api, asked):
        end = await api.job_log(JobId("b0b0"))

    assert end.text.count("$ checkout") == 1
    assert len(asked.requests) == 2
