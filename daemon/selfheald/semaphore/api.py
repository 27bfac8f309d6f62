"""Semaphore's public REST API v1alpha, endpoint by endpoint, as its services implement it.

Every method raises as :meth:`SemaphoreClient.ask` does. Identifiers go into addresses quoted.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

from selfheald.domain.errors import RefusedError
from selfheald.domain.failure import FailedJob
from selfheald.domain.ids import JobId, PipelineId, WorkflowId
from selfheald.domain.pipeline import Pipeline
from selfheald.ports import SemaphoreProject
from selfheald.semaphore import decode
from selfheald.semaphore.client import Answer, Question, SemaphoreClient
from selfheald.semaphore.joblog import read_job_log
from selfheald.semaphore.logs import BUDGET, LogEnd

PAGE_SIZE = 100
"""Pipelines or workflows a page: Semaphore sets no bound, but reads each of them while we wait."""

PROMOTION_PAGE_SIZE = 99
"""Promotions a page: Semaphore answers 500 to more."""

PAGES_LIMIT = 1000
"""Pages of one list: a list that never ends is a fault of the other side."""

PROJECT_PAGES_LIMIT = 100
"""Semaphore refuses a later page of projects."""

JOB_PAGE_SIZE = 30
"""Jobs a page: Semaphore refuses more."""

JOB_PAGES_LIMIT = 34
"""About a thousand jobs, the newest: the list is of the whole organization and has no other filter."""

Params = Mapping[str, str | int | Sequence[str]]
"""The parameters of a list; a sequence repeats its key."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A workflow that was started."""

    workflow_id: WorkflowId
    pipeline_id: PipelineId


