"""Lists and descriptions of pipelines, with the quirks that clients get wrong."""

from datetime import timedelta
from typing import Any

import pytest

from selfheald.simulator.state import JobResult, Pipeline, PullRequestHead
from tests.simulator.conftest import START, Stage

LISTED_KEYS = 36
"""As many keys as a done pipeline has."""

EPOCH = {"seconds": 0, "nanos": 0}


def ids(listed: Any) -> list[str]:
    return [each["ppl_id"] for each in listed]


async def test_a_list_speaks_upper_case_and_seconds_with_nanos(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed")

    listed = (await stage.pipelines()).json()[0]

    assert (listed["state"], listed["result"], listed["result_reason"]) == ("DONE", "FAILED", "TEST")
    assert listed["created_at"] == {"seconds": int(START.timestamp()), "nanos": 131742000}
    assert listed["stopping_at"] == EPOCH
    assert listed["queue"]["type"] == "IMPLICIT"
    assert listed["triggerer"]["wf_triggered_by"] == "HOOK"
    assert listed["triggerer"]["ppl_triggered_by"] == "WORKFLOW"
    assert (listed["working_directory"], listed["yaml_file_name"]) == (".semaphore", "semaphore.yml")


async def test_a_description_speaks_lower_case_texts_and_numbers(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed")

    described = (await stage.get(f"/pipelines/{pipeline.id}")).json()["pipeline"]

    assert (described["state"], described["result"], described["result_reason"]) == ("done", "failed", "test")
    assert described["created_at"] == "2026-03-01 12:00:00.131742Z"
    assert described["stopping_at"] == "1970-01-01 00:00:00.000000Z"
    assert described["queue"]["type"] == 0
    assert described["triggerer"]["wf_triggered_by"] == 0
    assert described["triggerer"]["ppl_triggered_by"] == 0


async def test_both_dialects_have_the_same_keys(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("passed")

    listed = (await stage.pipelines()).json()[0]
    described = (await stage.get(f"/pipelines/{pipeline.id}")).json()["pipeline"]

    assert listed.keys() == described.keys()
    assert len(listed) == LISTED_KEYS


async def test_the_result_keys_are_missing_until_done(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.start()

    listed = (await stage.pipelines()).json()[0]
    described = (await stage.get(f"/pipelines/{pipeline.id}")).json()["pipeline"]

    assert not {"result", "result_reason"} & (listed.keys() | described.keys())


async def test_a_passed_pipeline_has_the_reason_test(stage: Stage) -> None:
    stage.pushed()[0].finish("passed")

    assert (await stage.pipelines()).json()[0]["result_reason"] == "TEST"


async def test_a_fresh_pipeline_knows_neither_message_nor_an_api_runs_commit(stage: Stage) -> None:
    pushed = stage.pushed(message="Fix totals")[0]
    run = stage.pushed(triggered_by="api")[0]

    newest, oldest = (await stage.pipelines()).json()

    assert (oldest["commit_message"], oldest["commit_sha"]) == ("", pushed.workflow.commit_sha)
    assert {newest[key] for key in ("commit_sha", "commit_message", "hook_id", "branch_id", "repository_id")} == {""}
    pushed.start()
    run.start()
    newest, oldest = (await stage.pipelines()).json()
    assert oldest["commit_message"] == "Fix totals"
    assert newest["commit_sha"] == run.workflow.commit_sha


async def test_blocks_come_only_when_details_are_asked_for_exactly(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed", jobs=[JobResult(name="RSpec", result="failed"), JobResult(name="Lint")])

    for asked, count in {"true": 1, "True": 0, "1": 0, "false": 0}.items():
        answer = await stage.get(f"/pipelines/{pipeline.id}", detailed=asked)
        assert len(answer.json()["blocks"]) == count, asked


async def test_unfinished_jobs_read_passed(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.start(["Tests", "Deploy"])
    pipeline.add_job("RSpec", block="Tests").start()
    pipeline.add_job("Lint", block="Tests")

    blocks = (await stage.get(f"/pipelines/{pipeline.id}", detailed="true")).json()["blocks"]

    assert [(job["status"], job["result"]) for job in blocks[0]["jobs"]] == [
        ("RUNNING", "PASSED"),
        ("ENQUEUED", "PASSED"),
    ]
    assert (blocks[1]["block_id"], blocks[1]["state"], blocks[1]["jobs"]) == ("", "waiting", [])


async def test_the_blocks_of_a_failure_tell_which_job_failed(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.start(["Tests", "Deploy"])
    pipeline.finish("failed", jobs=[JobResult(name="RSpec", result="failed"), JobResult(name="Lint")])

    blocks = (await stage.get(f"/pipelines/{pipeline.id}", detailed="true")).json()["blocks"]

    assert [(block["state"], block["result"], block["result_reason"]) for block in blocks] == [
        ("done", "failed", "test"),
        ("done", "canceled", "strategy"),
    ]
    assert [(job["name"], job["status"], job["result"]) for job in blocks[0]["jobs"]] == [
        ("RSpec", "FINISHED", "FAILED"),
        ("Lint", "FINISHED", "PASSED"),
    ]


async def test_lists_are_newest_creation_first_even_when_asked_by_end(stage: Stage) -> None:
    first, second = stage.pushed(2)
    second.finish("passed")
    stage.watch.forward(100)
    first.finish("failed")

    listed = (await stage.pipelines(done_after=int(START.timestamp()))).json()

    assert ids(listed) == [second.id, first.id]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"created_after": 0}, 2),
        ({"created_after": 1}, 1),
        ({"created_after": 2}, 0),
        ({"created_before": 2}, 1),
        ({"created_before": 1}, 1),
        ({"created_before": 0}, 0),
    ],
)
async def test_bounds_are_strict_and_in_whole_seconds(stage: Stage, params: dict[str, int], found: int) -> None:
    """``T`` excludes exactly ``T.000000`` and tells ``T.5`` from it."""
    base = START.replace(microsecond=0)
    stage.world.push(stage.project, created_at=base + timedelta(seconds=0.5))
    stage.world.push(stage.project, created_at=base + timedelta(seconds=2))
    asked = {name: int(base.timestamp()) + offset for name, offset in params.items()}

    assert len((await stage.pipelines(**asked)).json()) == found


async def test_done_bounds_take_the_end_and_only_done_pipelines(stage: Stage) -> None:
    done, stamped = stage.pushed(2)
    done.finish("passed")
    stamped.start()
    stamped.stamp_done()
    second = int(stage.watch.now.timestamp())

    assert ids((await stage.pipelines(done_after=second - 1)).json()) == [done.id]
    assert ids((await stage.pipelines(done_before=second + 1)).json()) == [done.id]
    assert ids((await stage.pipelines(done_after=second)).json()) == [done.id]
    assert (await stage.pipelines(done_before=second)).json() == []


CROSSED = [
    ("created_after", "created_before", {"created_after": 20, "created_before": 20}),
    ("done_after", "done_before", {"done_after": 30, "done_before": 20}),
    ("created_after", "done_after", {"created_after": 20, "done_after": 20}),
    ("created_after", "done_before", {"created_after": 20, "done_before": 10}),
    ("created_before", "done_after", {"created_after": 5, "created_before": 20, "done_after": 15}),
    ("created_before", "done_before", {"created_before": 20, "done_before": 15}),
]


@pytest.mark.parametrize(("first", "second", "params"), CROSSED)
async def test_crossed_bounds_are_refused_with_semaphores_own_typo(
    stage: Stage, first: str, second: str, params: dict[str, int]
) -> None:
    answer = await stage.pipelines(**params)

    assert answer.status_code == 400
    assert answer.json() == (f"Inavlid values od fields '{first}' and '{second}' - first has to be before second.")


async def test_created_after_is_free_when_created_before_is_given(stage: Stage) -> None:
    """Only ``created_before`` is then compared with the ends."""
    answer = await stage.pipelines(created_after=5, created_before=10, done_after=11)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("written", "status", "found"),
    [
        ("1000.5", 200, 1),
        ("2025-01-01", 200, 1),
        ("0", 200, 1),
        ("abc", 500, 0),
        ("", 500, 0),
        ("1700000000000", 500, 0),
    ],
)
async def test_times_are_read_by_their_leading_digits(stage: Stage, written: str, status: int, found: int) -> None:
    stage.pushed()

    answer = await stage.pipelines(created_after=written)

    assert answer.status_code == status
    assert answer.json() == "Internal error" if status == 500 else len(answer.json()) == found


async def test_an_iso_date_as_an_upper_bound_means_1970(stage: Stage) -> None:
    stage.pushed()

    assert (await stage.pipelines(created_before="2025-01-01")).json() == []


async def test_a_late_row_has_an_end_before_one_that_was_seen_earlier(stage: Stage) -> None:
    late, early = stage.pushed(2)
    for pipeline in (late, early):
        pipeline.start()
    late.stamp_done()
    stage.watch.forward(30)
    early.finish("failed")
    since = int(START.timestamp())

    assert ids((await stage.pipelines(done_after=since)).json()) == [early.id]
    late.finish("failed")
    seen = (await stage.pipelines(done_after=since)).json()
    assert ids(seen) == [early.id, late.id]
    assert seen[1]["done_at"]["seconds"] < seen[0]["done_at"]["seconds"]


async def test_a_watchdogs_end_has_the_state_before_the_time(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed", "stuck", stamped=False)

    listed = (await stage.pipelines()).json()[0]

    assert (listed["state"], listed["result_reason"], listed["done_at"]) == ("DONE", "STUCK", EPOCH)
    assert (await stage.pipelines(done_after=1)).json() == []


async def test_filters_are_exact(stage: Stage) -> None:
    branch = stage.pushed(branch="main")[0]
    tag = stage.pushed(tag="v1.2")[0]
    head = PullRequestHead(number=7, sha="e" * 40, branch="fix", target="main")
    pull = stage.pushed(pull_request=head, file=".semaphore/other.yml")[0]
    for pipeline in (branch, tag, pull):
        pipeline.start()
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"branch_name": "main"}, [branch.id]),
        ({"branch_name": "refs/tags/v1.2"}, [tag.id]),
        ({"branch_name": "mai"}, []),
        ({"label": "v1.2"}, [tag.id]),
        ({"label": "7"}, [pull.id]),
        ({"yml_file_path": ".semaphore/other.yml"}, [pull.id]),
        ({"pr_head_branch": "fix"}, [pull.id]),
        ({"pr_target_branch": "main"}, [pull.id]),
        ({"wf_id": tag.workflow.id}, [tag.id]),
        ({"git_ref_types[]": ["BRANCH", "TAG"]}, [tag.id, branch.id]),
        ({"state": "DONE"}, [pull.id, tag.id, branch.id]),
    ]
    for params, expected in cases:
        assert ids((await stage.pipelines(**params)).json()) == expected, params


