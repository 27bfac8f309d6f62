"""What an agent may ask of Semaphore."""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheald.domain.tools.forms import uuids_in
from selfheald.domain.tools.pinning import SHOWN_IDS, Mistake, OutOfReach, Pinned, pin
from selfheald.domain.tools.reach import Id, Reach
from selfheald.domain.tools.rules import RULES, WRITE_TOOLS
from selfheald.domain.zone import Members, Scope

ORGANIZATION, PROJECT, WORKFLOW, PIPELINE, JOB, TASK, OTHER = (str(uuid.UUID(int=0xABC000 + n)) for n in range(7))

REACH = Reach.of(
    Scope(
        organization_id=ORGANIZATION,
        project_id=PROJECT,
        workflow_ids=frozenset({WORKFLOW}),
        pipeline_ids=frozenset({PIPELINE}),
        job_ids=frozenset({JOB}),
    )
)

COMPLETE: Mapping[str, Mapping[str, Any]] = {
    "artifact_job_logs": {"job_id": JOB},
    "artifacts_list": {"scope": "jobs", "scope_id": JOB},
    "artifacts_signed_url": {"scope": "workflows", "scope_id": WORKFLOW, "path": "test-results/junit.json"},
    "docs_search": {"query": "after pipeline"},
    "get_test_results": {"scope": "pipeline", "pipeline_id": PIPELINE},
    "jobs_describe": {"job_id": JOB},
    "jobs_logs": {"job_id": JOB},
    "organizations_list": {},
    "pipeline_jobs": {"pipeline_id": PIPELINE},
    "pipelines_list": {"workflow_id": WORKFLOW},
    "projects_list": {},
    "projects_search": {"query": "billing"},
    "tasks_describe": {"task_id": TASK},
    "tasks_list": {},
    "workflows_search": {},
}
"""The least that each tool needs."""


def asked(name: str, **arguments: object) -> Pinned | Mistake | OutOfReach:
    """What becomes of a question."""
    return pin(name, {**COMPLETE.get(name, {}), **arguments}, REACH.joined({Id.TASK: (TASK,)}))


def passed_on(name: str, **arguments: object) -> Mapping[str, Any]:
    """What of a question leaves."""
    pinned = asked(name, **arguments)
    assert isinstance(pinned, Pinned)
    return pinned.arguments


def test_every_read_tool_is_offered() -> None:
    assert RULES.keys() == COMPLETE.keys()


@pytest.mark.parametrize("name", RULES)
def test_what_needs_no_saying_is_filled_in(name: str) -> None:
    arguments = passed_on(name)

    assert {key: arguments[key] for key in COMPLETE[name]} == COMPLETE[name]
    assert all(arguments[key] == ORGANIZATION for key in arguments if key == "organization_id")
    assert all(arguments[key] == PROJECT for key in arguments if key == "project_id")


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, rule in RULES.items() for argument in rule.ids]
)
def test_an_id_of_something_else_is_refused(name: str, argument: str) -> None:
    refused = asked(name, **{argument: OTHER})

    assert isinstance(refused, OutOfReach)
    assert refused.what == f"{name} {argument}={OTHER}"
    assert "Allowed: " in refused.text


@pytest.mark.parametrize(
    ("name", "scope", "argument"),
    [(name, scope, choice[0]) for name, rule in RULES.items() for scope, choice in rule.choices.items()],
)
def test_a_chosen_id_of_something_else_is_refused(name: str, scope: str, argument: str) -> None:
    assert isinstance(asked(name, scope=scope, **{argument: OTHER}), OutOfReach)


def test_an_id_of_another_kind_is_refused() -> None:
    assert isinstance(asked("jobs_logs", job_id=PIPELINE), OutOfReach)
    assert isinstance(asked("artifacts_list", scope="workflows", scope_id=JOB), OutOfReach)


def test_upper_case_and_space_around_an_id_make_no_other_id() -> None:
    assert passed_on("jobs_logs", job_id=f" {JOB.upper()}\n") == {"job_id": JOB}


@pytest.mark.parametrize("value", [7, True, ["x"], {"id": JOB}, 1.5])
def test_an_id_that_is_no_string_is_a_mistake(value: object) -> None:
    mistake = asked("jobs_logs", job_id=value)

    assert isinstance(mistake, Mistake)
    assert mistake.text == f"job_id must be a string. Allowed: {JOB}."


@pytest.mark.parametrize("value", [None, ""])
def test_an_id_that_is_missing_is_told_with_what_is_allowed(value: object) -> None:
    mistake = asked("jobs_logs", job_id=value)

    assert mistake == Mistake(text=f"job_id is required. Allowed: {JOB}.")


