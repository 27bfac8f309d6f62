"""What an agent may ask at the tools gateway, and how often."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.sandbox.gateway import (
    FAST,
    JOB,
    ORGANIZATION,
    OTHER,
    PIPELINE,
    PROJECT,
    SCOPE,
    SECRET,
    TASK,
    WORKFLOW,
    Agent,
    Semaphore,
    gateway,
)

from selfheald.domain.errors import TransientError
from selfheald.domain.zone import Members, Scope
from selfheald.ports import ToolAnswer


@pytest.fixture
def semaphore() -> Semaphore:
    return Semaphore()


@pytest.fixture
async def agent(semaphore: Semaphore) -> AsyncIterator[Agent]:
    async with gateway(semaphore, SCOPE) as at_the_door:
        yield at_the_door


async def test_a_write_tool_is_refused_and_the_refusal_is_told(agent: Agent, semaphore: Semaphore) -> None:
    result = await agent.call("workflows_rerun", workflow_id=WORKFLOW)

    assert result.is_error
    assert "it does not only read" in result.text
    assert agent.refused == ["workflows_rerun"]
    assert semaphore.asked == []


async def test_an_id_of_something_else_is_refused_after_it_was_looked_up_once(
    agent: Agent, semaphore: Semaphore
) -> None:
    for _ in range(3):
        result = await agent.call("jobs_logs", job_id=OTHER)
        assert result.is_error

    assert semaphore.looked_up == [WORKFLOW]
    assert semaphore.asked == []
    assert agent.refused == [f"jobs_logs job_id={OTHER}"] * 3


async def test_a_mistake_is_no_refusal(agent: Agent, semaphore: Semaphore) -> None:
    result = await agent.call("jobs_logs")

    assert result.is_error
    assert JOB in result.text
    assert agent.refused == []
    assert semaphore.looked_up == []


async def test_a_job_of_the_failing_workflow_that_was_not_known_is_looked_up(
    agent: Agent, semaphore: Semaphore
) -> None:
    semaphore.found = Members(pipeline_ids=frozenset(), job_ids=frozenset({OTHER}))

    results = await asyncio.gather(*(agent.call("jobs_logs", job_id=OTHER) for _ in range(5)))

    assert not any(result.is_error for result in results)
    assert semaphore.looked_up == [WORKFLOW]
    assert semaphore.asked == [("jobs_logs", {"job_id": OTHER})]


async def test_a_look_up_that_fails_is_told_and_made_again(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.found = Members(pipeline_ids=frozenset(), job_ids=frozenset({OTHER}))
    semaphore.fails = TransientError(f"Semaphore answered 500: {SECRET}")

    first, second = await agent.call("jobs_logs", job_id=OTHER), await agent.call("jobs_logs", job_id=OTHER)

    assert first.text == "Semaphore answered 500: [redacted]"
    assert not second.is_error


async def test_every_workflow_of_the_case_is_within_reach(semaphore: Semaphore) -> None:
    both = Scope(
        organization_id=ORGANIZATION,
        project_id=PROJECT,
        workflow_ids=frozenset({WORKFLOW, OTHER}),
        pipeline_ids=frozenset(),
        job_ids=frozenset(),
    )
    semaphore.found = Members(pipeline_ids=frozenset({PIPELINE}), job_ids=frozenset())

    async with gateway(semaphore, both) as agent:
        result = await agent.call("pipeline_jobs", pipeline_id=PIPELINE)

    assert not result.is_error
    assert semaphore.looked_up == sorted([WORKFLOW, OTHER])


async def test_what_an_answer_names_of_the_workflow_is_within_reach(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["pipeline_jobs"] = {"jobs": [], "afterPipelineJobIds": [OTHER]}
    await agent.call("pipeline_jobs", pipeline_id=PIPELINE)

    assert not (await agent.call("jobs_logs", job_id=OTHER)).is_error
    assert semaphore.looked_up == []


async def test_a_task_is_within_reach_once_it_was_listed(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["tasks_list"] = {"tasks": [{"id": TASK}]}

    before = await agent.call("tasks_describe", task_id=TASK)
    await agent.call("tasks_list")
    after = await agent.call("tasks_describe", task_id=TASK)

    assert before.is_error
    assert "Call tasks_list first" in before.text
    assert not after.is_error


async def test_the_same_question_is_asked_once(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_describe"] = {"id": JOB}

    results = await asyncio.gather(*(agent.call("jobs_describe", job_id=JOB) for _ in range(20)))
    again = await agent.call("jobs_describe", job_id=JOB.upper(), organization_id=ORGANIZATION)

    assert {json.dumps(result.structured) for result in (*results, again)} == {json.dumps({"id": JOB})}
    assert len(semaphore.asked) == 1


async def test_what_went_wrong_is_asked_again(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_describe"] = ToolAnswer(text=f"not now {SECRET}\x1b[31m", is_error=True)
    first = await agent.call("jobs_describe", job_id=JOB)
    semaphore.answers["jobs_describe"] = {"id": JOB}
    second = await agent.call("jobs_describe", job_id=JOB)

    assert (first.is_error, first.text) == (True, "not now [redacted]")
    assert second.structured == {"id": JOB}


async def test_an_answer_about_something_else_is_not_shown(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_describe"] = {"id": JOB, "projectId": OTHER, "name": "theirs"}

    result = await agent.call("jobs_describe", job_id=JOB)

    assert result.is_error
    assert "theirs" not in result.text


async def test_a_list_is_looked_through_for_what_is_within_reach(agent: Agent, semaphore: Semaphore) -> None:
    def page(arguments: dict[str, Any]) -> dict[str, Any]:
        number = int(arguments.get("cursor", 0))
        mine = [{"id": PROJECT, "name": "billing"}] if number == 3 else []
        return {"projects": [{"id": OTHER, "name": "theirs"}, *mine], "nextCursor": str(number + 1)}

    semaphore.answers["projects_list"] = page

    result = await agent.call("projects_list", limit=1, cursor=OTHER)

    assert result.structured == {"projects": [{"id": PROJECT, "name": "billing"}]}
    assert "theirs" not in result.text
    assert len(semaphore.asked) == 4


async def test_a_list_that_never_ends_is_given_up(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["projects_list"] = lambda arguments: {"nextCursor": f"{arguments.get('cursor', '')}x"}

    assert (await agent.call("projects_list")).structured == {"projects": []}
    assert len(semaphore.asked) == 10


async def test_what_a_list_says_instead_is_told(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["projects_list"] = ToolAnswer(text="Permission denied", is_error=True)

    assert (await agent.call("projects_list")).text == "Permission denied"


async def test_calls_are_counted_refused_ones_too(semaphore: Semaphore) -> None:
    async with gateway(semaphore, SCOPE, limits=replace(FAST, calls=3)) as agent:
        for _ in range(3):
            await agent.call("tasks_run")
        result = await agent.call("jobs_logs", job_id=JOB)

    assert result.is_error
    assert "3 calls are used up" in result.text
    assert semaphore.asked == []


async def test_questions_to_semaphore_are_counted(semaphore: Semaphore) -> None:
    async with gateway(semaphore, SCOPE, limits=replace(FAST, requests=2)) as agent:
        for cursor in ("1", "2"):
            await agent.call("jobs_logs", job_id=JOB, cursor=cursor)
        third = await agent.call("jobs_logs", job_id=JOB, cursor="3")
        known = await agent.call("jobs_logs", job_id=JOB, cursor="1")

    assert third.is_error
    assert not known.is_error
    assert len(semaphore.asked) == 2


async def test_only_some_questions_are_open_at_a_time(semaphore: Semaphore) -> None:
    running, most, go = [0], [0], asyncio.Event()

    async def before() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        if most[0] == 2:
            go.set()
        await go.wait()
        running[0] -= 1

    semaphore.before = before
    async with gateway(semaphore, SCOPE, limits=replace(FAST, at_once=2)) as agent:
        await asyncio.gather(*(agent.call("jobs_logs", job_id=JOB, cursor=str(number)) for number in range(8)))

    assert most == [2]


async def test_what_is_remembered_is_bounded(semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "preview": ["x" * 1000]}
    async with gateway(semaphore, SCOPE, limits=replace(FAST, remembered=2500)) as agent:
        for cursor in ("1", "2", "3", "1"):
            await agent.call("jobs_logs", job_id=JOB, cursor=cursor)

    assert [arguments["cursor"] for _, arguments in semaphore.asked] == ["1", "2", "3", "1"]


async def test_a_question_that_is_open_when_the_attempt_ends_is_given_up(semaphore: Semaphore) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def before() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    semaphore.before = before
    async with gateway(semaphore, SCOPE) as agent:
        call = asyncio.create_task(agent.call("jobs_logs", job_id=JOB))
        await begun.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert ended.is_set()
