"""The tools gateway before a simulated Semaphore: what an agent gets by MCP and by REST, and what never leaves."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.gateway import FAST, JOB, OTHER, PIPELINE, PROJECT, SCOPE, WORKFLOW, Agent, Semaphore, gateway
from tests.semaphore.tooling import Scene, scene

from selfheald.domain.tools.forms import uuids_in
from selfheald.domain.tools.reach import Reach
from selfheald.domain.tools.rules import RULES, WRITE_TOOLS
from selfheald.sandbox.tools.reading import Reading


@pytest.fixture(params=["mcp", "rest"])
async def made(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with scene(mcp=request.param == "mcp") as scenery:
        yield scenery


@pytest.fixture
async def agent(made: Scene) -> AsyncIterator[Agent]:
    async with gateway(made.tools, made.scope) as at_the_door:
        yield at_the_door


async def test_an_agent_finds_its_way_from_the_organization_to_the_log(agent: Agent, made: Scene) -> None:
    organization = await _first(agent, "organizations_list", "organizations")
    project = await _first(agent, "projects_list", "projects", organization_id=organization)
    ids = {"organization_id": organization, "project_id": project}
    workflow = await _first(agent, "workflows_search", "workflows", **ids)
    pipeline = await _first(agent, "pipelines_list", "pipelines", workflow_id=workflow, organization_id=organization)
    jobs = await agent.call("pipeline_jobs", pipeline_id=pipeline, organization_id=organization)

    assert jobs.structured is not None
    failed = [job["jobId"] for job in jobs.structured["jobs"] if job["result"] == "FAILED"]
    log = await agent.call("jobs_logs", job_id=failed[0])

    assert "1 failure" in log.text
    assert "[exit code 1]" in log.text
    assert agent.refused == []
    assert made.job.id == failed[0]


async def _first(agent: Agent, name: str, key: str, **arguments: object) -> str:
    """The id of the one row that a list has."""
    result = await agent.call(name, **arguments)
    assert result.structured is not None, result.text
    (row,) = result.structured[key]
    return str(row["id"])


async def test_every_forged_id_is_refused_and_none_leaves(agent: Agent, made: Scene) -> None:
    for pipeline in (made.other, made.foreign):
        organization, project = pipeline.project.organization.id, pipeline.project.id
        job = next(iter(pipeline.jobs())).id
        for arguments in (
            {"job_id": job},
            {"pipeline_id": pipeline.id},
            {"workflow_id": pipeline.workflow.id},
            {"scope": "jobs", "scope_id": job, "path": "a"},
            {"scope": "workflows", "scope_id": pipeline.workflow.id, "path": "a"},
            {"scope": "job", "job_id": job},
            {"scope": "pipeline", "pipeline_id": pipeline.id},
        ):
            for name in RULES:
                result = await agent.call(name, organization_id=organization, project_id=project, **arguments)
                told = result.text + json.dumps(result.structured)
                assert "their secret" not in told
                assert pipeline.workflow.commit_sha not in told

    _nothing_of(made, made.other.workflow.id, made.other.id, *(job.id for job in made.other.jobs()))
    _nothing_of(made, made.foreign.project.organization.id, made.foreign.project.id, made.foreign.workflow.id)
    assert agent.refused


def _nothing_of(made: Scene, *ids: str) -> None:
    """No request that Semaphore got names one of these."""
    for request in made.world.hooks.requests:
        assert not any(each in f"{request.path} {request.query}" for each in ids), request


async def test_rows_of_other_workflows_and_projects_are_not_shown(agent: Agent, made: Scene) -> None:
    projects = await agent.call("projects_list")
    search = await agent.call("projects_search", query="o")
    workflows = await agent.call("workflows_search")

    for result in (projects, search, workflows):
        assert not result.is_error
        assert "storefront" not in result.text
        assert made.other.workflow.id not in result.text


async def test_a_later_attempt_reads_the_workflow_on_our_branch_too(made: Scene) -> None:
    scope = made.scope
    both = type(scope)(
        organization_id=scope.organization_id,
        project_id=scope.project_id,
        workflow_ids=scope.workflow_ids | {made.other.workflow.id},
        pipeline_ids=scope.pipeline_ids,
        job_ids=scope.job_ids,
    )

    async with gateway(made.tools, both) as agent:
        results = [await agent.call("jobs_logs", job_id=next(iter(one.jobs())).id) for one in (made.failed, made.other)]

    assert not any(result.is_error for result in results)


async def test_a_pipeline_that_was_rebuilt_meanwhile_is_looked_up(agent: Agent, made: Scene) -> None:
    again = made.world.partial_rebuild(made.failed, user="")
    again.finish("failed")

    result = await agent.call("pipeline_jobs", pipeline_id=again.id)

    assert not result.is_error, result.text


async def test_no_write_tool_reaches_semaphore(agent: Agent, made: Scene) -> None:
    for name in sorted(WRITE_TOOLS):
        result = await agent.call(
            name, workflow_id=made.failed.workflow.id, project_id=made.project.id, reference="main"
        )
        assert result.is_error

    assert list(made.world.hooks.requests) == []
    assert agent.refused == sorted(WRITE_TOOLS)


async def test_an_artifact_is_read_and_a_path_out_of_its_place_is_not(agent: Agent, made: Scene) -> None:
    place = {"scope": "jobs", "scope_id": made.job.id}
    good = await agent.call("artifacts_signed_url", **place, path="test-results/junit.xml")
    bad = [
        await agent.call("artifacts_signed_url", **place, path=path)
        for path in (f"../{made.other.id}/x", "/etc/passwd", "%2e%2e/x", "a/../../x", "x?scope_id=y", "..\\x")
    ]

    assert "<testsuite" in good.text
    assert all(result.is_error for result in bad)
    assert not any(".." in request.query or "passwd" in request.query for request in made.world.hooks.requests)


async def test_a_huge_log_is_bounded(agent: Agent, made: Scene) -> None:
    made.job.events[:] = [{"event": "cmd_output", "output": f"{number} {'z' * 5000}\n"} for number in range(3000)]

    result = await agent.call("jobs_logs", job_id=made.job.id)

    assert result.structured is not None
    assert len(json.dumps(result.structured)) < 65_536
    assert "2999 z" in result.text
    assert result.structured["nextCursor"]


IDS = st.sampled_from([JOB, PIPELINE, PROJECT, WORKFLOW, OTHER, OTHER.upper(), f"{OTHER}\n", f"x{OTHER}", JOB.upper()])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | IDS | st.uuids().map(str)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner))
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        sorted({name for rule in RULES.values() for name in (*rule.ids, *rule.texts)} | {"scope_id", "cursor", "limit"})
    )
    | st.text(max_size=10),
    VALUES,
    max_size=6,
)
SCOPES = st.sampled_from(["job", "jobs", "pipeline", "workflows", "projects", OTHER])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(RULES)), ARGUMENTS, SCOPES)
def test_whatever_an_agent_asks_no_id_of_something_else_leaves(
    name: str, arguments: dict[str, Any], scope: str
) -> None:
    semaphore, reach = Semaphore(), Reach.of(SCOPE)

    async def ask() -> None:
        reading = Reading(semaphore, SCOPE, refused=lambda _kind, _what: None, redact=str, limits=FAST)
        answer = await reading.call(name, {"scope": scope, **arguments})
        await reading.aclose()
        assert answer.text

    asyncio.run(ask())

    assert semaphore.looked_up in ([], [WORKFLOW])
    for _, asked in semaphore.asked:
        assert all(reach.holds(value) for key, value in asked.items() if key.endswith("_id"))
        leaving = json.dumps({key: value for key, value in asked.items() if key != "path"})
        assert all(reach.holds(each) for each in uuids_in(leaving))