class SemaphoreApi:
    """The endpoints that selfheald uses, of one organization."""

    def __init__(self, client: SemaphoreClient) -> None:
        self._client = client

    # ---------------------------------------------------------------------------------------------------- pipelines

    async def list_pipelines(self, params: Params, *, pages: int = PAGES_LIMIT) -> list[Pipeline]:
        """Pipelines by ``project_id`` or ``wf_id`` and other filters, newest creation first, each once.

        ``pages`` bounds how many pages of 100 are read. Times in ``params`` are whole Unix seconds; bounds are strict.
        """
        what = f"listing the pipelines of {params.get('project_id') or params.get('wf_id')}"
        found = await self._pages("list_pipelines", what, "/pipelines", params, read=decode.pipelines, most=pages)
        return _each_once(found, lambda pipeline: pipeline.id)

    async def describe_pipeline(self, pipeline_id: PipelineId) -> Pipeline:
        """One pipeline as it is now."""
        question = _describing(pipeline_id, f"/pipelines/{segment(pipeline_id)}")
        return await self._client.ask(question, lambda answer: decode.pipeline(_member(answer, "pipeline")))

    async def describe_failure(self, pipeline_id: PipelineId) -> tuple[Pipeline, tuple[FailedJob, ...]]:
        """One pipeline as it is now, with its failed jobs, their logs not read."""
        question = _describing(pipeline_id, f"/pipelines/{segment(pipeline_id)}?detailed=true")
        return await self._client.ask(question, _failure)

    async def partial_rebuild(self, pipeline_id: PipelineId, request_token: str) -> PipelineId:
        """Run what failed in a pipeline again; the same token gives the same new pipeline."""
        question = Question(
            operation="partial_rebuild",
            what=f"rebuilding pipeline {pipeline_id}",
            method="POST",
            path=f"/pipelines/{segment(pipeline_id)}/partial_rebuild",
            body={"request_token": request_token},
        )
        return await self._client.ask(question, lambda answer: PipelineId(_string(answer, "pipeline_id")))

    async def stop_pipeline(self, pipeline_id: PipelineId) -> None:
        """Ask for a pipeline's end; it comes later, and it is no error when it is over already."""
        question = Question(
            operation="stop_pipeline",
            what=f"stopping pipeline {pipeline_id}",
            method="PATCH",
            path=f"/pipelines/{segment(pipeline_id)}",
            body={"terminate_request": True},
        )
        await self._client.ask(question, lambda _: None)

    # ---------------------------------------------------------------------------------------------------- workflows

    async def list_workflows(self, params: Params, *, pages: int = PAGES_LIMIT) -> list[decode.Json]:
        """Workflows by ``project_id`` and other filters, as Semaphore tells them, newest first.

        Semaphore hides its errors in an empty list here.
        """
        what = f"listing the workflows of {params.get('project_id')}"
        found = await self._pages(
            "list_workflows", what, "/plumber-workflows", params, read=_objects("workflows"), most=pages
        )
        return _each_once(found, lambda workflow: str(workflow.get("wf_id")))

    async def describe_workflow(self, workflow_id: WorkflowId) -> decode.Json:
        """One workflow as Semaphore tells it; it has no state of its own."""
        what = f"describing workflow {workflow_id}"
        path = f"/plumber-workflows/{segment(workflow_id)}"
        question = Question(operation="describe_workflow", what=what, path=path)
        return await self._client.ask(question, lambda answer: decode.obj(_member(answer, "workflow"), "workflow"))

    async def run_workflow(
        self, project_id: str, reference: str, *, commit: str = "", file: str = "", parameters: Params | None = None
    ) -> Run:
        """Start a workflow on a branch or ``refs/tags/…``. Not idempotent: after a timeout look before trying again."""
        wanted = {"project_id": project_id, "reference": reference, "commit_sha": commit, "pipeline_file": file}
        question = Question(
            operation="run_workflow",
            what=f"running a workflow of project {project_id}",
            method="POST",
            path="/plumber-workflows",
            body={key: value for key, value in {**wanted, "parameters": parameters}.items() if value},
            repeatable=False,
        )
        return await self._client.ask(question, lambda answer: _run(answer, "workflow_id", "pipeline_id"))

    async def reschedule(self, workflow_id: WorkflowId, request_token: str) -> Run:
        """Run a whole workflow again; the same token gives the same new workflow."""
        question = Question(
            operation="reschedule",
            what=f"running workflow {workflow_id} again",
            method="POST",
            path=f"/plumber-workflows/{segment(workflow_id)}/reschedule",
            body={"request_token": request_token},
        )
        return await self._client.ask(question, lambda answer: _run(answer, "wf_id", "ppl_id"))

    # ----------------------------------------------------------------------------------------------------- projects

    async def list_projects(self) -> list[SemaphoreProject]:
        """All projects that the token may see, each once. Pages may be short or empty while there are more."""
        found: list[SemaphoreProject] = []
        for page in range(1, PROJECT_PAGES_LIMIT + 1):
            question = Question(operation="list_projects", what="listing the projects", path=f"/projects?page={page}")
            projects, more = await self._client.ask(question, _project_page)
            found += projects
            if not more:
                break
        return _each_once(found, lambda project: project.project_id)

    async def describe_project(self, name: str) -> SemaphoreProject:
        """One project by its name; Semaphore does not find it by its id."""
        path = f"/projects/{segment(name)}"
        question = Question(operation="describe_project", what=f"describing project {name}", path=path)
        return await self._client.ask(question, lambda answer: decode.project(answer.json()))

    # --------------------------------------------------------------------------------------------------------- jobs

    async def list_jobs(self, states: Sequence[str], *, pages: int = JOB_PAGES_LIMIT) -> list[decode.Json]:
        """The organization's newest jobs in these states (``PENDING``, ``QUEUED``, ``RUNNING``, ``FINISHED``)."""
        found: list[decode.Json] = []
        token = ""
        for _ in range(pages):
            query = _query({"states": states, "page_size": JOB_PAGE_SIZE, "page_token": token})
            question = Question(operation="list_jobs", what="listing the jobs", path=f"/jobs?{query}")
            jobs, token = await self._client.ask(question, _job_page)
            found += jobs
            if not token:
                break
        return found

    async def describe_job(self, job_id: JobId) -> decode.Json:
        """One job as Semaphore tells it. Its environment may hold secrets in plain text."""
        path = f"/jobs/{segment(job_id)}"
        question = Question(operation="describe_job", what=f"describing job {job_id}", path=path)
        return await self._client.ask(question, lambda answer: decode.obj(answer.json(), "job"))

    async def job_log(self, job_id: JobId, budget: int = BUDGET) -> LogEnd:
        """The end of a job's log, at most ``budget`` characters, from Semaphore's or a self-hosted agent's store."""
        question = Question(
            operation="job_log", what=f"reading the log of job {job_id}", path=f"/logs/{segment(job_id)}"
        )
        return await self._client.twice(question, lambda: read_job_log(self._client, question, budget))

    # --------------------------------------------------------------------------------------------------- promotions

    async def list_promotions(self, pipeline_id: PipelineId) -> list[decode.Json]:
        """What was promoted from a pipeline, newest first; not what could be."""
        if not await self._has_promotions(pipeline_id):
            return []
        what = f"listing the promotions of pipeline {pipeline_id}"
        params: Params = {"pipeline_id": pipeline_id, "page_size": PROMOTION_PAGE_SIZE}
        return await self._pages("list_promotions", what, "/promotions", params, read=_objects("promotions"))

    async def trigger_promotion(
        self,
        pipeline_id: PipelineId,
        name: str,
        *,
        request_token: str,
        override: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Promote a pipeline; the same token promotes once. ``override`` is for one that did not pass."""
        if not await self._has_promotions(pipeline_id):
            raise RefusedError(f"promoting pipeline {pipeline_id} to {name}: it has no promotions")
        question = Question(
            operation="trigger_promotion",
            what=f"promoting pipeline {pipeline_id} to {name}",
            method="POST",
            path="/promotions",
            body={
                **(parameters or {}),
                "pipeline_id": pipeline_id,
                "name": name,
                "override": override,
                "request_token": request_token,
            },
        )
        await self._client.ask(question, lambda _: None)

    async def _has_promotions(self, pipeline_id: PipelineId) -> bool:
        """Semaphore answers 500 to any question about the promotions of a pipeline without a switch."""
        question = _describing(pipeline_id, f"/pipelines/{segment(pipeline_id)}")
        return await self._client.ask(
            question, lambda answer: bool(decode.text(decode.obj(_member(answer, "pipeline"), "pipeline"), "switch_id"))
        )

    async def _pages(
        self,
        operation: str,
        what: str,
        path: str,
        params: Params,
        *,
        read: Callable[[object], list[_Item]],
        most: int = PAGES_LIMIT,
    ) -> list[_Item]:
        """All pages, at most ``most``: the newest come first whatever is asked for, so the last page matters too."""
        query = f"{path}?{_query({'page_size': PAGE_SIZE, **params})}"
        found: list[_Item] = []
        for page in range(1, most + 1):
            question = Question(operation=operation, what=what, path=f"{query}&page={page}" if page > 1 else query)
            items, more = await self._client.ask(question, _page(read, page))
            found += items
            if not more:
                break
        return found


def segment(value: str) -> str:
    """A value as one segment of an address. Raises :class:`RefusedError` for what would name another place."""
    if value in ("", ".", ".."):
        raise RefusedError(f"{value!r} is no identifier of Semaphore's")
    return quote(value, safe="")


def _query(params: Params) -> str:
    return urlencode({key: value for key, value in params.items() if value != ""}, doseq=True)


def _page(read: Callable[[object], list[_Item]], page: int) -> Callable[[Answer], tuple[list[_Item], bool]]:
    """How to read a page: its items, and whether there is a next one."""
    return lambda answer: (read(answer.json()), has_next(answer.headers, page))


def has_next(headers: Mapping[str, str], page: int) -> bool:
    """Whether there is a next page. A page past the end is the last one again, under its own number.

    The addresses in ``link`` are never followed: they are http, and lack parameters.
    """
    number = headers.get("page-number", "")
    past_the_end = number.isascii() and number.isdigit() and int(number[:9]) < page
    return 'rel="next"' in headers.get("link", "") and not past_the_end


def _each_once(items: Iterable[_Item], key: Callable[[_Item], Hashable]) -> list[_Item]:
    """Pages move while they are read, so an item may come twice; the first one stays."""
    found: dict[Hashable, _Item] = {}
    for item in items:
        found.setdefault(key(item), item)
    return list(found.values())


def _describing(pipeline_id: PipelineId, path: str) -> Question:
    return Question(operation="describe_pipeline", what=f"describing pipeline {pipeline_id}", path=path)


def _member(answer: Answer, name: str) -> object:
    return decode.obj(answer.json(), "the answer").get(name)


def _string(answer: Answer, name: str) -> str:
    return decode.identifier(decode.obj(answer.json(), "the answer"), name)


def _objects(field: str) -> Callable[[object], list[decode.Json]]:
    return lambda payload: [decode.obj(item, field) for item in decode.items(payload, field)]


def _failure(answer: Answer) -> tuple[Pipeline, tuple[FailedJob, ...]]:
    described = decode.obj(answer.json(), "the answer")
    return decode.pipeline(described.get("pipeline")), decode.failed_jobs(described.get("blocks") or [])


def _run(answer: Answer, workflow: str, pipeline: str) -> Run:
    return Run(workflow_id=WorkflowId(_string(answer, workflow)), pipeline_id=PipelineId(_string(answer, pipeline)))


def _project_page(answer: Answer) -> tuple[list[SemaphoreProject], bool]:
    projects = [decode.project(item) for item in decode.items(answer.json(), "projects")]
    return projects, answer.headers.get("x-has-more", "").lower() == "true"


def _job_page(answer: Answer) -> tuple[list[decode.Json], str]:
    page = decode.obj(answer.json(), "the answer")
    jobs = [decode.obj(job, "jobs") for job in decode.items(page.get("jobs") or [], "jobs")]
    return jobs, decode.text(page, "next_page_token")
