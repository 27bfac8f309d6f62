"""Semaphore's read tools say the same by its MCP server and by its REST API."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.semaphore.tooling import JUNIT, SUMMARY, Scene, scene

from selfheald.domain.errors import NotFoundError

pytestmark = pytest.mark.parametrize("scene", ["mcp", "rest"], indirect=True)


@pytest.fixture(name="scene")
async def _scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with scene(mcp=request.param == "mcp") as made:
        yield made


async def test_the_organization_is_listed(scene: Scene) -> None:
    told = await scene.told("organizations_list", limit=100)

    assert told["organizations"] == [{"id": scene.organization.id, "name": "acme", "username": "acme"}]


async def test_projects_are_listed(scene: Scene) -> None:
    told = await scene.told("projects_list", organization_id=scene.organization.id, limit=200)

    assert [project["name"] for project in told["projects"]] == ["billing", "storefront"]
    billing = told["projects"][0]
    assert billing["id"] == scene.project.id
    assert _part(billing["repository"], "url", "name", "owner", "pipelineFile", "integrationType", "connected") == {
        "url": "git@github.com:acme/billing.git",
        "name": "billing",
        "owner": "acme",
        "pipelineFile": ".semaphore/semaphore.yml",
        "integrationType": "github app",
        "connected": True,
    }
    assert billing["repository"]["public"] is False


async def test_projects_are_found(scene: Scene) -> None:
    told = await scene.told("projects_search", organization_id=scene.organization.id, query="BILL")

    assert [project["name"] for project in told["projects"]] == ["billing"]
    assert (told["totalMatches"], told["searchedPages"], told["moreAvailable"]) == (1, 1, False)


async def test_a_search_for_nothing_is_refused(scene: Scene) -> None:
    answer = await scene.call("projects_search", organization_id=scene.organization.id)

    assert answer.is_error
    assert answer.text == "Provide at least one of query or repository_url."


async def test_workflows_are_listed_newest_first_whoever_started_them(scene: Scene) -> None:
    told = await scene.told("workflows_search", **scene.ids, my_workflows_only=False, limit=100)

    assert told["workflows"] == [
        {
            "id": pipeline.workflow.id,
            "initialPipelineId": pipeline.id,
            "projectId": scene.project.id,
            "organizationId": scene.organization.id,
            "branch": "main",
            "commitSha": pipeline.workflow.commit_sha,
            "requesterId": pipeline.workflow.requester_id,
            "triggeredBy": "hook",
            "createdAt": f"{pipeline.workflow.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "repositoryId": scene.project.repository_id,
        }
        for pipeline in (scene.failed, scene.other)
    ]


async def test_workflows_of_a_branch_are_listed(scene: Scene) -> None:
    told = await scene.told("workflows_search", **scene.ids, my_workflows_only=False, branch="elsewhere")

    assert told == {"workflows": []}


async def test_a_list_comes_in_pages(scene: Scene) -> None:
    asking = {**scene.ids, "my_workflows_only": False, "limit": 1}

    first = await scene.told("workflows_search", **asking)
    second = await scene.told("workflows_search", **asking, cursor=first["nextCursor"])

    assert [first["workflows"][0]["id"], second["workflows"][0]["id"]] == [
        scene.failed.workflow.id,
        scene.other.workflow.id,
    ]
    assert "nextCursor" not in second


async def test_pipelines_of_a_workflow_are_listed(scene: Scene) -> None:
    again = scene.world.partial_rebuild(scene.failed, user="")
    again.finish("passed")

    told = await scene.told("pipelines_list", workflow_id=scene.failed.workflow.id, **scene.ids, limit=100)

    assert [pipeline["id"] for pipeline in told["pipelines"]] == [again.id, scene.failed.id]
    assert told["pipelines"][0]["partialRerunOf"] == scene.failed.id
    failed = told["pipelines"][1]
    assert _part(failed, "workflowId", "projectId", "state", "result", "resultReason", "triggerer", "branch") == {
        "workflowId": scene.failed.workflow.id,
        "projectId": scene.project.id,
        "state": "done",
        "result": "failed",
        "resultReason": "test",
        "triggerer": "workflow",
        "branch": "main",
    }
    assert failed["queue"]["type"] == "implicit"
    assert failed["withAfterTask"] is False
    assert failed["doneAt"] == f"{scene.failed.done_at:%Y-%m-%dT%H:%M:%SZ}"


async def test_jobs_of_a_pipeline_come_by_block_and_in_one_list(scene: Scene) -> None:
    told = await scene.told("pipeline_jobs", pipeline_id=scene.failed.id, organization_id=scene.organization.id)

    unit = {
        "jobId": scene.job.id,
        "name": "Unit",
        "blockId": scene.failed.blocks[0].id,
        "blockName": "Tests",
        "status": "FINISHED",
        "result": "FAILED",
    }
    assert told["jobs"][0] == unit
    assert [job.get("index") for job in told["jobs"]] == [None, 1, 2]
    assert told["jobCount"] == 3
    assert [(block["blockName"], block["result"], len(block["jobs"])) for block in told["blocks"]] == [
        ("Tests", "failed", 3)
    ]
    assert told["pipeline"]["id"] == scene.failed.id


async def test_a_job_is_described_without_its_environment(scene: Scene) -> None:
    told = await scene.told("jobs_describe", job_id=scene.job.id, organization_id=scene.organization.id)

    assert _part(told, "id", "name", "pipelineId", "projectId", "organizationId", "state", "result", "selfHosted") == {
        "id": scene.job.id,
        "name": "Unit",
        "pipelineId": scene.failed.id,
        "projectId": scene.project.id,
        "organizationId": scene.organization.id,
        "state": "finished",
        "result": "failed",
        "selfHosted": False,
    }
    assert told["debugJob"] is False
    assert told["timeline"].keys() == {"createdAt", "startedAt", "finishedAt"}
    assert "SEMAPHORE_" not in str(told)


async def test_a_job_that_does_not_exist_is_an_error(scene: Scene) -> None:
    missing = scene.project.id

    answer = await scene.call("jobs_describe", job_id=missing, organization_id=scene.organization.id)

    assert answer.is_error
    assert missing in answer.text


def _events(scene: Scene, count: int) -> None:
    """Make the failed job's log so long, in events."""
    scene.job.events[:] = [{"event": "cmd_output", "output": f"line {number}\n"} for number in range(count)]


