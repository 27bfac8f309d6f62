"""The tools of the simulated MCP server. What goes wrong is a text, never a code; what is asked for is not validated.

The order of the checks is Semaphore's: arguments, feature, mode and cursor, permission, scope.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from selfheald.simulator import semaphore_mcp_shapes as shapes
from selfheald.simulator.semaphore_logs import ticket
from selfheald.simulator.semaphore_storage import files_of, rows, signed_url
from selfheald.simulator.state import Job, Organization, Pipeline, Project
from selfheald.simulator.world import World

Json = dict[str, Any]
_Row = TypeVar("_Row")

LINES = 200
"""Lines of a log's page."""

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OFF = "Semaphore {} are disabled for this organization. Please contact support if you believe this is an error."
FOREIGN = "Permission denied: {} received data outside the authorized {} scope. The request was aborted."
NO_SCHEDULER = "Scheduler service is not available. Please try again later."


class ToolError(Exception):
    """What is told as a result with ``isError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool, by somebody who is known."""

    world: World
    token: str
    host: str
    name: str
    given: Mapping[str, Any]

    def text(self, name: str) -> str:
        """An argument; one of another type counts as missing."""
        value = self.given.get(name)
        return value if isinstance(value, str) else ""

    def uuid(self, name: str) -> str:
        """An argument that has to be an id. It is passed on as it was given."""
        value = self.text(name).strip()
        if not value:
            raise ToolError(f"{name} is required")
        if not UUID.fullmatch(value.lower()):
            shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
            raise ToolError(f"{name} must be a valid UUID (format: {shape}), got: {value.lower()}")
        return value

    def limit(self, default: int, most: int) -> int:
        """How many rows: never refused."""
        value = self.given.get("limit")
        asked = int(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
        return min(most, asked if asked > 0 else default)

    def mine(self) -> Sequence[Organization]:
        """The organizations that the caller belongs to."""
        return [one for one in self.world.organizations.values() if self.token in one.tokens]

    def organization(self) -> Organization:
        """The organization of ``organization_id``, its feature switched on and the caller in it."""
        wanted = self.uuid("organization_id")
        found = next((one for one in self.world.organizations.values() if one.id == wanted), None)
        if found is not None:
            self.need(found, "mcp_server_read_tools", "MCP read tools")
        if found is None or found not in self.mine():
            raise ToolError(f"Permission denied while accessing organization {wanted}.")
        return found

    def need(self, organization: Organization, feature: str, told: str) -> None:
        """Refuse when a feature is switched off."""
        if feature not in organization.features:
            raise ToolError(OFF.format(told))

    def may_see(self, project: Project) -> None:
        """Refuse what the caller may not see."""
        organization = project.organization
        if not project.visible or organization not in self.mine():
            where = f"project {project.id} in organization {organization.id}"
            raise ToolError(
                f"Permission denied while accessing {where}.\n\nThe authenticated user is missing the "
                '"project.view" permission for this project.'
            )

    def page(self, items: Sequence[_Row], default: int, most: int) -> tuple[Sequence[_Row], Json]:
        """One page of a list, and the cursor of the next one if there is one."""
        cursor = self.text("cursor").strip()
        start = int(cursor.removeprefix("k:")) if re.fullmatch(r"k:\d{1,9}", cursor) else 0
        end = start + self.limit(default, most)
        return items[start:end], {"nextCursor": f"k:{end}"} if end < len(items) else {}


def organizations_list(call: Call) -> Json:
    """Needs no permission."""
    page, more = call.page(sorted(call.mine(), key=lambda one: one.name), 20, 100)
    return {"organizations": [shapes.organization(one) for one in page], **more}


def projects_list(call: Call) -> Json:
    """The projects of an organization."""
    seen = [project for project in call.organization().projects.values() if project.visible]
    page, more = call.page(seen, 25, 200)
    return {"projects": [shapes.project(one) for one in page], **more}


def projects_search(call: Call) -> Json:
    """By name or repository."""
    organization = call.organization()
    words = [call.text(name).lower() for name in ("query", "repository_url") if call.text(name)]
    if not words:
        raise ToolError("Provide at least one of query or repository_url.")
    found = [
        {**shapes.project(one), "matchConfidence": "high"}
        for one in organization.projects.values()
        if one.visible and all(word in f"{one.name} git@github.com:{one.slug}.git".lower() for word in words)
    ]
    return {
        "projects": found[: call.limit(20, 50)],
        "totalMatches": len(found),
        "searchedPages": 1,
        "moreAvailable": False,
    }


def workflows_search(call: Call) -> Json:
    """Newest first; the caller's own alone unless told otherwise."""
    project = _project(call)
    user = project.organization.tokens[call.token]
    everybody = call.given.get("my_workflows_only", True) is False
    branch = call.text("branch")
    found = [
        one
        for one in reversed(project.workflows)
        if (everybody or one.requester_id == user) and branch in {"", one.ref}
    ]
    page, more = call.page(found, 20, 100)
    return {"workflows": [shapes.workflow(one) for one in page], **more}


def pipelines_list(call: Call) -> Json:
    """The pipelines of a workflow, newest first."""
    wanted, organization = call.uuid("workflow_id"), call.organization()
    workflow = organization.workflows.get(wanted)
    if workflow is None or not workflow.project.visible:
        return {"pipelines": []}
    page, more = call.page(list(reversed(workflow.pipelines)), 20, 100)
    return {"pipelines": [shapes.pipeline(one) for one in page], **more}


def pipeline_jobs(call: Call) -> Json:
    """The pipeline is loaded before anything is checked."""
    wanted = call.uuid("pipeline_id")
    pipeline = _any_pipeline(call, wanted)
    organization = call.organization()
    _belongs(call, pipeline, organization)
    return shapes.pipeline_jobs(pipeline)


def jobs_describe(call: Call) -> Json:
    """The job is loaded before anything is checked."""
    job = _any_job(call, call.uuid("job_id"))
    _belongs(call, job.pipeline, call.organization())
    return shapes.job(job)


def jobs_logs(call: Call) -> Json:
    """Backward pages. What is hosted is told as events, what is not as plain lines, with a key to the rest."""
    job = _any_job(call, call.uuid("job_id"))
    call.need(job.pipeline.project.organization, "mcp_server_read_tools", "MCP read tools")
    cursor = call.text("cursor").strip()
    if cursor and not cursor.isdigit():
        raise ToolError("cursor must be a non-negative integer")
    call.may_see(job.pipeline.project)
    start = int(cursor) if cursor else None
    if job.self_hosted:
        output = "".join(str(event.get("output", "")) for event in job.events)
        lines = output.removesuffix("\n").split("\n") if output else []
        url = f"http://{call.host}/api/v1/logs/{job.id}?jwt={ticket(job)}"
        key = {"token": ticket(job), "tokenType": "PULL", "tokenTtlSeconds": 300, "logsUrl": url}
        shown = {"downloadEmpty": True} if not lines else _log_page(lines, start, beyond=len(lines))
        return {"jobId": job.id, "source": "loghub2", **shown, **key}
    events = [json.dumps(event) for event in job.events]
    final = {"Final": True} if job.state == "finished" else {}
    return {"jobId": job.id, "source": "loghub", **_log_page(events, start), **final}


def _log_page(lines: Sequence[str], cursor: int | None, beyond: int | None = None) -> Json:
    start = max(0, len(lines) - LINES) if cursor is None else cursor
    page = list(lines[start : start + LINES])
    before = start if beyond is None else min(start, beyond)
    return {
        **shapes.told(preview=page, startLine=start),
        **({"nextCursor": str(max(0, before - LINES))} if start else {}),
        **shapes.told(previewTruncated=start > 0 or start + len(page) < len(lines)),
    }


def artifact_job_logs(call: Call) -> Json:
    """The log that the job's agent uploaded."""
    job = _any_job(call, call.uuid("job_id"))
    organization = call.organization()
    if not {"mcp_server_artifacts_tools", "artifacts_job_logs"} & organization.features:
        raise ToolError("Semaphore full job logs are disabled for this organization.")
    _belongs(call, job.pipeline, organization)
    for path in ("agent/job_logs.txt", "agent/job_logs.txt.gz"):
        if path in job.artifacts:
            return {
                "jobId": job.id,
                "organizationId": organization.id,
                "projectId": job.pipeline.project.id,
                "source": "artifacthub",
                "path": path,
                "method": "GET",
                "url": signed_url(call.world, call.host, "jobs", job.id, path),
            }
    raise ToolError("artifact path not found")


def artifacts_list(call: Call) -> Json:
    """One level."""
    place, files = _artifacts(call)
    written = [
        {"name": row["name"], "path": row["path"], "isDirectory": row["is_directory"], "size": row.get("size", 0)}
        for row in rows(files, call.text("path"))
    ]
    return {**place, "artifacts": written, "page": {"returned": len(written), "truncated": False}}


def artifacts_signed_url(call: Call) -> Json:
    """One address."""
    place, files = _artifacts(call)
    path, method = call.text("path"), call.text("method") or "GET"
    if path not in files:
        raise ToolError("artifact path not found")
    url = signed_url(call.world, call.host, place["scope"], place["scopeId"], path, method)
    return {**place, "method": method, "urls": [{"url": url, "method": method}]}


def _artifacts(call: Call) -> tuple[Json, Mapping[str, bytes]]:
    scope, scope_id = call.text("scope"), call.uuid("scope_id")
    path = call.text("path")
    if ".." in path or "\\" in path or path.startswith("/"):
        raise ToolError("path must be relative and must not contain '..'")
    organization = call.organization()
    call.need(organization, "mcp_server_artifacts_tools", "artifact operations")
    files = files_of(organization, scope, scope_id)
    if files is None:
        raise ToolError(FOREIGN.format(call.name, "organization"))
    project = call.text("project_id")
    return (
        {
            "organizationId": organization.id,
            "projectId": project,
            "scope": scope,
            "scopeId": scope_id,
            "path": path,
        },
        files,
    )


def get_test_results(call: Call) -> Json:
    """The address of a report. Needs no feature for artifacts."""
    if call.text("scope") == "job":
        job = _any_job(call, call.uuid("job_id"))
        if job.state != "finished":
            raise ToolError(f"job is not finished (current state: {job.state.upper()}).")
        names = ("mcp-summary.json", "junit.xml")
        return _report(call, job.pipeline, ("jobs", job.id), job.artifacts, names)
    pipeline = _any_pipeline(call, call.uuid("pipeline_id"))
    if pipeline.state != "done":
        raise ToolError(f"pipeline is not done (current state: {pipeline.state.upper()}).")
    names = (f"{pipeline.id}-mcp-summary.json", f"{pipeline.id}-summary.json")
    return _report(call, pipeline, ("workflows", pipeline.workflow.id), pipeline.workflow.artifacts, names)


def _report(
    call: Call, pipeline: Pipeline, place: tuple[str, str], files: Mapping[str, bytes], names: Sequence[str]
) -> Json:
    call.need(pipeline.project.organization, "mcp_server_read_tools", "MCP read tools")
    call.may_see(pipeline.project)
    scope, scope_id = place
    for name in names:
        path = f"test-results/{name}"
        if path in files:
            return {
                "scope": call.text("scope"),
                "artifactUrl": signed_url(call.world, call.host, scope, scope_id, path),
                "path": path,
                "compression": "gzip" if name.endswith("-summary.json") and "mcp" not in name else "none",
                "content_type": "application/xml" if name.endswith(".xml") else "application/json",
            }
    raise ToolError(f"no test result artifacts found in artifacts/{scope}/{scope_id}/test-results")


def tasks(_: Call) -> Json:
    """As where the scheduler's address is not configured."""
    raise ToolError(NO_SCHEDULER)


def write_tools(_: Call) -> Json:
    """Switched off for everybody here."""
    raise ToolError(OFF.format("MCP write tools"))


TOOLS: Mapping[str, Callable[[Call], Json]] = {
    "artifact_job_logs": artifact_job_logs,
    "artifacts_list": artifacts_list,
    "artifacts_signed_url": artifacts_signed_url,
    "get_test_results": get_test_results,
    "jobs_describe": jobs_describe,
    "jobs_logs": jobs_logs,
    "organizations_list": organizations_list,
    "pipeline_jobs": pipeline_jobs,
    "pipelines_list": pipelines_list,
    "projects_list": projects_list,
    "projects_search": projects_search,
    "tasks_describe": tasks,
    "tasks_list": tasks,
    "tasks_run": write_tools,
    "workflows_rerun": write_tools,
    "workflows_run": write_tools,
    "workflows_search": workflows_search,
}


def _project(call: Call) -> Project:
    wanted, organization = call.uuid("project_id"), call.organization()
    project = organization.projects.get(wanted)
    if project is None:
        raise ToolError(f"Permission denied while accessing project {wanted} in organization {organization.id}.")
    call.may_see(project)
    return project


def _any_job(call: Call, job_id: str) -> Job:
    for one in call.world.organizations.values():
        if job_id in one.jobs:
            return one.jobs[job_id]
    raise ToolError(f"describe job RPC failed: rpc error: code = NotFound desc = Job with id {job_id} not found")


def _any_pipeline(call: Call, pipeline_id: str) -> Pipeline:
    for one in call.world.organizations.values():
        if pipeline_id in one.pipelines:
            return one.pipelines[pipeline_id]
    raise ToolError(f"pipeline describe failed: Pipeline with id: {pipeline_id} not found")


def _belongs(call: Call, pipeline: Pipeline, organization: Organization) -> None:
    if pipeline.project.organization is not organization:
        raise ToolError(FOREIGN.format(call.name, "organization"))
    call.may_see(pipeline.project)
