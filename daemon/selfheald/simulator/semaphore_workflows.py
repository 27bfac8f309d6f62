"""The face of workflows, which the API calls ``plumber-workflows``."""

from selfheald.simulator import semaphore_wire as wire
from selfheald.simulator.faults import FaultKind
from selfheald.simulator.semaphore_asking import Answer, Ask, as_json, internal_error, not_found
from selfheald.simulator.semaphore_filters import RefusedError, workflow_filter
from selfheald.simulator.semaphore_pages import asked_page
from selfheald.simulator.state import Project, PullRequestHead
from selfheald.simulator.world import branch_name

QUEUE_LIMIT = 30
"""So many unfinished pipelines of one reference and file, and Semaphore takes no more."""


def list_workflows(ask: Ask) -> Answer:
    """``GET /plumber-workflows``: senseless limits give an empty list, and so does asking by workflow alone."""
    if "project_id" not in ask.params:
        return not_found() if ask.workflow(ask.params.get("wf_id")) is None else _nothing()
    if ask.project is None:
        return not_found()
    try:
        selects = workflow_filter(ask)
    except RefusedError as refused:
        return _nothing() if refused.readable else refused.answer
    chosen = [workflow for workflow in reversed(ask.project.workflows) if selects(workflow)]
    if ask.fault is FaultKind.EMPTY_LIST:
        return _nothing()
    page = asked_page(ask, len(chosen))
    return as_json([wire.listed_workflow(workflow) for workflow in page.of(chosen)], headers=page.headers(ask))


def _nothing() -> Answer:
    return as_json([], headers=dict.fromkeys(("total", "per-page", "page-number"), "0"))


def describe_workflow(ask: Ask) -> Answer:
    """``GET /plumber-workflows/:id``."""
    workflow = ask.workflow(ask.segments["id"])
    return not_found() if workflow is None else as_json({"workflow": wire.described_workflow(workflow)})


def run_workflow(ask: Ask) -> Answer:
    """``POST /plumber-workflows``: not idempotent; the reference is resolved later, by whoever starts the pipeline."""
    project, parameters = ask.project, ask.body.get("parameters") or {}
    if project is None:
        return not_found()
    if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
        return internal_error()
    branch, tag, head = _built(str(ask.body.get("reference") or "main"))
    file = str(ask.body.get("pipeline_file") or project.pipeline_file)
    if _unfinished(project, branch_name(branch, tag, head), file) >= QUEUE_LIMIT:
        return as_json("Limit of queuing pipelines reached", status=400)
    workflow = ask.world.push(
        project,
        branch=branch,
        tag=tag,
        pull_request=head,
        commit_sha=str(ask.body.get("commit_sha") or "") or None,
        triggered_by="api",
        file=file,
        env_vars=parameters,
    )
    ask.world.announce(workflow.pipeline)
    return as_json({"workflow_id": workflow.id, "pipeline_id": workflow.pipeline.id})


def reschedule_workflow(ask: Ask) -> Answer:
    """``POST /plumber-workflows/:id/reschedule``; its keys are not those of running one."""
    workflow = ask.workflow(ask.segments["id"])
    if workflow is None:
        return not_found()

    def rerun() -> Answer:
        again = ask.world.rerun(workflow, user=ask.user)
        return as_json({"wf_id": again.id, "ppl_id": again.pipeline.id})

    return ask.once(rerun)


def terminate_workflow(ask: Ask) -> Answer:
    """``POST /plumber-workflows/:id/terminate``."""
    workflow = ask.workflow(ask.segments["id"])
    if workflow is None:
        return not_found()
    ended = sum(ask.world.terminate(pipeline) for pipeline in workflow.pipelines)
    return as_json(f"Termination started for {ended} pipelines.")


def _built(reference: str) -> tuple[str, str | None, PullRequestHead | None]:
    """What a reference names: a branch, a tag or a pull request; a bare name is a branch."""
    if reference.startswith("refs/tags/"):
        return "", reference.removeprefix("refs/tags/"), None
    number = reference.removeprefix("refs/pull/")
    if number != reference and number.isdigit():
        return "", None, PullRequestHead(number=int(number), sha="", branch="")
    return reference.removeprefix("refs/heads/"), None, None


def _unfinished(project: Project, ref: str, file: str) -> int:
    return sum(
        1
        for pipeline in project.pipelines
        if pipeline.state != "done" and pipeline.workflow.ref == ref and pipeline.file == file
    )
