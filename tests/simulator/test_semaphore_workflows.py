"""Workflows, promotions and logs."""

from typing import Any

import pytest

from selfheald.simulator.faults import Fault, FaultKind
from selfheald.simulator.state import JobResult, LogEvent, Pipeline
from tests.simulator.conftest import START, Stage


async def test_workflows_are_numbered_in_lists_and_named_alone(stage: Stage) -> None:
    older, newer = (pipeline.workflow for pipeline in stage.pushed(2))

    listed = (await stage.get("/plumber-workflows", project_id=stage.project.id)).json()
    described = (await stage.get(f"/plumber-workflows/{older.id}")).json()["workflow"]

    assert [each["wf_id"] for each in listed] == [newer.id, older.id]
    assert listed[1]["triggered_by"] == 0
    assert listed[1]["created_at"] == {"seconds": int(START.timestamp()), "nanos": 131742000}
    assert described["triggered_by"] == "HOOK"
    assert described["initial_ppl_id"] == older.pipeline.id
    assert (await stage.get("/plumber-workflows/nope")).status_code == 404


@pytest.mark.parametrize("params", [{"created_after": 9, "created_before": 9}, {"created_after": "1700000000000"}])
async def test_senseless_limits_of_workflows_are_an_empty_list(stage: Stage, params: dict[str, Any]) -> None:
    stage.pushed()

    answer = await stage.get("/plumber-workflows", project_id=stage.project.id, **params)

    assert (answer.status_code, answer.json()) == (200, [])
    assert [answer.headers[name] for name in ("total", "page-number", "per-page")] == ["0", "0", "0"]


async def test_lists_of_workflows_by_workflow_are_empty_and_of_nothing_not_found(stage: Stage) -> None:
    workflow = stage.pushed()[0].workflow

    assert (await stage.get("/plumber-workflows", wf_id=workflow.id)).json() == []
    assert (await stage.get("/plumber-workflows", wf_id="nope")).status_code == 404
    assert (await stage.get("/plumber-workflows", project_id="nope")).status_code == 404
    answer = await stage.get("/plumber-workflows", project_id=stage.project.id, created_after="abc")
    assert answer.status_code == 500


async def test_workflows_are_filtered_exactly(stage: Stage) -> None:
    main, tag = stage.pushed(branch="main")[0].workflow, stage.pushed(tag="v1")[0].workflow
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"branch_name": "main"}, [main.id]),
        ({"label": "v1"}, [tag.id]),
        ({"git_ref_types[]": "TAG"}, [tag.id]),
        ({"requester_id": main.requester_id}, [tag.id, main.id]),
        ({"requester_id": "nobody"}, []),
    ]
    for params, expected in cases:
        listed = (await stage.get("/plumber-workflows", project_id=stage.project.id, **params)).json()
        assert [each["wf_id"] for each in listed] == expected, params


