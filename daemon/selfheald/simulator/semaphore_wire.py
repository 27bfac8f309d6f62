"""How Semaphore's API writes things down. It speaks two dialects of the same keys.

A list has upper-case enumerations, times as ``{"seconds", "nanos"}`` and names in nested enumerations; a description
has lower-case enumerations, times as text and integers in nested enumerations.
"""

import posixpath
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from selfheald.simulator.state import Block, Job, Organization, Pipeline, Project, Promotion, Workflow

EPOCH = datetime.fromtimestamp(0, UTC)
"""How an unset time looks."""

WORKFLOW_TRIGGERS = ("hook", "schedule", "api", "manual_run")
"""``triggered_by`` by its number."""
PIPELINE_TRIGGERS = ("workflow", "promotion", "auto_promotion", "partial_re_run")
"""``ppl_triggered_by`` by its number."""
JOB_STATUS = {"pending": "ENQUEUED", "queued": "ENQUEUED", "running": "RUNNING", "finished": "FINISHED"}

Json = dict[str, Any]


def seconds_and_nanos(at: datetime | None) -> Json:
    """A time as lists write it; unset is zero."""
    at = at or EPOCH
    return {"seconds": int(at.timestamp()), "nanos": at.microsecond * 1000}


def text_time(at: datetime | None) -> str:
    """A time as descriptions write it; unset is the epoch."""
    return (at or EPOCH).strftime("%Y-%m-%d %H:%M:%S.%fZ")


def second(at: datetime | None) -> str:
    """A time as jobs write it; unset is ``"0"``."""
    return str(int((at or EPOCH).timestamp()))


def listed_pipeline(pipeline: Pipeline, *, show_result: bool = True, late: bool = False) -> Json:
    """A pipeline in a list. ``late`` shows a done one as still running, with ``done_at`` stamped already."""
    state = "running" if late and pipeline.state == "done" else pipeline.state
    written = _pipeline(pipeline)
    written |= {key: seconds_and_nanos(at) for key, at in _times(pipeline).items()}
    written["state"] = state.upper()
    if state == "done" and show_result:
        written |= {"result": pipeline.result.upper(), "result_reason": pipeline.reason.upper()}
    written["queue"]["type"] = "IMPLICIT"
    written["triggerer"]["wf_triggered_by"] = pipeline.workflow.triggered_by.upper()
    written["triggerer"]["ppl_triggered_by"] = _trigger(pipeline).upper()
    return written


def described_pipeline(pipeline: Pipeline, *, show_result: bool = True, late: bool = False) -> Json:
    """A pipeline on its own; the arguments are those of :func:`listed_pipeline`."""
    state = "running" if late and pipeline.state == "done" else pipeline.state
    written = _pipeline(pipeline)
    written |= {key: text_time(at) for key, at in _times(pipeline).items()}
    written["state"] = state
    if state == "done" and show_result:
        written |= {"result": pipeline.result, "result_reason": pipeline.reason}
    written["queue"]["type"] = 0
    written["triggerer"]["wf_triggered_by"] = WORKFLOW_TRIGGERS.index(pipeline.workflow.triggered_by)
    written["triggerer"]["ppl_triggered_by"] = PIPELINE_TRIGGERS.index(_trigger(pipeline))
    return written


def described_block(block: Block) -> Json:
    """A block of a described pipeline, with its jobs."""
    written: Json = {
        "block_id": block.id,
        "name": block.name,
        "build_req_id": block.build_id,
        "state": block.state,
        "error_description": "",
        "jobs": [_job_of_block(job) for job in block.jobs],
    }
    if block.state == "done":
        written |= {"result": block.result, "result_reason": block.reason}
    return written


def listed_workflow(workflow: Workflow) -> Json:
    """A workflow in a list: here ``triggered_by`` is the number."""
    return _workflow(workflow) | {"triggered_by": WORKFLOW_TRIGGERS.index(workflow.triggered_by)}


def described_workflow(workflow: Workflow) -> Json:
    """A workflow on its own: here ``triggered_by`` is the name."""
    return _workflow(workflow) | {"triggered_by": workflow.triggered_by.upper()}


def promotion(triggered: Promotion) -> Json:
    """One trigger of a promotion."""
    return {
        "name": triggered.name,
        "status": "passed",
        "triggered_by": triggered.triggered_by,
        "override": triggered.override,
        "triggered_at": seconds_and_nanos(triggered.at),
        "scheduled_at": seconds_and_nanos(triggered.at),
        "scheduled_pipeline_id": triggered.pipeline.id,
    }


