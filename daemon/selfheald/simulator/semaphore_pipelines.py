"""The face of pipelines."""

from collections.abc import Sequence

from selfheald.simulator import semaphore_wire as wire
from selfheald.simulator.faults import FaultKind
from selfheald.simulator.semaphore_asking import Answer, Ask, as_json, not_found
from selfheald.simulator.semaphore_filters import RefusedError, pipeline_filter
from selfheald.simulator.semaphore_pages import asked_page
from selfheald.simulator.state import Pipeline


def list_pipelines(ask: Ask) -> Answer:
    """``GET /pipelines``: newest creation first, whatever the filter."""
    known = _listed(ask)
    if known is None:
        return not_found()
    late = ask.fault is FaultKind.LATE_DONE
    try:
        selects = pipeline_filter(ask, late=late)
    except RefusedError as refused:
        return refused.answer
    chosen = [pipeline for pipeline in reversed(known) if selects(pipeline)]
    if ask.fault is FaultKind.EMPTY_LIST:
        chosen = []
    if ask.fault is FaultKind.PIPELINE_VANISHED:
        gone = chosen[0].id if chosen else ask.organization.id
        return as_json(f"Pipeline with id: {gone} not found", status=400)
    page = asked_page(ask, len(chosen))
    show_result = ask.fault is not FaultKind.MISSING_RESULT
    body = [wire.listed_pipeline(pipeline, show_result=show_result, late=late) for pipeline in page.of(chosen)]
    return as_json(body, headers=page.headers(ask))


def _listed(ask: Ask) -> Sequence[Pipeline] | None:
    """The pipelines to choose from, by project or else by workflow; ``None`` without the right to either."""
    if "project_id" in ask.params:
        return None if ask.project is None else ask.project.pipelines
    workflow = ask.workflow(ask.params.get("wf_id"))
    return None if workflow is None else sorted(workflow.pipelines, key=lambda known: known.created_at)


def describe_pipeline(ask: Ask) -> Answer:
    """``GET /pipelines/:id``; blocks only with ``detailed=true``, in exactly these letters."""
    pipeline = ask.pipeline(ask.segments["id"])
    if pipeline is None:
        return not_found()
    written = wire.described_pipeline(
        pipeline,
        show_result=ask.fault is not FaultKind.MISSING_RESULT,
        late=ask.fault is FaultKind.LATE_DONE,
    )
    detailed = ask.params.get("detailed") == "true" and not pipeline.fresh
    blocks = [wire.described_block(block) for block in pipeline.blocks] if detailed else []
    return as_json({"pipeline": written, "blocks": blocks})


def describe_topology(ask: Ask) -> Answer:
    """``GET /pipelines/:id/describe_topology``; every block depends on the one before it."""
    pipeline = ask.pipeline(ask.segments["id"])
    if pipeline is None:
        return not_found()
    names = [block.name for block in pipeline.blocks]
    return as_json(
        [
            {"name": block.name, "jobs": [job.name for job in block.jobs], "dependencies": names[max(0, at - 1) : at]}
            for at, block in enumerate(pipeline.blocks)
        ]
    )


def terminate_pipeline(ask: Ask) -> Answer:
    """``PATCH /pipelines/:id``; a pipeline that is done gets the same answer."""
    pipeline = ask.pipeline(ask.segments["id"])
    if pipeline is None:
        return not_found()
    if ask.body.get("terminate_request") is not True:
        return as_json("Value of 'terminate_request' field must be boolean value 'true'.", status=400)
    ask.world.terminate(pipeline)
    return as_json("Pipeline termination started.")


def partial_rebuild(ask: Ask) -> Answer:
    """``POST /pipelines/:id/partial_rebuild``."""
    pipeline = ask.pipeline(ask.segments["id"])
    if pipeline is None:
        return not_found()

    def rebuild() -> Answer:
        if pipeline.state != "done":
            return as_json("Only pipelines which are in done state can be partial rebuilt.", status=400)
        if pipeline.result == "passed":
            return as_json("Pipelines which passed can not be partial rebuilt.", status=400)
        again = ask.world.partial_rebuild(pipeline, user=ask.user)
        return as_json({"message": "", "pipeline_id": again.id})

    return ask.once(rebuild)