@pytest.mark.parametrize(
    ("total", "cursor", "first", "last", "rest"),
    [
        (150, None, 0, 149, {}),
        (450, None, 250, 449, {"startLine": 250, "previewTruncated": True, "nextCursor": "50"}),
        (450, "50", 50, 249, {"startLine": 50, "previewTruncated": True, "nextCursor": "0"}),
        (450, "0", 0, 199, {"previewTruncated": True}),
        (450, "700", None, None, {"startLine": 700, "previewTruncated": True, "nextCursor": "500"}),
    ],
)
async def test_a_log_is_paged_backward(  # noqa: PLR0917 - the columns of a table
    scene: Scene, total: int, cursor: str | None, first: int | None, last: int | None, rest: Mapping[str, Any]
) -> None:
    _events(scene, total)

    told = await scene.told("jobs_logs", job_id=scene.job.id, **({"cursor": cursor} if cursor else {}))

    preview = told.get("preview", [])
    assert {key: value for key, value in told.items() if key not in {"preview", "Final"}} == {
        "jobId": scene.job.id,
        "source": "loghub",
        **rest,
    }
    assert ("preview" in told) == (first is not None)
    if first is not None:
        assert f'"line {first}\\n"' in preview[0]
        assert f'"line {last}\\n"' in preview[-1]
        assert len(preview) == last - first + 1  # type: ignore[operator]  # both or neither


async def test_a_log_that_is_whole_says_so(scene: Scene) -> None:
    told = await scene.told("jobs_logs", job_id=scene.job.id)

    assert told["Final"] is True
    assert '"job_finished"' in told["preview"][-1]


async def test_the_log_of_a_job_that_runs_is_not_final(scene: Scene) -> None:
    running = scene.world.push(scene.project).pipeline
    job = running.add_job("Unit", block="Tests")
    job.start()

    assert "Final" not in await scene.told("jobs_logs", job_id=job.id)


async def test_the_log_of_a_self_hosted_job_is_plain_lines(scene: Scene) -> None:
    far = list(scene.failed.jobs())[1]

    told = await scene.told("jobs_logs", job_id=far.id)

    assert told["source"] == "loghub2"
    assert told["preview"] == ["far 1", "far 2"]
    assert "Final" not in told


async def test_past_the_end_of_a_self_hosted_log_the_cursor_leads_back_into_it(scene: Scene) -> None:
    far = list(scene.failed.jobs())[1]
    far.events[:] = [{"event": "cmd_output", "output": "".join(f"{number}\n" for number in range(450))}]

    told = await scene.told("jobs_logs", job_id=far.id, cursor="700")

    assert told["nextCursor"] == "250"


async def test_a_self_hosted_log_without_a_line_says_so(scene: Scene) -> None:
    far = list(scene.failed.jobs())[1]
    far.events.clear()

    assert (await scene.told("jobs_logs", job_id=far.id))["downloadEmpty"] is True