@pytest.mark.parametrize(
    ("reference", "branch_name"),
    [
        ("dev", "dev"),
        ("refs/heads/dev", "dev"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("refs/pull/7", "pull-request-7"),
        (None, "main"),
    ],
)
async def test_a_run_takes_any_reference(stage: Stage, reference: str | None, branch_name: str) -> None:
    told: list[Pipeline] = []
    stage.world.on_new_pipeline.append(told.append)

    body = {"project_id": stage.project.id, "reference": reference, "parameters": {"REGION": "eu"}}
    answer = (await stage.post("/plumber-workflows", body)).json()

    assert answer.keys() == {"workflow_id", "pipeline_id"}
    pipeline = stage.world.pipeline(answer["pipeline_id"])
    assert (pipeline.workflow.ref, pipeline.workflow.triggered_by) == (branch_name, "api")
    assert pipeline.env_vars == {"REGION": "eu"}
    assert told == [pipeline]


async def test_runs_are_refused_for_parameters_projects_and_a_full_queue(stage: Stage) -> None:
    body = {"project_id": stage.project.id, "reference": "main"}
    assert (await stage.post("/plumber-workflows", {**body, "parameters": {"N": 1}})).status_code == 500
    assert (await stage.post("/plumber-workflows", {"reference": "main"})).status_code == 404
    stage.pushed(30)

    answer = await stage.post("/plumber-workflows", body)

    assert (answer.status_code, answer.json()) == (400, "Limit of queuing pipelines reached")


async def test_a_rerun_happens_once_per_token_and_has_other_keys(stage: Stage) -> None:
    workflow = stage.pushed()[0].workflow
    path = f"/plumber-workflows/{workflow.id}/reschedule"

    first, again = [(await stage.post(path, request_token="a")).json() for _ in range(2)]

    assert first == again
    assert first.keys() == {"wf_id", "ppl_id"}
    rerun = stage.organization.workflows[first["wf_id"]]
    assert (rerun.rerun_of, rerun.commit_sha) == (workflow.id, workflow.commit_sha)
    assert (await stage.post(path)).status_code == 400
    assert (await stage.post("/plumber-workflows/nope/reschedule", request_token="a")).status_code == 404


async def test_ending_a_workflow_counts_its_unfinished_pipelines(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    path = f"/plumber-workflows/{pipeline.workflow.id}/terminate"

    running = (await stage.post(path)).json()
    pipeline.finish("canceled", "user")

    assert running == "Termination started for 1 pipelines."
    assert (await stage.post(path)).json() == "Termination started for 0 pipelines."
    assert (await stage.post("/plumber-workflows/nope/terminate")).status_code == 404


def promoted(stage: Stage, result: str = "passed") -> Pipeline:
    pipeline = stage.pushed(targets={"Production": ["REGION"]})[0]
    pipeline.finish(result)
    return pipeline


async def test_a_promotion_makes_a_pipeline_of_the_same_workflow(stage: Stage) -> None:
    pipeline = promoted(stage)
    body = {"pipeline_id": pipeline.id, "name": "Production", "REGION": "eu", "request_token": "a"}

    answers = [await stage.post("/promotions", body) for _ in range(2)]
    listed = (await stage.get("/promotions", pipeline_id=pipeline.id)).json()

    assert {(answer.status_code, answer.json()) for answer in answers} == {(200, "Promotion successfully triggered.")}
    child = stage.world.pipeline(listed[0]["scheduled_pipeline_id"])
    assert len(listed) == 1
    assert (child.promotion_of, child.workflow, child.env_vars) == (pipeline.id, pipeline.workflow, {"REGION": "eu"})
    assert listed[0]["status"] == "passed"
    described = (await stage.get(f"/pipelines/{child.id}")).json()["pipeline"]
    assert described["triggerer"]["ppl_triggered_by"] == 1


async def test_an_automatic_promotion_names_no_user(stage: Stage) -> None:
    pipeline = promoted(stage)
    child = stage.world.promote(pipeline, "Production")

    listed = (await stage.get("/promotions", pipeline_id=pipeline.id, name="Production")).json()

    assert listed[0]["triggered_by"] == "Pipeline Done request"
    newest = (await stage.pipelines()).json()[0]
    assert (newest["ppl_id"], newest["triggerer"]["ppl_triggered_by"]) == (child.id, "AUTO_PROMOTION")
    assert (await stage.get("/promotions", pipeline_id=pipeline.id, name="Other")).json() == []


async def test_promotions_are_refused(stage: Stage) -> None:
    failed, bare = promoted(stage, "failed"), stage.pushed()[0]
    production = {"pipeline_id": failed.id, "name": "Production"}

    assert (await stage.post("/promotions", production)).json() == (
        "Triggering target when pipeline is not passed requires override confirmation."
    )
    assert (await stage.post("/promotions", {**production, "name": "Nope"})).status_code == 400
    assert (await stage.post("/promotions", {**production, "override": True, "TYPO": "x"})).status_code == 500
    assert (await stage.post("/promotions", {**production, "override": "true"})).status_code == 200
    for answer in (
        await stage.get("/promotions", pipeline_id=bare.id),
        await stage.post("/promotions", {"pipeline_id": bare.id, "name": "Production"}),
    ):
        assert (answer.status_code, answer.json()) == (500, "Internal error")
    assert (await stage.get("/promotions", pipeline_id="nope")).status_code == 404
    assert (await stage.post("/promotions", {"pipeline_id": "nope"})).status_code == 404


async def test_promotions_page_by_ten_and_at_most_99(stage: Stage) -> None:
    pipeline = promoted(stage)
    for _ in range(12):
        stage.world.promote(pipeline, "Production")

    answer = await stage.get("/promotions", pipeline_id=pipeline.id)

    assert (len(answer.json()), answer.headers["total-pages"]) == (10, "2")
    assert (await stage.get("/promotions", pipeline_id=pipeline.id, page_size=99)).status_code == 200
    assert (await stage.get("/promotions", pipeline_id=pipeline.id, page_size=100)).status_code == 500
    refused = await stage.get("/promotions", pipeline_id=pipeline.id, page="x")
    assert refused.status_code == 400
    assert refused.json().startswith("Invalid value of 'page' param: ")


async def test_a_cloud_jobs_log_comes_whole(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed", jobs=[JobResult(name="RSpec", result="failed", log_text="1 failure\n", command="rspec")])
    job = next(iter(pipeline.jobs()))

    answer = await stage.get(f"/logs/{job.id}")

    assert answer.headers["content-type"] == "application/json"
    events = answer.json()["events"]
    assert [event["event"] for event in events] == [
        "job_started", "cmd_started", "cmd_output", "cmd_finished", "job_finished",
    ]  # fmt: skip
    assert (events[2]["output"], events[3]["exit_code"], events[4]["result"]) == ("1 failure\n", 1, "failed")
    assert answer.json().keys() == {"events"}


async def test_a_self_hosted_jobs_log_is_elsewhere_and_grows(stage: Stage) -> None:
    job = stage.pushed()[0].add_job("RSpec", block="Tests", self_hosted=True)
    job.start()
    job.write({"event": "cmd_output", "output": "a"})

    answer = await stage.get(f"/logs/{job.id}")
    location = answer.headers["location"]
    live = (await stage.client.get(location, headers={"Authorization": ""})).json()
    job.finish("failed")
    rest = (await stage.client.get(f"{location}&token={live['next']}")).json()

    assert answer.status_code == 302
    assert location.startswith(f"{stage.url}/api/v1/logs/{job.id}?jwt=")
    assert (len(live["events"]), live["next"]) == (2, 2)
    assert ([event["event"] for event in rest["events"]], rest["next"]) == (["job_finished"], None)
    assert (await stage.client.get(location.partition("?")[0])).status_code == 401
    missing = await stage.client.get(f"{stage.url}/api/v1/logs/nope?jwt=x")
    assert (missing.status_code, missing.text) == (404, "Logs for nope not found")
    assert (await stage.get(f"/jobs/{job.id}")).json()["spec"]["agent"]["machine"]["type"].startswith("s1-")


async def test_a_job_that_never_started_has_no_log(stage: Stage) -> None:
    job = stage.pushed()[0].add_job("RSpec", block="Tests")

    answer = await stage.get(f"/logs/{job.id}")

    assert (answer.status_code, answer.json()) == (404, "This job never started, so no logs were produced.")
    assert (await stage.get("/logs/nope")).status_code == 404


async def test_a_script_can_give_a_jobs_events_themselves(stage: Stage) -> None:
    events: list[LogEvent] = [
        {"event": "cmd_output", "output": "x", "timestamp": 7},
        {"event": "job_finished", "result": "stopped"},
    ]
    pipeline = stage.pushed()[0]
    pipeline.finish("stopped", "user", jobs=[JobResult(name="RSpec", result="stopped", events=events)])

    log = (await stage.get(f"/logs/{next(iter(pipeline.jobs())).id}")).json()["events"]

    assert [event["event"] for event in log] == ["job_started", "cmd_output", "job_finished"]
    assert log[1]["timestamp"] == 7


async def test_an_empty_list_of_workflows_can_be_an_outage(stage: Stage) -> None:
    stage.pushed()
    stage.world.faults.add(Fault(kind=FaultKind.EMPTY_LIST))

    assert (await stage.get("/plumber-workflows", project_id=stage.project.id)).json() == []
