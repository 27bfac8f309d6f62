"""Faults, by script and by the controls, and the rest of the controls."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from selfheald.simulator.faults import Fault, FaultKind
from selfheald.simulator.semaphore import OPERATIONS
from selfheald.simulator.state import JobResult
from tests.simulator.conftest import START, TOKEN, Stage

DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        (FaultKind.INTERNAL_ERROR, 500, '"Internal error"'),
        (FaultKind.EDGE_FORBIDDEN, 403, "Forbidden"),
        (FaultKind.GATEWAY_TIMEOUT, 504, "upstream request timeout"),
        (FaultKind.FALSE_NOT_FOUND, 404, "Not Found"),
        (FaultKind.EMPTY_LIST, 200, "[]"),
    ],
)
async def test_a_fault_answers_once_in_the_place_of_the_service(
    stage: Stage, kind: FaultKind, status: int, body: str
) -> None:
    stage.pushed()
    stage.world.faults.add(Fault(kind=kind))

    answer = await stage.pipelines()

    assert (answer.status_code, answer.text) == (status, body)
    assert len((await stage.pipelines()).json()) == 1


async def test_a_vanished_pipeline_spoils_its_whole_page(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    stage.world.faults.add(Fault(kind=FaultKind.PIPELINE_VANISHED, operation="list_pipelines"))

    answer = await stage.pipelines()

    assert (answer.status_code, answer.json()) == (400, f"Pipeline with id: {pipeline.id} not found")


async def test_a_reset_connection_has_no_answer(stage: Stage) -> None:
    stage.world.faults.add(Fault(kind=FaultKind.CONNECTION_RESET))

    with pytest.raises(httpx.ReadError):
        await stage.pipelines()

    assert stage.world.hooks.requests[-1].status == 0
    assert (await stage.pipelines()).status_code == 200


async def test_a_reset_connection_is_no_error_of_the_simulator(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.world.faults.add(Fault(kind=FaultKind.CONNECTION_RESET))

    with pytest.raises(httpx.ReadError):
        await stage.pipelines()
    assert (await stage.pipelines()).status_code == 200

    assert _complaints(caplog) == []


async def test_a_client_that_dies_in_its_request_is_no_error_of_the_simulator(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    begun = stage.world.faults.add(Fault(kind=FaultKind.DELAY, operation="run_workflow"))
    url = httpx.URL(stage.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /api/v1alpha/plumber-workflows HTTP/1.1\r\nHost: acme\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(30):
        while not begun.hits:
            await stage.pipelines()

    writer.transport.abort()
    for _ in range(3):
        assert (await stage.pipelines()).status_code == 200

    assert _complaints(caplog) == []


def _complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "selfheald.simulator"]


async def test_a_delay_gives_the_right_answer_late(stage: Stage) -> None:
    stage.world.faults.add(Fault(kind=FaultKind.DELAY, seconds=0.05))

    answer = await stage.pipelines()

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.05


async def test_truncated_json_is_half_of_it(stage: Stage) -> None:
    stage.pushed()
    whole = (await stage.pipelines()).content
    stage.world.faults.add(Fault(kind=FaultKind.TRUNCATED_JSON))

    assert (await stage.pipelines()).content == whole[: len(whole) // 2]


async def test_a_late_end_looks_running_with_its_end_stamped(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed")
    stage.world.faults.add(Fault(kind=FaultKind.LATE_DONE, times=3))

    listed = (await stage.pipelines()).json()[0]
    described = (await stage.get(f"/pipelines/{pipeline.id}")).json()["pipeline"]
    by_end = (await stage.pipelines(done_after=int(START.timestamp()))).json()

    assert (listed["state"], described["state"], by_end) == ("RUNNING", "running", [])
    assert listed["done_at"]["seconds"] > 0
    assert len((await stage.pipelines(done_after=int(START.timestamp()))).json()) == 1


async def test_result_keys_can_be_missing(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed")
    stage.world.faults.add(Fault(kind=FaultKind.MISSING_RESULT, times=2))

    listed = (await stage.pipelines()).json()[0]
    described = (await stage.get(f"/pipelines/{pipeline.id}")).json()["pipeline"]

    assert (listed["state"], described["state"]) == ("DONE", "done")
    assert "result" not in listed.keys() | described.keys()


async def test_logs_can_be_elsewhere_or_missing(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed", jobs=[JobResult(name="RSpec", result="failed")])
    path = f"/logs/{next(iter(pipeline.jobs())).id}"
    stage.world.faults.add(Fault(kind=FaultKind.SELF_HOSTED_LOGS))
    stage.world.faults.add(Fault(kind=FaultKind.MISSING_LOG))

    assert [(await stage.get(path)).status_code for _ in range(3)] == [302, 404, 200]


async def test_projects_and_jobs_can_be_empty_lists(stage: Stage) -> None:
    stage.pushed()[0].add_job("RSpec", block="Tests")
    stage.world.faults.add(Fault(kind=FaultKind.EMPTY_LIST, times=2))

    assert (await stage.get("/projects")).json() == []
    assert (await stage.get("/jobs", states="QUEUED")).json()["jobs"] == []
    assert len((await stage.get("/jobs", states="QUEUED")).json()["jobs"]) == 1


async def test_a_fault_hits_its_operation_and_its_requests_alone(stage: Stage) -> None:
    fault = stage.world.faults.add(
        Fault(
            kind=FaultKind.INTERNAL_ERROR,
            operation="list_pipelines",
            times=None,
            when=lambda path, query: "page=2" in query,
        )
    )

    answers = [await stage.get("/projects", page=2), await stage.pipelines(page=1)]
    failed = [await stage.pipelines(page=2) for _ in range(3)]
    stage.world.faults.clear()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.status_code for answer in failed] == [500, 500, 500]
    assert fault.hits == 3
    assert (await stage.pipelines(page=2)).status_code == 200


async def control(stage: Stage, method: str, name: str, **values: Any) -> httpx.Response:
    async with httpx.AsyncClient() as person:
        return await person.request(method, f"{stage.url}/simulator/{name}", json=values or None)


async def test_people_switch_faults_by_http(stage: Stage) -> None:
    added = await control(stage, "POST", "faults", kind="gateway_timeout", operation="get_logs", times=None)
    await control(stage, "POST", "faults", kind="internal_error", containing="page=2")

    shown = (await control(stage, "GET", "faults")).json()

    assert added.json() == {"kind": "gateway_timeout", "operation": "get_logs", "times": None, "seconds": 0.0}
    assert [fault["kind"] for fault in shown] == ["gateway_timeout", "internal_error"]
    assert (await stage.get("/logs/x")).status_code == 504
    assert [(await stage.pipelines(page=page)).status_code for page in (1, 2)] == [200, 500]
    assert (await control(stage, "DELETE", "faults")).json() == []
    assert (await stage.get("/logs/x")).status_code == 404


async def test_people_script_pipelines_by_http(stage: Stage) -> None:
    head = {"number": 7, "sha": "e" * 40, "branch": "fix"}
    pushed = (await control(stage, "POST", "push", project="billing", pull_request=head, message="Fix")).json()
    jobs = [{"name": "RSpec", "result": "failed", "log_text": "no"}]
    ended = await control(
        stage, "POST", "finish", pipeline_id=pushed["pipeline_id"], result="failed", reason="test", jobs=jobs
    )

    listed = (await stage.pipelines()).json()[0]

    assert ended.json() == {"pipeline_id": pushed["pipeline_id"], "state": "done", "result": "failed"}
    assert (listed["branch_name"], listed["commit_message"], listed["result"]) == ("pull-request-7", "Fix", "FAILED")


async def test_people_see_the_requests_without_their_tokens(stage: Stage) -> None:
    await stage.pipelines()

    answer = await control(stage, "GET", "requests")

    assert (answer.json()[0]["operation"], answer.json()[0]["authorized"]) == ("list_pipelines", True)
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("faults", {"kind": "nonsense"}),
        ("faults", {"kind": "delay", "secnds": 1}),
        ("faults", {}),
        ("push", {"project": "nope"}),
        ("push", {"project": "billing", "brunch": "main"}),
        ("push", {"project": "billing", "created_at": "2026-03-01"}),
        ("finish", {"pipeline_id": "nope"}),
    ],
)
async def test_wrong_controls_are_explained(stage: Stage, name: str, values: dict[str, Any]) -> None:
    answer = await control(stage, "POST", name, **values)

    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_an_unknown_control_names_those_there_are(stage: Stage) -> None:
    answer = await control(stage, "POST", "nope")

    assert answer.status_code == 404
    assert "POST /simulator/push" in answer.json()["error"]


@pytest.mark.parametrize("word", [*FaultKind, *OPERATIONS])
def test_every_fault_and_operation_is_in_the_documentation(word: str) -> None:
    assert f"`{word}`" in DOCS.read_text()
