"""What an agent is shown of Semaphore's answers."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.domain.test_tools import JOB, ORGANIZATION, OTHER, PIPELINE, PROJECT, REACH, TASK, WORKFLOW

from selfheald.domain.tools.reach import Id
from selfheald.domain.tools.rows import found_all, learned, within


@pytest.mark.parametrize(
    ("name", "key", "mine", "other"),
    [
        ("organizations_list", "organizations", {"id": ORGANIZATION}, {"id": OTHER}),
        ("projects_list", "projects", {"id": PROJECT}, {"id": OTHER}),
        ("workflows_search", "workflows", {"id": WORKFLOW, "projectId": PROJECT}, {"id": OTHER, "projectId": PROJECT}),
        ("pipelines_list", "pipelines", {"id": OTHER, "workflowId": WORKFLOW}, {"id": PIPELINE, "workflowId": OTHER}),
        ("tasks_list", "tasks", {"id": OTHER}, {"id": TASK, "project_id": OTHER}),
    ],
)
def test_rows_of_something_else_are_dropped(
    name: str, key: str, mine: Mapping[str, str], other: Mapping[str, str]
) -> None:
    shown = within(name, {key: [other, mine, "no row"], "nextCursor": "x", "next_cursor": "y"}, REACH)

    assert shown == {key: [mine]}


def test_a_search_counts_only_what_is_shown() -> None:
    found = {"projects": [{"id": OTHER}, {"id": PROJECT}], "totalMatches": 2, "searchedPages": 1, "moreAvailable": True}

    assert within("projects_search", found, REACH) == {
        "projects": [{"id": PROJECT}],
        "totalMatches": 1,
        "searchedPages": 1,
        "moreAvailable": False,
    }


def test_a_list_without_rows_is_empty() -> None:
    assert within("pipelines_list", {}, REACH) == {"pipelines": []}


@pytest.mark.parametrize(
    "structured",
    [
        {"id": JOB, "projectId": OTHER},
        {"id": JOB, "organizationId": OTHER},
        {"pipeline": {"id": PIPELINE, "workflowId": OTHER}},
        {"id": JOB, "projectId": 7},
        {"jobId": OTHER, "preview": ["theirs"]},
    ],
)
def test_an_answer_about_something_else_is_not_shown(structured: Mapping[str, Any]) -> None:
    assert within("jobs_describe", structured, REACH) is None


def test_an_answer_about_the_failing_workflow_is_shown() -> None:
    described = {"id": JOB, "projectId": PROJECT, "organizationId": "", "timeline": {}}

    assert within("jobs_describe", described, REACH) == described


def test_of_a_task_only_the_runs_within_reach_are_shown() -> None:
    described = {
        "task": {"id": TASK, "project_id": PROJECT},
        "recent_triggers": [{"workflow_id": OTHER}, {"workflow_id": WORKFLOW}, {"status": "failed"}],
    }

    shown = within("tasks_describe", described, REACH)

    assert shown is not None
    assert shown["recent_triggers"] == [{"workflow_id": WORKFLOW}]


def test_a_list_is_read_on_until_what_is_within_reach_was_found() -> None:
    assert found_all("workflows_search", [{"id": WORKFLOW}], REACH)
    assert not found_all("workflows_search", [{"id": OTHER}], REACH)
    assert not found_all("pipelines_list", [{"id": PIPELINE}], REACH)


def test_ids_are_learned_from_answers_within_reach() -> None:
    assert learned("pipelines_list", {"pipelines": [{"id": "p"}, {"id": 7}, "no row"]}) == {Id.PIPELINE: ("p",)}
    assert learned("pipeline_jobs", {"jobs": [{"jobId": "a"}], "afterPipelineJobIds": ["b", 1]}) == {Id.JOB: ("a", "b")}
    assert learned("pipeline_jobs", {"jobs": [{"jobId": "a"}]}) == {Id.JOB: ("a",)}
    assert learned("tasks_list", {"tasks": [{"id": "t"}]}) == {Id.TASK: ("t",)}
    assert learned("jobs_describe", {"id": "j"}) == {}


def test_an_empty_id_is_within_no_reach() -> None:
    assert not REACH.joined({Id.JOB: ("", " ")}).has(Id.JOB, "")