def project(known: Project) -> Json:
    """A project; list and description agree but for schedulers, which this one has none of."""
    organization = known.organization
    spec: Json = {
        "repository": {
            "url": f"git@github.com:{known.slug}.git",
            "owner": known.owner,
            "name": known.repo,
            "pipeline_file": known.pipeline_file,
            "integration_type": known.integration_type,
            "run_on": list(known.run_on),
            "forked_pull_requests": {"allowed_secrets": [], "allowed_contributors": []},
            "status": {"pipeline_files": [{"path": known.pipeline_file, "level": "pipeline"}]},
            "whitelist": {"branches": [], "tags": []},
        },
        "schedulers": [],
        "tasks": [],
        "visibility": "private",
        "custom_permissions": False,
        "debug_permissions": [],
        "attach_permissions": [],
    }
    metadata = {
        "id": known.id,
        "name": known.name,
        "description": "",
        "org_id": organization.id,
        "owner_id": _owner(organization),
    }
    return {"apiVersion": "v1alpha", "kind": "Project", "metadata": metadata, "spec": spec}


def job(known: Job) -> Json:
    """A job as the gateway writes it: numbers of 64 bits are text, no field is left out."""
    running = known.started_at is not None
    machine = {"type": "s1-farm" if known.self_hosted else "e2-standard-2", "os_image": "ubuntu2404"}
    return {
        "metadata": {
            "name": known.name,
            "id": known.id,
            "create_time": second(known.created_at),
            "update_time": second(known.updated_at),
            "start_time": second(known.started_at),
            "finish_time": second(known.finished_at),
        },
        "spec": {
            "project_id": known.pipeline.project.id,
            "agent": {"machine": machine, "containers": [], "image_pull_secrets": []},
            "secrets": [],
            "env_vars": [] if known.restricted else environment(known),
            "files": [],
            "commands": list(known.commands),
            "epilogue_commands": [],
            "epilogue_always_commands": [],
            "epilogue_on_pass_commands": [],
            "epilogue_on_fail_commands": [],
        },
        "status": {
            "result": known.result.upper(),
            "state": known.state.upper(),
            "agent": {"ip": "127.0.0.1", "ports": [{"name": "ssh", "number": 30123}], "name": "a-1"}
            if running
            else None,
        },
    }


def environment(known: Job) -> list[Json]:
    """A job's environment as ``spec.env_vars``."""
    return [{"name": name, "value": value} for name, value in job_variables(known).items()]


def job_variables(known: Job) -> dict[str, str]:
    """A job's ``SEMAPHORE_`` variables and the parameters of its pipeline."""
    pipeline, workflow = known.pipeline, known.pipeline.workflow
    return {
        **pipeline.env_vars,
        "SEMAPHORE_WORKFLOW_ID": workflow.id,
        "SEMAPHORE_PIPELINE_ID": pipeline.id,
        "SEMAPHORE_ORGANIZATION_ID": pipeline.project.organization.id,
        "SEMAPHORE_PROJECT_ID": pipeline.project.id,
        "SEMAPHORE_PROJECT_NAME": pipeline.project.name,
        "SEMAPHORE_BLOCK_NAME": known.block,
        "SEMAPHORE_JOB_ID": known.id,
        "SEMAPHORE_JOB_NAME": known.name,
        "SEMAPHORE_PIPELINE_PROMOTION": str(bool(pipeline.promotion_of)).lower(),
        "SEMAPHORE_PIPELINE_RERUN": str(bool(pipeline.partial_rerun_of)).lower(),
        "SEMAPHORE_WORKFLOW_RERUN": str(bool(workflow.rerun_of)).lower(),
        **_git_variables(workflow),
    }


def _git_variables(workflow: Workflow) -> Mapping[str, str]:
    common = {
        "SEMAPHORE_GIT_SHA": workflow.commit_sha,
        "SEMAPHORE_GIT_REPO_SLUG": workflow.project.slug,
        "SEMAPHORE_GIT_REPO_NAME": workflow.project.repo,
        "SEMAPHORE_GIT_COMMITTER": workflow.author,
        "SEMAPHORE_GIT_PROVIDER": "github",
    }
    head = workflow.head
    if head is not None:
        return common | {
            "SEMAPHORE_GIT_REF_TYPE": "pull-request",
            "SEMAPHORE_GIT_REF": f"refs/semaphoreci/{workflow.commit_sha}",
            "SEMAPHORE_GIT_BRANCH": head.target,
            "SEMAPHORE_GIT_WORKING_BRANCH": head.branch,
            "SEMAPHORE_GIT_PR_NUMBER": str(head.number),
            "SEMAPHORE_GIT_PR_SHA": head.sha,
            "SEMAPHORE_GIT_PR_SLUG": head.slug or workflow.project.slug,
            "SEMAPHORE_GIT_PR_NAME": head.name,
            "SEMAPHORE_GIT_PR_BRANCH": head.branch,
        }
    if workflow.kind == "tag":
        return common | {
            "SEMAPHORE_GIT_REF_TYPE": "tag",
            "SEMAPHORE_GIT_REF": workflow.ref,
            "SEMAPHORE_GIT_BRANCH": workflow.ref,
            "SEMAPHORE_GIT_TAG_NAME": workflow.label,
        }
    return common | {
        "SEMAPHORE_GIT_REF_TYPE": "branch",
        "SEMAPHORE_GIT_REF": f"refs/heads/{workflow.ref}",
        "SEMAPHORE_GIT_BRANCH": workflow.ref,
        "SEMAPHORE_GIT_WORKING_BRANCH": workflow.ref,
    }


