"""What Semaphore's REST API says, in the shapes of its MCP server's tools. Pure.

The MCP server leaves out what is empty, zero or false, writes keys in camel case (tasks apart) and times as RFC 3339 in
whole seconds. Unlike it, an unfinished pipeline or job has no ``result`` here: there it reads ``passed``.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from selfheald.semaphore import decode
from selfheald.semaphore.decode import Json

Shape = dict[str, Any]

_JOB_STATES = {"PENDING": "pending", "QUEUED": "enqueued", "RUNNING": "started", "FINISHED": "finished"}
_TRIGGERS = ("workflow", "promotion", "auto_promotion", "partial_re_run")
_QUEUES = ("implicit", "user_generated")
_WORKFLOW_TRIGGERS = ("hook", "schedule", "api", "manual_run")
_INTEGRATIONS = {"github_token": "github oauth token", "github_app": "github app"}


def shape(**fields: object) -> Shape:
    """Give the fields that say something."""
    return {key: value for key, value in fields.items() if value not in (None, "", 0, [], {}) or value is False}


def project(source: Json) -> Shape:
    """A project of the list; ``details`` apart."""
    metadata = decode.obj(source.get("metadata"), "metadata")
    spec = decode.obj(source.get("spec") or {}, "spec")
    repository = decode.obj(spec.get("repository") or {}, "repository")
    visibility = decode.text(spec, "visibility")
    integration = decode.text(repository, "integration_type")
    return shape(
        id=decode.identifier(metadata, "id"),
        name=decode.text(metadata, "name"),
        description=decode.text(metadata, "description"),
        visibility=visibility,
        repository=shape(
            url=decode.text(repository, "url"),
            name=decode.text(repository, "name"),
            pipelineFile=decode.text(repository, "pipeline_file"),
            integrationType=_INTEGRATIONS.get(integration, integration),
            public=visibility == "public",
            connected=True,
            owner=decode.text(repository, "owner"),
            runOnConfigured=bool(repository.get("run_on")),
        ),
    )


def mentions(source: Json, words: Iterable[str]) -> bool:
    """Whether a project's name, description or repository holds each of these words, in lower case."""
    told = project(source)
    repository = told["repository"]
    texts = (told["name"], told.get("description", ""), repository.get("url", ""), repository.get("name", ""))
    return all(any(word in text.lower() for text in texts) for word in words)


def found_project(source: Json) -> Shape:
    """A project that was searched for."""
    return {**project(source), "matchConfidence": "high"}


def workflow(source: Json) -> Shape:
    """A workflow, listed or described."""
    return shape(
        id=decode.identifier(source, "wf_id"),
        initialPipelineId=decode.text(source, "initial_ppl_id"),
        projectId=decode.text(source, "project_id"),
        organizationId=decode.text(source, "organization_id"),
        branch=decode.text(source, "branch_name"),
        commitSha=decode.text(source, "commit_sha"),
        requesterId=decode.text(source, "requester_id"),
        triggeredBy=_named(_WORKFLOW_TRIGGERS, source.get("triggered_by")),
        createdAt=_time(source, "created_at"),
        rerunOf=decode.text(source, "rerun_of"),
        repositoryId=decode.text(source, "repository_id"),
    )


def pipeline(source: Json) -> Shape:
    """A pipeline, listed or described."""
    state = decode.text(source, "state").lower()
    triggerer = decode.obj(source.get("triggerer") or {}, "triggerer")
    return shape(
        id=decode.identifier(source, "ppl_id"),
        name=decode.text(source, "name"),
        workflowId=decode.text(source, "wf_id"),
        projectId=decode.text(source, "project_id"),
        organizationId=decode.text(source, "organization_id"),
        branch=decode.text(source, "branch_name"),
        commitSha=decode.text(source, "commit_sha"),
        state=state,
        **(_ended(source) if state == "done" else {}),
        createdAt=_time(source, "created_at"),
        runningAt=_time(source, "running_at"),
        doneAt=_time(source, "done_at"),
        queue=_queue(decode.obj(source.get("queue") or {}, "queue")),
        triggerer=_named(_TRIGGERS, triggerer.get("ppl_triggered_by")),
        withAfterTask=bool(source.get("with_after_task")),
        afterTaskId=decode.text(source, "after_task_id"),
        promotionOf=decode.text(source, "promotion_of"),
        partialRerunOf=decode.text(source, "partial_rerun_of"),
    )


def _ended(source: Json) -> Shape:
    return {
        "result": decode.text(source, "result").lower(),
        "resultReason": decode.text(source, "result_reason").lower(),
        "errorMessage": decode.text(source, "error_description"),
    }


