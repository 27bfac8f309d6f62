"""Projects and jobs: two more ways of paging and of saying no."""

import uuid

import pytest

from selfheald.simulator.state import JobResult, PullRequestHead
from tests.simulator.conftest import Stage


async def test_projects_come_in_pages_of_500_and_say_whether_there_are_more(stage: Stage) -> None:
    for number in range(600):
        stage.world.add_project(stage.organization, f"project-{number}")

    first, second, third = [await stage.get("/projects", page=page) for page in (1, 2, 3)]

    assert [len(answer.json()) for answer in (first, second, third)] == [500, 101, 0]
    assert [answer.headers["x-has-more"] for answer in (first, second, third)] == ["true", "false", "false"]
    assert first.headers["x-page"] == "1"


async def test_pages_may_be_short_since_hidden_projects_drop_out_after_paging(stage: Stage) -> None:
    for number in range(500):
        stage.world.add_project(stage.organization, f"project-{number}").visible = False

    answer = await stage.get("/projects")

    assert [each["metadata"]["name"] for each in answer.json()] == ["billing"]
    assert answer.headers["x-has-more"] == "true"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("101", "page must be at most 100"),
        ("0", "page must be at least 1"),
        ("-1", "page must be at least 1"),
        ("x", "page must be a number"),
    ],
)
async def test_wrong_pages_of_projects_are_refused(stage: Stage, page: str, message: str) -> None:
    answer = await stage.get("/projects", page=page)

    assert (answer.status_code, answer.json()) == (400, {"message": message})


async def test_a_project_is_described_by_name_alone(stage: Stage) -> None:
    described = await stage.get("/projects/billing")
    by_id = await stage.get(f"/projects/{stage.project.id}")
    stage.project.visible = False
    hidden = await stage.get("/projects/billing")

    body = described.json()
    assert body["metadata"]["id"] == stage.project.id
    assert body["metadata"]["org_id"] == stage.organization.id
    assert (body["spec"]["repository"]["owner"], body["spec"]["repository"]["name"]) == ("acme", "billing")
    assert (body["spec"]["schedulers"], body["spec"]["tasks"]) == ([], [])
    assert (by_id.status_code, by_id.json()) == (404, {"message": "Not found"})
    assert (hidden.status_code, hidden.json()) == (401, {"message": "Unauthorized"})


async def test_what_is_hidden_is_not_found(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    job = pipeline.add_job("RSpec", block="Tests")
    job.start()
    stage.project.visible = False

    answers = [
        await stage.pipelines(),
        await stage.get(f"/pipelines/{pipeline.id}"),
        await stage.get(f"/plumber-workflows/{pipeline.workflow.id}"),
        await stage.get(f"/jobs/{job.id}"),
        await stage.get(f"/logs/{job.id}"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 401]
    assert answers[-1].text == "Permission denied"
    assert (await stage.get("/jobs", states="RUNNING")).json()["jobs"] == []


async def test_jobs_need_states(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.start()
    running, queued = (pipeline.add_job(name, block="Tests") for name in ("RSpec", "Lint"))
    running.start()

    nothing = (await stage.get("/jobs")).json()
    both = (await stage.get("/jobs", states=["RUNNING", "QUEUED"])).json()

    assert nothing == {"jobs": [], "next_page_token": ""}
    assert [job["metadata"]["id"] for job in both["jobs"]] == [queued.id, running.id]
    assert (await stage.get("/jobs", states="FINISHED")).json()["jobs"] == []


async def test_at_most_30_jobs_come_at_once(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("passed", jobs=[JobResult(name=f"Job {number}") for number in range(35)])

    first = (await stage.get("/jobs", states="FINISHED")).json()
    rest = (await stage.get("/jobs", states="FINISHED", page_token=first["next_page_token"])).json()
    refused = await stage.get("/jobs", states="FINISHED", page_size=31)

    assert (len(first["jobs"]), len(rest["jobs"]), rest["next_page_token"]) == (30, 5, "")
    assert refused.status_code == 400
    assert refused.json() == {"code": 3, "message": "Page size can't exceed 30", "details": []}
    assert (await stage.get("/jobs", page_size="x")).status_code == 400


async def test_a_job_has_numbers_as_text_and_no_agent_before_it_runs(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    job = pipeline.add_job("RSpec", block="Tests", commands=["bundle exec rspec"])

    waiting = (await stage.get(f"/jobs/{job.id}")).json()
    job.start()
    running = (await stage.get(f"/jobs/{job.id}")).json()

    assert waiting["status"] == {"result": "NONE", "state": "QUEUED", "agent": None}
    assert (waiting["metadata"]["start_time"], waiting["metadata"]["finish_time"]) == ("0", "0")
    assert waiting["metadata"]["create_time"] == str(int(job.created_at.timestamp()))
    assert running["status"]["agent"]["name"]
    assert running["spec"]["commands"] == ["bundle exec rspec"]


async def test_a_malformed_job_id_is_400_and_an_unknown_one_404(stage: Stage) -> None:
    unknown = str(uuid.uuid4())

    malformed, missing = await stage.get("/jobs/nope"), await stage.get(f"/jobs/{unknown}")

    assert malformed.status_code == 400
    assert missing.status_code == 404
    assert missing.json() == {"code": 5, "message": f"Job {unknown} not found", "details": []}
    assert (await stage.post("/jobs/nope/stop")).status_code == 400


async def test_a_job_can_be_stopped(stage: Stage) -> None:
    job = stage.pushed()[0].add_job("RSpec", block="Tests")
    job.start()

    for _ in range(2):
        assert (await stage.post(f"/jobs/{job.id}/stop")).json() == {}

    assert (job.state, job.result) == ("finished", "stopped")


async def test_the_environment_tells_a_pull_requests_head(stage: Stage) -> None:
    head = PullRequestHead(number=7, sha="e" * 40, branch="fix", slug="fork/billing", name="Fix it")
    pull = stage.pushed(pull_request=head, commit_sha="a" * 40)[0].add_job("RSpec", block="Tests")
    tag = stage.pushed(tag="v1")[0].add_job("RSpec", block="Tests")
    branch = stage.pushed(branch="dev", env_vars={"REGION": "eu"})[0].add_job("RSpec", block="Tests")

    variables = [
        {each["name"]: each["value"] for each in (await stage.get(f"/jobs/{job.id}")).json()["spec"]["env_vars"]}
        for job in (pull, tag, branch)
    ]

    assert variables[0]["SEMAPHORE_PIPELINE_ID"] == pull.pipeline.id
    assert (variables[0]["SEMAPHORE_GIT_SHA"], variables[0]["SEMAPHORE_GIT_PR_SHA"]) == ("a" * 40, "e" * 40)
    assert (variables[0]["SEMAPHORE_GIT_BRANCH"], variables[0]["SEMAPHORE_GIT_WORKING_BRANCH"]) == ("main", "fix")
    assert variables[0]["SEMAPHORE_GIT_PR_SLUG"] == "fork/billing"
    assert (variables[1]["SEMAPHORE_GIT_REF_TYPE"], variables[1]["SEMAPHORE_GIT_TAG_NAME"]) == ("tag", "v1")
    assert (variables[2]["SEMAPHORE_GIT_WORKING_BRANCH"], variables[2]["REGION"]) == ("dev", "eu")
    branch.restricted = True
    assert (await stage.get(f"/jobs/{branch.id}")).json()["spec"]["env_vars"] == []