def _pipeline(pipeline: Pipeline) -> Json:
    """The keys on which both dialects agree, and the two nested objects."""
    workflow, project = pipeline.workflow, pipeline.project
    unresolved = pipeline.fresh and workflow.triggered_by != "hook"
    folder, file = posixpath.split(pipeline.file)
    return {
        "ppl_id": pipeline.id,
        "name": pipeline.name,
        "wf_id": workflow.id,
        "project_id": project.id,
        "organization_id": project.organization.id,
        "repository_id": "" if unresolved else project.repository_id,
        "branch_id": "" if unresolved else workflow.branch_id,
        "branch_name": workflow.ref,
        "commit_sha": "" if unresolved else workflow.commit_sha,
        "commit_message": "" if pipeline.fresh else workflow.message,
        "hook_id": "" if unresolved else workflow.hook_id,
        "error_description": pipeline.error,
        "terminate_request": pipeline.terminate_request,
        "terminated_by": "",
        "working_directory": folder,
        "yaml_file_name": file,
        "switch_id": pipeline.switch_id,
        "snapshot_id": "",
        "promotion_of": pipeline.promotion_of,
        "partial_rerun_of": pipeline.partial_rerun_of,
        "partially_rerun_by": pipeline.partially_rerun_by,
        "compile_task_id": "",
        "with_after_task": pipeline.has_after_task,
        "after_task_id": "",
        "env_vars": [{"name": name, "value": value} for name, value in pipeline.env_vars.items()],
        "queue": _queue(pipeline),
        "triggerer": _triggerer(pipeline),
    }


def _times(pipeline: Pipeline) -> dict[str, datetime | None]:
    return {
        "created_at": pipeline.created_at,
        "pending_at": pipeline.pending_at,
        "queuing_at": pipeline.queuing_at,
        "running_at": pipeline.running_at,
        "stopping_at": pipeline.stopping_at,
        "done_at": pipeline.done_at,
    }


def _queue(pipeline: Pipeline) -> Json:
    return {
        "queue_id": "",
        "name": f"{pipeline.workflow.label}-{pipeline.file}",
        "scope": "project",
        "project_id": pipeline.project.id,
        "organization_id": pipeline.project.organization.id,
    }


def _triggerer(pipeline: Pipeline) -> Json:
    workflow = pipeline.workflow
    return {
        "wf_triggerer_id": workflow.hook_id if workflow.triggered_by == "hook" else "",
        "wf_triggerer_user_id": workflow.requester_id,
        "wf_triggerer_provider_login": workflow.author,
        "wf_triggerer_provider_uid": "583231",
        "wf_triggerer_provider_avatar": "",
        "ppl_triggerer_id": pipeline.partial_rerun_of or pipeline.promotion_of or workflow.id,
        "ppl_triggerer_user_id": pipeline.partially_rerun_by or workflow.requester_id,
        "workflow_rerun_of": workflow.rerun_of,
    }


def _trigger(pipeline: Pipeline) -> str:
    if pipeline.partial_rerun_of:
        return "partial_re_run"
    if pipeline.promotion_of:
        return "auto_promotion" if pipeline.auto_promoted else "promotion"
    return "workflow"


def _job_of_block(known: Job) -> Json:
    # An unfinished job reads PASSED: the zero of Semaphore's enumeration.
    result = known.result.upper() if known.state == "finished" else "PASSED"
    return {
        "name": known.name,
        "index": known.index,
        "job_id": known.id,
        "status": JOB_STATUS[known.state],
        "result": result,
    }


def _workflow(workflow: Workflow) -> Json:
    unresolved = workflow.pipeline.fresh and workflow.triggered_by != "hook"
    return {
        "wf_id": workflow.id,
        "initial_ppl_id": workflow.pipeline.id,
        "project_id": workflow.project.id,
        "organization_id": workflow.project.organization.id,
        "repository_id": "" if unresolved else workflow.project.repository_id,
        "hook_id": "" if unresolved else workflow.hook_id,
        "requester_id": workflow.requester_id,
        "branch_id": "" if unresolved else workflow.branch_id,
        "branch_name": workflow.ref,
        "commit_sha": "" if unresolved else workflow.commit_sha,
        "rerun_of": workflow.rerun_of,
        "created_at": seconds_and_nanos(workflow.created_at),
    }


def _owner(organization: Organization) -> str:
    return next(iter(organization.tokens.values()), "")
