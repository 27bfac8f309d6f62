"""The face of promotions."""

from typing import Any

from selfheald.simulator import semaphore_wire as wire
from selfheald.simulator.semaphore_asking import Answer, Ask, as_json, internal_error, not_found
from selfheald.simulator.semaphore_pages import Paging
from selfheald.simulator.state import Pipeline

PROMOTIONS_PER_PAGE = 10
MOST_PROMOTIONS_PER_PAGE = 99
"""Semaphore answers 500 to more."""

NOT_PARAMETERS = {"pipeline_id", "name", "override", "request_token"}
"""Every other top-level key of a trigger is a parameter of the promotion."""


def list_promotions(ask: Ask) -> Answer:
    """``GET /promotions``: what was triggered, newest first; not what could be."""
    pipeline = ask.pipeline(ask.params.get("pipeline_id"))
    if pipeline is None:
        return not_found()
    if not pipeline.switch_id:
        return internal_error()
    numbers = {"page": 1, "page_size": PROMOTIONS_PER_PAGE}
    for name, default in list(numbers.items()):
        written = str(ask.params.get(name, default))
        if not written.isdigit() or int(written) < 1:
            return as_json(f"Invalid value of '{name}' param: {written} - needs to be integer.", status=400)
        numbers[name] = int(written)
    if numbers["page_size"] > MOST_PROMOTIONS_PER_PAGE:
        return internal_error()
    wanted = ask.params.get("name")
    chosen = [known for known in reversed(pipeline.promotions) if wanted in {None, known.name}]
    page = Paging.clamped(len(chosen), number=numbers["page"], size=numbers["page_size"])
    return as_json([wire.promotion(known) for known in page.of(chosen)], headers=page.headers(ask))


def trigger_promotion(ask: Ask) -> Answer:
    """``POST /promotions``; without a ``request_token`` each call triggers."""
    pipeline = ask.pipeline(ask.params.get("pipeline_id"))
    if pipeline is None:
        return not_found()
    if not pipeline.switch_id:
        return internal_error()
    return ask.once(lambda: _trigger(ask, pipeline)) if ask.params.get("request_token") else _trigger(ask, pipeline)


def _trigger(ask: Ask, pipeline: Pipeline) -> Answer:
    params = ask.params
    name = str(params.get("name", ""))
    if name not in pipeline.targets:
        return as_json(f"Target with name '{name}' not found.", status=400)
    override = str(params.get("override", "")).lower() == "true"
    if not override and (pipeline.state, pipeline.result) != ("done", "passed"):
        return as_json("Triggering target when pipeline is not passed requires override confirmation.", status=400)
    parameters: dict[str, Any] = {key: value for key, value in params.items() if key not in NOT_PARAMETERS}
    known = pipeline.targets[name]
    if not all(key in known and isinstance(value, str) for key, value in parameters.items()):
        return internal_error()
    ask.world.promote(pipeline, name, user=ask.user, override=override, parameters=parameters)
    return as_json("Promotion successfully triggered.")
