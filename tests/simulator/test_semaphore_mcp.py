"""The simulated MCP server speaks as Semaphore's does, where that is not what the specification says."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from selfheald.simulator.state import JobResult, Pipeline
from tests.simulator.conftest import TOKEN, Stage

SESSION = "mcp-session-00000000-0000-4000-8000-000000000000"


async def post(stage: Stage, body: object, *, session: str = SESSION, token: str = TOKEN) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "mcp-session-id": session}
    return await stage.client.post(f"{stage.url}/mcp", content=content, headers=headers)


def message(method: str, **params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


async def call(stage: Stage, name: str, **arguments: object) -> dict[str, Any]:
    answer = await post(stage, message("tools/call", name=name, arguments=arguments))
    result: dict[str, Any] = answer.json()["result"]
    return result


async def said(stage: Stage, name: str, **arguments: object) -> str:
    """What a tool says is wrong."""
    result = await call(stage, name, **arguments)
    assert result["isError"]
    assert "structuredContent" not in result
    return str(result["content"][0]["text"])


def failed(stage: Stage) -> Pipeline:
    pipeline = stage.world.push(stage.project).pipeline
    pipeline.finish("failed", jobs=[JobResult(name="Unit", result="failed")])
    return pipeline


# ------------------------------------------------------------------------------------------------------------ the wire


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2025-06-18", "2025-06-18"),
        ("2024-11-05", "2024-11-05"),
        ("2025-11-25", "2025-06-18"),
        ("2026-07-28", "2025-06-18"),
        ("", "2025-03-26"),
    ],
)
async def test_whoever_asks_for_another_version_gets_one_that_it_speaks(stage: Stage, asked: str, given: str) -> None:
    answer = await post(stage, message("initialize", protocolVersion=asked), session="")

    assert answer.json()["result"]["protocolVersion"] == given
    assert re.fullmatch(r"mcp-session-[0-9a-f-]{36}", answer.headers["mcp-session-id"])
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("session", ["", "x", "mcp-session-", "00000000-0000-4000-8000-000000000000"])
async def test_a_session_is_known_by_its_shape_alone(stage: Stage, session: str) -> None:
    bad, good = await post(stage, message("ping"), session=session), await post(stage, message("ping"))

    assert (bad.status_code, bad.text) == (400, "Invalid session ID")
    assert good.json()["result"] == {}


async def test_who_shows_no_token_is_told_where_to_get_one(stage: Stage) -> None:
    async with httpx.AsyncClient() as stranger:
        none = await stranger.post(f"{stage.url}/mcp", json=message("ping"))
    wrong = await post(stage, message("ping"), token="wrong")

    assert (none.status_code, none.json()["error"]) == (401, "unauthorized")
    assert "resource_metadata=" in none.headers["www-authenticate"]
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_token")
    assert "www-authenticate" not in wrong.headers


async def test_notifications_are_taken_and_sessions_end_as_often_as_one_likes(stage: Stage) -> None:
    note = await post(stage, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    headers = {"authorization": f"Bearer {TOKEN}"}
    ends = [await stage.client.delete(f"{stage.url}/mcp", headers=headers) for _ in range(2)]
    put = await stage.client.put(f"{stage.url}/mcp", headers=headers)

    assert (note.status_code, note.content) == (202, b"")
    assert [end.status_code for end in ends] == [200, 200]
    assert put.status_code == 404


async def test_a_stream_is_opened_on_which_nothing_comes(stage: Stage) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with stage.client.stream("GET", f"{stage.url}/mcp", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("body", ["x", "[]", "", "[" * 100_000])
async def test_what_is_no_message_is_an_error_of_json_rpc(stage: Stage, body: str) -> None:
    answer = await post(stage, body)

    assert answer.status_code == 400
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32700, "message": "request body is not valid json"},
    }


async def test_another_content_type_is_refused_in_plain_text(stage: Stage) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "text/plain"}
    answer = await stage.client.post(f"{stage.url}/mcp", content="{}", headers=headers)

    assert answer.status_code == 400
    assert answer.text.startswith("Invalid content type")


@pytest.mark.parametrize(
    ("asking", "code", "told"),
    [
        (message("tools/call", name="echo"), -32602, "tool 'echo' not found: tool not found"),
        (message("prompts/get", name="x"), -32602, "prompt 'x' not found: prompt not found"),
        (message("server/discover"), -32601, "Method server/discover not found"),
        (message("resources/list"), -32601, "resources not supported"),
    ],
)
async def test_what_is_not_there_is_an_error_with_status_200(
    stage: Stage, asking: object, code: int, told: str
) -> None:
    answer = await post(stage, asking)

    assert answer.status_code == 200
    assert answer.json()["error"] == {"code": code, "message": told}


async def test_seventeen_tools_are_listed_for_everybody(stage: Stage) -> None:
    stage.organization.features.clear()

    tools = (await post(stage, message("tools/list"))).json()["result"]["tools"]

    assert len(tools) == 17
    assert [tool["name"] for tool in tools] == sorted(tool["name"] for tool in tools)
    assert all(tool["annotations"]["destructiveHint"] for tool in tools)
    assert (await post(stage, message("prompts/list"))).json()["result"]["prompts"][0]["name"] == "mcp_setup"


# ----------------------------------------------------------------------------------------------------------- the tools


async def test_ids_may_be_written_in_upper_case_but_are_passed_on_as_they_are(stage: Stage) -> None:
    job = next(iter(failed(stage).jobs()))

    assert "NotFound" in await said(stage, "jobs_logs", job_id=job.id.upper())
    assert await said(stage, "jobs_logs", job_id="X") == (
        "job_id must be a valid UUID (format: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx), got: x"
    )
    assert await said(stage, "jobs_logs") == "job_id is required"
    assert await said(stage, "jobs_logs", job_id=7) == "job_id is required"


async def test_features_are_asked_for_at_each_call(stage: Stage) -> None:
    job = next(iter(failed(stage).jobs()))
    stage.organization.features.clear()
    off = "Semaphore {} are disabled for this organization. Please contact support if you believe this is an error."

    assert await said(stage, "jobs_logs", job_id=job.id) == off.format("MCP read tools")
    assert await said(stage, "projects_list", organization_id=stage.organization.id) == off.format("MCP read tools")
    assert await said(stage, "workflows_rerun", workflow_id="x") == off.format("MCP write tools")
    assert "isError" not in await call(stage, "organizations_list")


async def test_artifacts_have_a_feature_of_their_own_but_reports_have_not(stage: Stage) -> None:
    job = next(iter(failed(stage).jobs()))
    job.artifacts["test-results/junit.xml"] = b"<x/>"
    stage.organization.features.discard("mcp_server_artifacts_tools")
    place = {"organization_id": stage.organization.id, "scope": "jobs", "scope_id": job.id}

    assert "artifact operations are disabled" in await said(stage, "artifacts_list", **place)
    assert "full job logs are disabled" in await said(
        stage, "artifact_job_logs", organization_id=stage.organization.id, job_id=job.id
    )
    assert "isError" not in await call(stage, "get_test_results", scope="job", job_id=job.id)


async def test_what_is_not_seen_is_a_permission_that_is_denied(stage: Stage) -> None:
    pipeline = failed(stage)
    stage.project.visible = False
    elsewhere = stage.world.add_organization("umbrella", tokens=["other"])
    ids = {"organization_id": stage.organization.id}

    assert "project.view" in await said(stage, "pipeline_jobs", pipeline_id=pipeline.id, **ids)
    assert (await said(stage, "projects_list", organization_id=elsewhere.id)).startswith("Permission denied")
    assert "authorized organization scope" in await said(
        stage,
        "jobs_describe",
        job_id=next(iter(failed_in(stage, "umbrella").jobs())).id,
        **ids,
    )


def failed_in(stage: Stage, organization: str) -> Pipeline:
    project = stage.world.add_project(stage.world.organizations[organization], "virus")
    pipeline = stage.world.push(project).pipeline
    pipeline.finish("failed", jobs=[JobResult(name="Unit", result="failed")])
    return pipeline


async def test_only_the_callers_own_workflows_are_found_unless_told_otherwise(stage: Stage) -> None:
    mine, theirs = stage.pushed(2)
    theirs.workflow.requester_id = stage.project.id
    ids = {"project_id": stage.project.id, "organization_id": stage.organization.id}

    own = await call(stage, "workflows_search", **ids)
    everybody = await call(stage, "workflows_search", **ids, my_workflows_only=False)

    assert [workflow["id"] for workflow in own["structuredContent"]["workflows"]] == [mine.workflow.id]
    assert len(everybody["structuredContent"]["workflows"]) == 2


async def test_what_is_not_over_looks_passed(stage: Stage) -> None:
    pipeline = stage.world.push(stage.project).pipeline
    pipeline.start(["Tests"])
    job = pipeline.add_job("Unit", block="Tests")
    ids = {"organization_id": stage.organization.id}

    told = (await call(stage, "pipeline_jobs", pipeline_id=pipeline.id, **ids))["structuredContent"]
    alone = (await call(stage, "jobs_describe", job_id=job.id, **ids))["structuredContent"]

    assert (told["pipeline"]["state"], told["pipeline"]["result"]) == ("running", "passed")
    assert (told["jobs"][0]["status"], told["jobs"][0]["result"]) == ("ENQUEUED", "PASSED")
    assert (alone["state"], alone["result"]) == ("enqueued", "passed")


async def test_a_self_hosted_log_comes_with_a_key_to_it(stage: Stage) -> None:
    pipeline = stage.world.push(stage.project).pipeline
    pipeline.finish("failed", jobs=[JobResult(name="Far", log_text="a\nb\n", self_hosted=True)])
    job = next(iter(pipeline.jobs()))

    told = (await call(stage, "jobs_logs", job_id=job.id))["structuredContent"]

    assert told["preview"] == ["a", "b"]
    assert told["token"] in told["logsUrl"]
    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(told["logsUrl"])).status_code == 200


# --------------------------------------------------------------------------------------------------------- the storage


async def _address(stage: Stage) -> str:
    job = next(iter(failed(stage).jobs()))
    job.artifacts["a b/ü.txt"] = b"content"
    told = await call(
        stage,
        "artifacts_signed_url",
        organization_id=stage.organization.id,
        scope="jobs",
        scope_id=job.id,
        path="a b/ü.txt",
    )
    return str(told["structuredContent"]["urls"][0]["url"])


async def test_a_signed_address_works_by_its_method_without_a_token_and_for_a_while(stage: Stage) -> None:
    url = await _address(stage)
    async with httpx.AsyncClient() as stranger:
        good, head = await stranger.get(url), await stranger.head(url)
        forged = await stranger.get(url.replace("ü", "u").replace("%C3%BC", "u"))
        shown = await stranger.get(url, headers={"authorization": f"Bearer {TOKEN}"})
        stage.watch.forward(21 * 60)
        late = await stranger.get(url)

    assert (good.status_code, good.content) == (200, b"content")
    assert [answer.status_code for answer in (head, forged, shown, late)] == [403, 403, 400, 400]


async def test_a_signed_address_leads_nowhere_when_the_file_is_gone(stage: Stage) -> None:
    url = await _address(stage)
    job = urlsplit(url).path.split("/")[3]
    stage.organization.jobs[job].artifacts.clear()

    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(url)).status_code == 404
    assert "X-Goog-Signature" in parse_qs(urlsplit(url).query)


async def test_artifacts_are_told_by_the_api_too(stage: Stage) -> None:
    job = next(iter(failed(stage).jobs()))
    job.artifacts["a/b.txt"] = b"content"
    ids = {"scope": "jobs", "scope_id": job.id}

    signing = "/api/v1alpha/artifacts/signed_url"

    listed = (await stage.get("/artifacts", **ids)).json()
    signed = (await stage.client.get(signing, params={**ids, "path": "a/b.txt", "method": "GET"})).json()

    assert listed == {"artifacts": [{"name": "a", "path": "a", "is_directory": True}]}
    assert signed["items"][0]["path"] == "a/b.txt"
    assert (await stage.client.get(signing, params={**ids, "path": "x"})).status_code == 404
    assert (await stage.get("/artifacts", scope="jobs", scope_id="x")).status_code == 404
    stage.organization.features.discard("artifacts_api")
    assert (await stage.get("/artifacts", **ids)).status_code == 403