@pytest.mark.parametrize("params", [{"git_ref_types": "BRANCH"}, {"git_ref_types[]": "HEAD"}])
async def test_scalar_or_unknown_kinds_of_reference_are_an_internal_error(stage: Stage, params: dict[str, str]) -> None:
    assert (await stage.pipelines(**params)).status_code == 500


async def test_a_list_by_workflow_needs_no_project(stage: Stage) -> None:
    pipeline = stage.pushed()[0]

    assert ids((await stage.get("/pipelines", wf_id=pipeline.workflow.id)).json()) == [pipeline.id]


@pytest.mark.parametrize("params", [{}, {"project_id": "nope"}, {"wf_id": "nope"}, {"project_id": "", "wf_id": ""}])
async def test_a_list_of_nothing_known_is_not_found(stage: Stage, params: dict[str, str]) -> None:
    answer = await stage.get("/pipelines", **params)

    assert (answer.status_code, answer.text) == (404, "Not Found")


async def test_termination_is_asked_for_and_happens_later(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.start()
    path = f"/api/v1alpha/pipelines/{pipeline.id}"

    for _ in range(2):
        answer = await stage.client.patch(path, json={"terminate_request": True})
        assert (answer.status_code, answer.json()) == (200, "Pipeline termination started.")

    assert (pipeline.state, pipeline.terminate_request) == ("stopping", "stop")
    answer = await stage.client.patch(path, json={"terminate_request": "true"})
    assert (answer.status_code, answer.json()) == (
        400,
        "Value of 'terminate_request' field must be boolean value 'true'.",
    )


async def test_a_pipeline_that_has_not_started_is_cancelled(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    told: list[Pipeline] = []
    stage.world.on_terminate.append(told.append)

    await stage.client.patch(f"/api/v1alpha/pipelines/{pipeline.id}", json={"terminate_request": True})

    assert pipeline.terminate_request == "cancel"
    assert told == [pipeline]


async def test_a_partial_rebuild_happens_once_per_token(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed", jobs=[JobResult(name="Lint", block="Lint"), JobResult(name="RSpec", result="failed")])
    path = f"/pipelines/{pipeline.id}/partial_rebuild"

    first = (await stage.post(path, request_token="a")).json()
    again = (await stage.post(path, {"request_token": "a"})).json()
    other = (await stage.post(path, request_token="b")).json()

    assert first == again
    assert first["message"] == ""
    assert other["pipeline_id"] != first["pipeline_id"]
    rebuilt = stage.world.pipeline(first["pipeline_id"])
    assert rebuilt.partial_rerun_of == pipeline.id
    assert rebuilt.workflow is pipeline.workflow
    assert [job.id for job in rebuilt.jobs()] == [next(iter(pipeline.jobs())).id]


async def test_a_partial_rebuild_is_refused_with_semaphores_words(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    path = f"/pipelines/{pipeline.id}/partial_rebuild"

    answers = [await stage.post(path), await stage.post(path, request_token="a")]
    pipeline.finish("passed")
    answers.append(await stage.post(path, request_token="a"))

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (400, "Missing required post parameter request_token."),
        (400, "Only pipelines which are in done state can be partial rebuilt."),
        (400, "Pipelines which passed can not be partial rebuilt."),
    ]


async def test_the_topology_names_jobs_and_dependencies(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("passed", jobs=[JobResult(name="Lint", block="Lint"), JobResult(name="RSpec")])

    topology = (await stage.get(f"/pipelines/{pipeline.id}/describe_topology")).json()

    assert topology == [
        {"name": "Lint", "jobs": ["Lint"], "dependencies": []},
        {"name": "Tests", "jobs": ["RSpec"], "dependencies": ["Lint"]},
    ]


@pytest.mark.parametrize("action", ["", "/describe_topology"])
async def test_an_unknown_pipeline_is_not_found(stage: Stage, action: str) -> None:
    answer = await stage.get(f"/pipelines/nope{action}")

    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert (await stage.post("/pipelines/nope/partial_rebuild")).status_code == 404
    assert (await stage.client.patch("/api/v1alpha/pipelines/nope", json={})).status_code == 404
