"""An agent in the sandbox reads the failed job's log by Semaphore's tools, and nothing of others."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.system.house import SUMMARY, House, page

from selfheald.domain.case import CaseState
from selfheald.domain.refusal import RefusalKind
from selfheald.simulator.state import Job, JobResult
from selfheald.simulator.town import SEMAPHORE_TOKEN

pytestmark = pytest.mark.system

CLIENT = """
import json, os, sys, urllib.request

def ask(method, **params):
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {
        "Authorization": "Bearer " + os.environ["SELFHEALD_MODEL_KEY"],
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(os.environ["SELFHEALD_MCP_URL"], json.dumps(message).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=30))["result"]

def call(tool, **arguments):
    result = ask("tools/call", name=tool, arguments=arguments)
    print(json.dumps([tool, result]), flush=True)
    return result.get("structuredContent"), result["content"][0]["text"]

print(json.dumps(["tools", [tool["name"] for tool in ask("tools/list")["tools"]]]))
workflows, _ = call("workflows_search")
pipelines, _ = call("pipelines_list", workflow_id=workflows["workflows"][0]["id"])
jobs, _ = call("pipeline_jobs", pipeline_id=pipelines["pipelines"][0]["id"])
(failed,) = [job["jobId"] for job in jobs["jobs"] if job["result"] == "FAILED"]
_, log = call("jobs_logs", job_id=failed)
call("jobs_logs", job_id=sys.argv[1])
call("workflows_rerun", workflow_id=workflows["workflows"][0]["id"])
if "FAILED: the answer is wrong" in log:
    open("answer.txt", "w").write("right\\n")
    open("commit-message.txt", "w").write(sys.argv[2])
"""


def others_job(house: House) -> Job:
    """A failed job of another project, which the same token may read."""
    other = house.town.world.add_project(house.town.organization, "storefront", owner="acme")
    pipeline = house.town.world.push(other).pipeline
    pipeline.finish("failed", jobs=[JobResult(name="Theirs", result="failed", log_text="their canary\n")])
    return next(iter(pipeline.jobs()))


def transcript(house: House) -> str:
    """What the agent printed."""
    (path,) = house.state.glob("attempts/*/transcript.txt")
    return path.read_text(encoding="utf-8")


def told(house: House) -> Mapping[str, list[Any]]:
    """What the agent was answered, by tool."""
    answers: dict[str, list[Any]] = {}
    for line in transcript(house).splitlines():
        if line.startswith("["):
            name, answer = json.loads(line)
            answers.setdefault(name, []).append(answer)
    return answers


@pytest.mark.parametrize("mcp", [True, False], ids=["mcp", "rest"])
async def test_an_agent_reads_the_failed_log_and_is_refused_what_is_not_its_own(house: House, *, mcp: bool) -> None:
    theirs = others_job(house)
    if mcp:
        house.settings["organizations"][0]["mcp_url"] = f"{house.town.semaphore_url}/mcp"
    house.settings["agents"]["fixer"] = {
        "kind": "command",
        "command": ["python3", "-c", CLIENT, theirs.id, SUMMARY],
        "timeout": "60s",
    }
    async with house.daemon() as running:
        await house.break_main()
        case = await house.case(CaseState.PROPOSED)
        _, metrics = await page(running, "/metrics")
    answers = told(house)
    (attempt,), _ = await house.history(case)

    assert len(answers["tools"][0]) == 15
    assert "FAILED: the answer is wrong" in answers["jobs_logs"][0]["content"][0]["text"]
    assert answers["jobs_logs"][1]["isError"]
    assert answers["workflows_rerun"][0]["isError"]
    assert "canary" not in json.dumps(answers)
    assert SEMAPHORE_TOKEN not in transcript(house)
    assert {(refusal.kind, refusal.what) for refusal in attempt.refusals} == {
        (RefusalKind.TOOL, f"jobs_logs job_id={theirs.id}"),
        (RefusalKind.TOOL, "workflows_rerun"),
    }
    asked = [request.operation for request in house.town.world.hooks.requests if request.api == "semaphore-mcp"]
    assert asked.count("jobs_logs") == (1 if mcp else 0)
    assert ('api="semaphore-mcp"' in metrics) is mcp