def test_a_kind_of_which_nothing_is_known_is_told() -> None:
    nothing = Reach.of(
        Scope(
            organization_id=ORGANIZATION,
            project_id=PROJECT,
            workflow_ids=frozenset(),
            pipeline_ids=frozenset(),
            job_ids=frozenset(),
        )
    )

    job, task = pin("jobs_logs", {}, nothing), pin("tasks_describe", {}, nothing)

    assert isinstance(job, Mistake)
    assert isinstance(task, Mistake)
    assert job.text == "job_id is required. No job of the failing workflow is known."
    assert task.text == "task_id is required. Call tasks_list first."


def test_an_organization_that_is_not_known_is_not_filled_in() -> None:
    nobody = Reach.of(
        Scope(
            organization_id="",
            project_id=PROJECT,
            workflow_ids=frozenset({""}),
            pipeline_ids=frozenset(),
            job_ids=frozenset({JOB}),
        )
    )

    mistake = pin("jobs_describe", {"job_id": JOB}, nobody)

    assert isinstance(mistake, Mistake)
    assert mistake.text == "organization_id is required. No organization of the failing workflow is known."
    assert nobody.all_of(Id.WORKFLOW) == ()


def test_a_refusal_names_a_few_ids_of_many() -> None:
    many = REACH.with_members(
        Members(pipeline_ids=frozenset(), job_ids=frozenset(str(uuid.UUID(int=n)) for n in range(100)))
    )

    refused = pin("jobs_logs", {"job_id": OTHER}, many)

    assert isinstance(refused, OutOfReach)
    assert len(uuids_in(refused.text)) == SHOWN_IDS + 1
    assert refused.text.endswith("and others of the failing workflow.")


def test_a_pipeline_or_job_that_is_not_known_may_belong() -> None:
    assert _may_belong("jobs_logs", job_id=OTHER)
    assert _may_belong("pipeline_jobs", pipeline_id=OTHER)
    assert not _may_belong("pipelines_list", workflow_id=OTHER)
    assert not _may_belong("jobs_logs", job_id="no id at all")


def _may_belong(name: str, **arguments: object) -> bool:
    refused = asked(name, **arguments)
    assert isinstance(refused, OutOfReach)
    return refused.may_belong


@pytest.mark.parametrize("name", [*WRITE_TOOLS, "echo", "", "jobs_logs\x1b[31m", "x" * 10_000])
def test_a_tool_that_does_not_read_or_does_not_exist_is_refused(name: str) -> None:
    refused = pin(name, {"workflow_id": WORKFLOW}, REACH)

    assert isinstance(refused, OutOfReach)
    assert refused.what
    assert len(refused.what) <= 80
    assert "\x1b" not in refused.text


def test_artifacts_of_the_project_are_refused_for_other_workflows_put_theirs_there() -> None:
    refused = asked("artifacts_list", scope="projects", scope_id=PROJECT)

    assert isinstance(refused, OutOfReach)
    assert "not the failing workflow's alone" in refused.text


@pytest.mark.parametrize("scope", [None, "", "organizations", 7, ["jobs"], "job s"])
def test_a_scope_that_does_not_exist_is_a_mistake(scope: object) -> None:
    assert asked("artifacts_list", scope=scope) == Mistake(text="scope must be one of [workflows jobs]")


def test_of_two_ids_only_the_one_of_the_scope_leaves() -> None:
    asking = passed_on("get_test_results", scope="job", job_id=JOB, pipeline_id=OTHER)

    assert asking == {"scope": "job", "job_id": JOB}


def test_arguments_that_no_rule_names_do_not_leave() -> None:
    asking = passed_on("workflows_search", requester="octocat", my_workflows_only=True, x=OTHER, limit=1, cursor=OTHER)

    assert asking == {
        "project_id": PROJECT,
        "organization_id": ORGANIZATION,
        "my_workflows_only": False,
        "limit": 100,
    }