def _queue(source: Json) -> Shape:
    return shape(
        id=decode.text(source, "queue_id"),
        name=decode.text(source, "name"),
        type=_named(_QUEUES, source.get("type")),
    )


def pipeline_jobs(described: Json) -> Shape:
    """A pipeline described in detail, as ``pipeline_jobs`` tells it."""
    blocks = [_block(decode.obj(block, "blocks")) for block in decode.items(described.get("blocks") or [], "blocks")]
    jobs = [job for block in blocks for job in block.get("jobs", ())]
    told = pipeline(decode.obj(described.get("pipeline"), "pipeline"))
    return {"pipeline": told, "blocks": blocks, "jobs": jobs, "jobCount": len(jobs)}


def _block(source: Json) -> Shape:
    state = decode.text(source, "state").lower()
    jobs = [decode.obj(job, "jobs") for job in decode.items(source.get("jobs") or [], "jobs")]
    return {
        "blockId": decode.text(source, "block_id"),
        **shape(
            blockName=decode.text(source, "name"),
            state=state,
            result=decode.text(source, "result").lower() if state == "done" else "",
            jobs=[_job_of(source, job) for job in jobs],
        ),
    }


def _job_of(block: Json, source: Json) -> Shape:
    status = decode.text(source, "status")
    return {
        "jobId": decode.identifier(source, "job_id"),
        **shape(
            name=decode.text(source, "name"),
            blockId=decode.text(block, "block_id"),
            blockName=decode.text(block, "name"),
            index=source.get("index"),
            status=status,
            result=decode.text(source, "result") if status.upper() == "FINISHED" else "",
        ),
    }


def job(source: Json) -> Shape:
    """A job, as ``jobs_describe`` tells it; of its environment nothing but the ids of what it belongs to."""
    metadata = decode.obj(source.get("metadata"), "metadata")
    spec = decode.obj(source.get("spec") or {}, "spec")
    status = decode.obj(source.get("status") or {}, "status")
    machine = decode.obj(decode.obj(spec.get("agent") or {}, "agent").get("machine") or {}, "machine")
    agent = decode.obj(status.get("agent") or {}, "agent")
    state = decode.text(status, "state")
    result = decode.text(status, "result").lower()
    return shape(
        id=decode.identifier(metadata, "id"),
        name=decode.text(metadata, "name"),
        pipelineId=variable(spec, "SEMAPHORE_PIPELINE_ID"),
        projectId=decode.text(spec, "project_id"),
        organizationId=variable(spec, "SEMAPHORE_ORGANIZATION_ID"),
        state=_JOB_STATES.get(state, state.lower()),
        result=result if state == "FINISHED" and result != "none" else "",
        machineType=decode.text(machine, "type"),
        machineImage=decode.text(machine, "os_image"),
        agentHost=decode.text(agent, "ip"),
        agentName=decode.text(agent, "name"),
        debugJob=False,
        selfHosted=decode.text(machine, "type").startswith("s1-"),
        timeline=_timeline(metadata),
    )


def variable(spec: Json, name: str) -> str:
    """Give a variable of a job's environment; the last one of a name holds."""
    found = ""
    for each in decode.items(spec.get("env_vars") or [], "env_vars"):
        pair = decode.obj(each, "env_vars")
        if pair.get("name") == name:
            found = decode.text(pair, "value")
    return found


def _timeline(metadata: Json) -> Shape:
    return shape(
        createdAt=_second(decode.text(metadata, "create_time")),
        startedAt=_second(decode.text(metadata, "start_time")),
        finishedAt=_second(decode.text(metadata, "finish_time")),
    )


def artifact(source: Json) -> Shape:
    """A file or folder among artifacts."""
    size = source.get("size")
    return {
        "name": decode.text(source, "name"),
        "path": decode.text(source, "path"),
        "isDirectory": bool(source.get("is_directory")),
        "size": size if isinstance(size, int) else 0,
    }


def _named(names: tuple[str, ...], value: object) -> str:
    """An enumeration, which lists write by name and descriptions by number."""
    if isinstance(value, str):
        return value.lower()
    known: dict[object, str] = dict(enumerate(names))
    return known.get(value, "")


def _time(source: Json, field: str) -> str:
    found = decode.instant(source, field)
    return "" if found is None else f"{found:%Y-%m-%dT%H:%M:%SZ}"


def _second(written: str) -> str:
    if not (written.isascii() and written.isdigit()) or written == "0":
        return ""
    return f"{datetime.fromtimestamp(int(written[:11]), UTC):%Y-%m-%dT%H:%M:%SZ}"
