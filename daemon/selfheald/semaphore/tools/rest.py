"""Semaphore's read tools by its REST API v1alpha."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError
from selfheald.domain.ids import JobId, PipelineId, WorkflowId
from selfheald.domain.zone import Members
from selfheald.ports import ToolAnswer
from selfheald.semaphore import decode
from selfheald.semaphore.api import SemaphoreApi, has_next, segment
from selfheald.semaphore.client import Answer, Question, SemaphoreClient
from selfheald.semaphore.joblog import read_events
from selfheald.semaphore.tools import shapes
from selfheald.semaphore.tools.artifacts import MOST, Artifacts
from selfheald.semaphore.tools.logpage import LogPage
from selfheald.semaphore.tools.shapes import Shape

Arguments = Mapping[str, Any]

PIPELINES_LIMIT = 20
"""Pipelines of one workflow whose jobs are looked up, the newest: each costs a request."""

LOG_LIMIT = 128 * 1024 * 1024
"""Bytes of a log that are read for one page: Semaphore sends all of it each time."""

SEARCHED_PAGES = 5
"""Pages of projects, of 500 each, that are searched."""

ONLY_BY_MCP = (
    "{} is answered by Semaphore's MCP server alone, which cannot be asked here (no mcp_url is configured, or the "
    "organization has its read tools switched off)."
)


class RestTools:
    """The tools, for one organization, whose name is ``organization``."""

    def __init__(self, client: SemaphoreClient, organization: str) -> None:
        self._client = client
        self._organization = organization
        self._api = SemaphoreApi(client)
        self._artifacts = Artifacts(client)
        self._tools: Mapping[str, Callable[[Arguments], Awaitable[Shape]]] = {
            "artifact_job_logs": self._artifact_job_logs,
            "artifacts_list": self._artifacts_list,
            "artifacts_signed_url": self._artifacts_signed_url,
            "get_test_results": self._get_test_results,
            "jobs_describe": self._jobs_describe,
            "jobs_logs": self._jobs_logs,
            "organizations_list": self._organizations_list,
            "pipeline_jobs": self._pipeline_jobs,
            "pipelines_list": self._pipelines_list,
            "projects_list": self._projects_list,
            "projects_search": self._projects_search,
            "workflows_search": self._workflows_search,
        }

    async def call(self, name: str, arguments: Arguments) -> ToolAnswer:
        """Ask a tool. What goes wrong is an answer with ``is_error``."""
        tool = self._tools.get(name)
        if tool is None:
            return ToolAnswer(text=ONLY_BY_MCP.format(name), is_error=True)
        try:
            structured = await tool(arguments)
        except SelfhealdError as error:
            return ToolAnswer(text=error.message, is_error=True)
        return ToolAnswer(text=json.dumps(structured, ensure_ascii=False), structured=structured)

    async def members(self, workflow_id: str) -> Members:
        """Look up the pipelines and jobs of a workflow. Raises as :meth:`SemaphoreClient.ask` does."""
        pipelines = (await self._api.list_pipelines({"wf_id": workflow_id}, pages=1))[:PIPELINES_LIMIT]
        jobs = [job["jobId"] for one in pipelines for job in (await self._described(one.id))["jobs"]]
        return Members(pipeline_ids=frozenset(one.id for one in pipelines), job_ids=frozenset(jobs))

    # ------------------------------------------------------------------------------------- organizations and projects

    async def _organizations_list(self, _: Arguments) -> Shape:
        """REST has no organizations: what every project says of its own, and the name in our configuration."""
        projects, _more = await self._projects(1)
        ids = {decode.text(decode.obj(one.get("metadata"), "metadata"), "org_id") for one in projects}
        name = self._organization
        return {"organizations": [{"id": one, "name": name, "username": name} for one in sorted(ids) if one]}

    async def _projects_list(self, arguments: Arguments) -> Shape:
        page = _page(arguments)
        projects, more = await self._projects(page)
        following = {"nextCursor": str(page + 1)} if more else {}
        return {"projects": [shapes.project(one) for one in projects], **following}

    async def _projects_search(self, arguments: Arguments) -> Shape:
        wanted = [str(arguments[key]).lower() for key in ("query", "repository_url") if arguments.get(key)]
        if not wanted:
            raise RefusedError("Provide at least one of query or repository_url.")
        found: list[Shape] = []
        page, more = 0, True
        while more and page < SEARCHED_PAGES:
            page += 1
            projects, more = await self._projects(page)
            found += [shapes.found_project(one) for one in projects if shapes.mentions(one, wanted)]
        return {"projects": found, "totalMatches": len(found), "searchedPages": page, "moreAvailable": more}

    async def _projects(self, page: int) -> tuple[list[decode.Json], bool]:
        question = Question(operation="list_projects", what="listing the projects", path=f"/projects?page={page}")
        return await self._client.ask(question, _project_page)

    # ------------------------------------------------------------------------------------------ workflows and pipelines

    async def _workflows_search(self, arguments: Arguments) -> Shape:
        query = {"project_id": arguments["project_id"], "branch_name": arguments.get("branch", "")}
        what = f"listing the workflows of project {arguments['project_id']}"
        rows, following = await self._rows("list_workflows", what, "/plumber-workflows", query, arguments)
        return {"workflows": [shapes.workflow(row) for row in rows], **following}

    async def _pipelines_list(self, arguments: Arguments) -> Shape:
        what = f"listing the pipelines of workflow {arguments['workflow_id']}"
        query = {"wf_id": arguments["workflow_id"]}
        rows, following = await self._rows("list_pipelines", what, "/pipelines", query, arguments)
        return {"pipelines": [shapes.pipeline(row) for row in rows], **following}

    async def _rows(
        self, operation: str, what: str, path: str, query: Mapping[str, str], arguments: Arguments
    ) -> tuple[list[decode.Json], Shape]:
        page = _page(arguments)
        params = {**{key: value for key, value in query.items() if value}, "page_size": arguments.get("limit", 20)}
        params |= {"page": page} if page > 1 else {}
        question = Question(operation=operation, what=what, path=f"{path}?{urlencode(params)}")
        rows, more = await self._client.ask(question, lambda answer: _list_page(answer, page))
        return rows, {"nextCursor": str(page + 1)} if more else {}

    async def _pipeline_jobs(self, arguments: Arguments) -> Shape:
        return await self._described(PipelineId(arguments["pipeline_id"]))

    async def _described(self, pipeline_id: PipelineId) -> Shape:
        question = Question(
            operation="describe_pipeline",
            what=f"describing pipeline {pipeline_id}",
            path=f"/pipelines/{segment(pipeline_id)}?detailed=true",
        )
        return await self._client.ask(
            question, lambda answer: shapes.pipeline_jobs(decode.obj(answer.json(), "the answer"))
        )

    # ------------------------------------------------------------------------------------------------------------ jobs

    async def _jobs_describe(self, arguments: Arguments) -> Shape:
        return shapes.job(await self._api.describe_job(JobId(arguments["job_id"])))

    async def _jobs_logs(self, arguments: Arguments) -> Shape:
        job_id = str(arguments["job_id"])
        cursor = int(arguments["cursor"]) if arguments.get("cursor") else None
        question = Question(
            operation="job_log", what=f"reading the log of job {job_id}", path=f"/logs/{segment(job_id)}"
        )
        return await self._client.twice(question, lambda: self._log_page(question, job_id, cursor))

    async def _log_page(self, question: Question, job_id: str, cursor: int | None) -> Shape:
        page = LogPage(cursor)
        read = await read_events(self._client, question, page.add, LOG_LIMIT)
        told = page.told(job_id, self_hosted=read.self_hosted)
        return {**told, "note": read.remark} if read.remark else told

    # ------------------------------------------------------------------------------------------------------- artifacts

    async def _artifacts_list(self, arguments: Arguments) -> Shape:
        rows = await self._artifacts.listed(arguments["scope"], arguments["scope_id"], arguments.get("path", ""))
        page = {"returned": len(rows), "truncated": len(rows) >= MOST}
        return {**_place(arguments), "artifacts": rows, "page": page}

    async def _artifacts_signed_url(self, arguments: Arguments) -> Shape:
        url = await self._artifacts.signed(arguments["scope"], arguments["scope_id"], arguments["path"])
        return {**_place(arguments), "method": "GET", "urls": [{"url": url, "method": "GET"}]}

    async def _artifact_job_logs(self, arguments: Arguments) -> Shape:
        job = shapes.job(await self._api.describe_job(JobId(arguments["job_id"])))
        path, url = await self._artifacts.job_log(arguments["job_id"])
        place = {"jobId": arguments["job_id"], "organizationId": arguments["organization_id"]}
        found = {"source": "artifacthub", "path": path, "method": "GET", "url": url}
        return {**place, "projectId": job.get("projectId", ""), **found}

    async def _get_test_results(self, arguments: Arguments) -> Shape:
        if arguments["scope"] == "job":
            job = shapes.job(await self._api.describe_job(JobId(arguments["job_id"])))
            _must_be(job["state"], "finished", "job")
            return await self._artifacts.job_report(arguments["job_id"])
        pipeline = (await self._described(PipelineId(arguments["pipeline_id"])))["pipeline"]
        _must_be(pipeline["state"], "done", "pipeline")
        return await self._artifacts.pipeline_report(pipeline["id"], WorkflowId(pipeline["workflowId"]))


def _must_be(state: str, wanted: str, what: str) -> None:
    if state != wanted:
        raise NotFoundError(f"{what} is not {wanted} (current state: {state}): its report is not there yet")


def _place(arguments: Arguments) -> Shape:
    return {
        "organizationId": arguments["organization_id"],
        "projectId": arguments["project_id"],
        "scope": arguments["scope"],
        "scopeId": arguments["scope_id"],
        "path": arguments.get("path", ""),
    }


def _page(arguments: Arguments) -> int:
    """The page that a cursor of ours names."""
    cursor = str(arguments.get("cursor") or "1")
    return max(1, int(cursor)) if cursor.isascii() and cursor.isdigit() else 1


def _list_page(answer: Answer, page: int) -> tuple[list[decode.Json], bool]:
    rows = [decode.obj(row, "rows") for row in decode.items(answer.json(), "rows")]
    return rows, has_next(answer.headers, page)


def _project_page(answer: Answer) -> tuple[list[decode.Json], bool]:
    rows = [decode.obj(row, "projects") for row in decode.items(answer.json(), "projects")]
    return rows, answer.headers.get("x-has-more", "").lower() == "true"