@pytest.mark.parametrize(
    ("argument", "value", "leaves"),
    [
        ("mode", "Detailed", "detailed"),
        ("branch", " feature/x-1 ", "feature/x-1"),
        ("branch", "", None),
        ("branch", None, None),
    ],
)
def test_texts_leave_in_good_form(argument: str, value: object, leaves: object) -> None:
    assert passed_on("workflows_search", **{argument: value}).get(argument) == leaves


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("workflows_search", "mode", "all"),
        ("workflows_search", "mode", 1),
        ("workflows_search", "branch", "../main"),
        ("workflows_search", "branch", "a//b"),
        ("workflows_search", "branch", "a@{1}"),
        ("workflows_search", "branch", "release/*"),
        ("workflows_search", "branch", "x" * 256),
        ("projects_search", "query", 'a" OR "b'),
        ("projects_search", "query", "x" * 257),
        ("projects_search", "repository_url", "a\x00b"),
        ("docs_search", "query", None),
        ("docs_search", "version", "../x"),
        ("docs_search", "limit", 0),
        ("docs_search", "limit", 31),
        ("docs_search", "limit", True),
        ("docs_search", "limit", "ten"),
        ("docs_search", "limit", float("nan")),
        ("artifacts_signed_url", "path", None),
        ("artifacts_signed_url", "path", "/etc/passwd"),
        ("artifacts_signed_url", "path", "../other"),
        ("artifacts_signed_url", "path", "a/../../b"),
        ("artifacts_signed_url", "path", "a/./b"),
        ("artifacts_signed_url", "path", "a//b"),
        ("artifacts_signed_url", "path", "a/%2e%2e/b"),
        ("artifacts_signed_url", "path", "a\\b"),
        ("artifacts_signed_url", "path", "a?scope_id=x"),
        ("artifacts_signed_url", "path", "a#b"),
        ("artifacts_signed_url", "path", "a\nb"),
        ("artifacts_signed_url", "path", "x" * 513),
        ("artifacts_signed_url", "path", ["a"]),
        ("artifacts_signed_url", "cursor", "-1"),
        ("artifacts_signed_url", "cursor", 7),
        ("jobs_logs", "cursor", "abc"),
        ("jobs_logs", "cursor", "1" * 10),
        ("jobs_logs", "cursor", 50),
    ],
)
def test_what_is_not_in_good_form_is_a_mistake(name: str, argument: str, value: object) -> None:
    mistake = asked(name, **{argument: value})

    assert isinstance(mistake, Mistake)
    assert len(mistake.text) < 200


def test_documentation_is_searched_by_words_number_and_version() -> None:
    assert passed_on("docs_search", limit=5.0, version="v1.5") == {
        "query": "after pipeline",
        "limit": 5,
        "version": "v1.5",
    }


def test_an_artifact_path_may_end_in_a_slash_and_hold_any_name() -> None:
    assert passed_on("artifacts_list", path=f"screens/{OTHER}.png/")["path"] == f"screens/{OTHER}.png"


@pytest.mark.parametrize("query", [OTHER, f"x-{OTHER.upper()}"])
def test_no_id_of_something_else_leaves_in_a_text(query: str) -> None:
    assert isinstance(asked("projects_search", query=query), OutOfReach)
    assert isinstance(asked("workflows_search", branch=f"b-{OTHER}"), OutOfReach)


def test_an_id_within_reach_may_stand_in_a_text() -> None:
    assert passed_on("projects_search", query=PROJECT)["query"] == PROJECT


@pytest.mark.parametrize(
    ("cursor", "leaves", "at"),
    [(None, None, None), ("", None, None), ("50", "50", None), ("50:7", "50", 7), (":7", None, 7), (" 0 ", "0", None)],
)
def test_the_cursor_of_a_log_is_semaphores_and_ours(cursor: object, leaves: str | None, at: int | None) -> None:
    pinned = asked("jobs_logs", cursor=cursor)

    assert isinstance(pinned, Pinned)
    assert (pinned.arguments.get("cursor"), pinned.at, pinned.window) == (leaves, at, "log")


@pytest.mark.parametrize(("cursor", "at"), [(None, 0), ("", 0), ("24000", 24_000)])
def test_the_cursor_of_a_content_is_ours_alone(cursor: object, at: int) -> None:
    pinned = asked("get_test_results", cursor=cursor)

    assert isinstance(pinned, Pinned)
    assert "cursor" not in pinned.arguments
    assert (pinned.at, pinned.window) == (at, "content")


IDS = st.sampled_from([ORGANIZATION, PROJECT, WORKFLOW, PIPELINE, JOB, TASK, OTHER, OTHER.upper(), f" {JOB} "])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | IDS | st.uuids().map(str)
ANYTHING = st.recursive(
    SCALARS | st.builds("{}{}".format, IDS, st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    sorted(
        {argument for rule in RULES.values() for argument in (*rule.ids, *rule.texts, *rule.fixed)}
        | {"scope", "scope_id", "cursor", "requester", "method", "max_pages"}
    )
)
SCOPES = st.sampled_from(["jobs", "job", "pipeline", "workflows", "projects"])


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no mistake of the code
@given(st.sampled_from(sorted(RULES)), st.dictionaries(NAMES, ANYTHING, max_size=8), SCOPES)
def test_whatever_is_asked_no_id_of_something_else_leaves(name: str, given_: dict[str, Any], scope: str) -> None:
    pinned = pin(name, {"scope": scope, **given_}, REACH)

    if isinstance(pinned, Pinned):
        leaving = {key: value for key, value in pinned.arguments.items() if key != "path"}
        assert all(isinstance(value, str | int) for value in leaving.values())
        assert all(REACH.holds(each) for value in leaving.values() for each in uuids_in(str(value)))
        assert all(value in IN_REACH for key, value in leaving.items() if key.endswith("_id"))


IN_REACH = {ORGANIZATION, PROJECT, WORKFLOW, PIPELINE, JOB}