async def test_the_report_of_a_job_comes_as_its_text(scene: Scene) -> None:
    told = await scene.told("get_test_results", scope="job", job_id=scene.job.id)

    assert told == {
        "scope": "job",
        "path": "test-results/junit.xml",
        "compression": "none",
        "content_type": "application/xml",
        "content": JUNIT,
    }


async def test_the_report_of_a_pipeline_comes_unpacked(scene: Scene) -> None:
    told = await scene.told("get_test_results", scope="pipeline", pipeline_id=scene.failed.id)

    assert told["content"] == SUMMARY
    assert told["path"] == f"test-results/{scene.failed.id}-summary.json"


async def test_a_job_without_a_report_says_so(scene: Scene) -> None:
    lint = list(scene.failed.jobs())[2]

    answer = await scene.call("get_test_results", scope="job", job_id=lint.id)

    assert answer.is_error
    assert "no test result artifacts found" in answer.text


async def test_the_report_of_what_still_runs_is_not_there_yet(scene: Scene) -> None:
    running = scene.world.push(scene.project).pipeline
    running.start()
    job = running.add_job("Unit", block="Tests")

    by_job = await scene.call("get_test_results", scope="job", job_id=job.id)
    by_pipeline = await scene.call("get_test_results", scope="pipeline", pipeline_id=running.id)

    assert by_job.is_error
    assert by_job.text.startswith("job is not finished")
    assert by_pipeline.is_error
    assert by_pipeline.text.startswith("pipeline is not done")


async def test_artifacts_are_listed_one_floor_at_a_time(scene: Scene) -> None:
    place = {**scene.ids, "scope": "jobs", "scope_id": scene.job.id}

    above = await scene.told("artifacts_list", **place)
    below = await scene.told("artifacts_list", **place, path="test-results")

    assert [(row["name"], row["isDirectory"]) for row in above["artifacts"]] == [
        ("agent", True),
        ("image.png", False),
        ("test-results", True),
    ]
    assert below == {
        "organizationId": scene.organization.id,
        "projectId": scene.project.id,
        "scope": "jobs",
        "scopeId": scene.job.id,
        "path": "test-results",
        "artifacts": [
            {
                "name": "junit.xml",
                "path": "test-results/junit.xml",
                "isDirectory": False,
                "size": len(JUNIT),
            }
        ],
        "page": {"returned": 1, "truncated": False},
    }


async def test_an_artifact_comes_as_its_text(scene: Scene) -> None:
    told = await scene.told(
        "artifacts_signed_url", **scene.ids, scope="jobs", scope_id=scene.job.id, path="test-results/junit.xml"
    )

    assert told["content"] == JUNIT
    assert "http" not in str(told)


async def test_an_artifact_that_is_no_text_is_not_shown(scene: Scene) -> None:
    answer = await scene.call(
        "artifacts_signed_url", **scene.ids, scope="jobs", scope_id=scene.job.id, path="image.png"
    )

    assert answer.is_error
    assert answer.text == "reading artifact image.png: it is no text"


async def test_the_whole_log_of_a_job_comes_unpacked(scene: Scene) -> None:
    told = await scene.told("artifact_job_logs", organization_id=scene.organization.id, job_id=scene.job.id)

    assert told == {
        "jobId": scene.job.id,
        "organizationId": scene.organization.id,
        "projectId": scene.project.id,
        "source": "artifacthub",
        "path": "agent/job_logs.txt.gz",
        "method": "GET",
        "content": "the whole log\n",
    }


async def test_a_log_that_was_not_uploaded_is_an_error(scene: Scene) -> None:
    lint = list(scene.failed.jobs())[2]

    answer = await scene.call("artifact_job_logs", organization_id=scene.organization.id, job_id=lint.id)

    assert answer.is_error
    assert "artifact path not found" in answer.text


async def test_what_a_workflow_consists_of_is_looked_up(scene: Scene) -> None:
    again = scene.world.partial_rebuild(scene.failed, user="")

    members = await scene.tools.members(scene.failed.workflow.id)

    assert members.pipeline_ids == {scene.failed.id, again.id}
    assert members.job_ids >= {job.id for job in scene.failed.jobs()}
    assert scene.other.id not in members.pipeline_ids


async def test_a_workflow_that_does_not_exist_has_nothing_to_be_looked_up(scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        await scene.tools.members(scene.foreign.workflow.id)


async def test_a_tool_that_nobody_has_says_why(scene: Scene) -> None:
    answer = await scene.call("docs_search", query="after pipeline")

    assert answer.is_error
    assert "Semaphore's MCP server alone" in answer.text


def _part(source: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    return {key: source.get(key) for key in keys}
