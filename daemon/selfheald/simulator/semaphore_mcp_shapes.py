"""How the tools of Semaphore's MCP server write things down: camel case, and nothing that is empty, zero or false.

Enumerations of zero look like success: what is not over has the result ``passed``.
"""

from datetime import datetime
from typing import Any

from selfheald.simulator.semaphore_wire import JOB_STATUS
from selfheald.simulator.state import Block, Job, Organization, Pipeline, Project, Workflow

Json = dict[str, Any]

_STATES = {"pending": "pending", "queued": "enqueued", "running": "started", "finished": "finished"}


def told(**fields: Any) -> Json:
    """The fields that are not empty."""
    return {key: value for key, value in fields.items() if value}


def time(at: datetime | None) -> str:
    """A time, in whole seconds."""
    return "" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def organization(known: Organization) -> Json:
    """One of the caller's organizations."""
    return told(id=known.id, name=known.name, username=known.name)


def project(known: Project) -> Json:
    """A project, without ``details``."""
    repository = told(
        url=f"git@github.com:{known.slug}.git",
        name=known.repo,
        defaultBranch="main",
        pipelineFile=known.pipeline_file,
        integrationType=known.integration_type.replace("github_token", "github oauth token").replace("_", " "),
        repositoryId=known.repository_id,
        owner=known.owner,
        runOnConfigured=bool(known.run_on),
    )
    return told(
        id=known.id,
        name=known.name,
        visibility="private",
        repository={"public": False, "connected": True, **repository},
    )


def workflow(known: Workflow) -> Json:
    """A workflow; it has no state."""
    return told(
        id=known.id,
        initialPipelineId=known.pipeline.id,
        projectId=known.project.id,
        organizationId=known.project.organization.id,
        branch=known.ref,
        commitSha=known.commit_sha,
        requesterId=known.requester_id,
        triggeredBy=known.triggered_by,
        createdAt=time(known.created_at),
        rerunOf=known.rerun_of,
        repositoryId=known.project.repository_id,
    )


def pipeline(known: Pipeline) -> Json:
    """A pipeline."""
    trigger = "partial_re_run" if known.partial_rerun_of else "promotion" if known.promotion_of else "workflow"
    over = known.state == "done"
    return {
        **told(
            id=known.id,
            name=known.name,
            workflowId=known.workflow.id,
            projectId=known.project.id,
            organizationId=known.project.organization.id,
            branch=known.workflow.ref,
            commitSha=known.workflow.commit_sha,
            state=known.state,
            result=known.result if over else "passed",
            resultReason=(known.reason if over else "") or "test",
            errorMessage=known.error,
            createdAt=time(known.created_at),
            runningAt=time(known.running_at),
            doneAt=time(known.done_at),
            triggerer=trigger,
            promotionOf=known.promotion_of,
            partialRerunOf=known.partial_rerun_of,
        ),
        "queue": {"name": f"{known.workflow.label}-{known.file}", "type": "implicit"},
        "withAfterTask": known.has_after_task,
    }


def pipeline_jobs(known: Pipeline) -> Json:
    """A pipeline with its jobs, by block and in one list."""
    jobs = [_job(block, job) for block in known.blocks for job in block.jobs]
    return {
        "pipeline": pipeline(known),
        "blocks": [_block(block) for block in known.blocks],
        "jobs": jobs,
        "jobCount": len(jobs),
    }


def _block(known: Block) -> Json:
    result = known.result if known.state == "done" else "passed"
    jobs = [_job(known, job) for job in known.jobs]
    return {"blockId": known.id, **told(blockName=known.name, state=known.state, result=result, jobs=jobs)}


def _job(block: Block, known: Job) -> Json:
    result = known.result.upper() if known.state == "finished" else "PASSED"
    written = told(name=known.name, blockId=block.id, blockName=block.name, index=known.index)
    return {"jobId": known.id, **written, "status": JOB_STATUS[known.state], "result": result}


def job(known: Job) -> Json:
    """A job on its own."""
    running = known.started_at is not None
    return {
        **told(
            id=known.id,
            name=known.name,
            pipelineId=known.pipeline.id,
            projectId=known.pipeline.project.id,
            organizationId=known.pipeline.project.organization.id,
            branchId=known.pipeline.workflow.branch_id,
            hookId=known.pipeline.workflow.hook_id,
            state=_STATES[known.state],
            result=known.result if known.state == "finished" else "passed",
            machineType="s1-farm" if known.self_hosted else "e2-standard-2",
            machineImage="ubuntu2404",
            agentHost="127.0.0.1" if running else "",
            agentName="a-1" if running else "",
        ),
        "debugJob": False,
        "selfHosted": known.self_hosted,
        "timeline": told(
            createdAt=time(known.created_at), startedAt=time(known.started_at), finishedAt=time(known.finished_at)
        ),
    }
