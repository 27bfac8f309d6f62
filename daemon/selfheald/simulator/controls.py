"""The simulated Semaphore's controls over HTTP, for people and for tests in other processes.

No token is asked for: the simulator listens on the loopback interface only.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from selfheald.simulator.faults import Fault, FaultKind
from selfheald.simulator.semaphore_asking import Answer, as_gateway
from selfheald.simulator.state import JobResult, PullRequestHead
from selfheald.simulator.world import World

PREFIX = "/simulator/"

Values = Mapping[str, Any]


def answer(world: World, method: str, path: str, body: bytes) -> Answer:
    """Do what a control says. Wrong input is a 400 that names what was wrong; an unknown control a 404."""
    control = CONTROLS.get((method, path.removeprefix(PREFIX)))
    if control is None:
        return _problem(f"no such control; there are: {', '.join(f'{m} {PREFIX}{p}' for m, p in CONTROLS)}", status=404)
    try:
        return as_gateway(control(world, _values(body)))
    except (ValueError, TypeError, KeyError) as error:
        return _problem(f"{type(error).__name__}: {error}", status=400)


def _values(body: bytes) -> Values:
    values: Values = json.loads(body) if body else {}
    if times := {"created_at", "done_at"} & values.keys():
        raise KeyError(f"{', '.join(sorted(times))}: times are the clock's")
    return values


def _problem(text: str, *, status: int) -> Answer:
    return as_gateway({"error": text}, status=status)


def _requests(world: World, _: Values) -> object:
    """The requests that were answered, oldest first, without their credentials."""
    written = []
    for record in world.hooks.requests:
        fields = asdict(record)
        fields["authorized"] = fields.pop("token") is not None
        written.append(fields)
    return written


def _faults(world: World, _: Values) -> object:
    return [_shown(fault) for fault in world.faults.active]


def _add_fault(world: World, values: Values) -> object:
    """``kind``, and at will ``operation``, ``times`` (null: for ever), ``seconds``, ``containing``."""
    known = {"kind", "operation", "times", "seconds", "containing"}
    if not values.keys() <= known:
        raise KeyError(", ".join(sorted(values.keys() - known)))
    fault = Fault(
        kind=FaultKind(values["kind"]),
        operation=values.get("operation"),
        times=values.get("times", 1),
        seconds=float(values.get("seconds", 0)),
        when=_containing(values.get("containing")),
    )
    return _shown(world.faults.add(fault))


def _containing(text: str | None) -> Callable[[str, str], bool] | None:
    return None if text is None else lambda path, query: text in f"{path}?{query}"


def _clear_faults(world: World, _: Values) -> object:
    world.faults.clear()
    return []


def _shown(fault: Fault) -> Mapping[str, Any]:
    return {"kind": fault.kind, "operation": fault.operation, "times": fault.times, "seconds": fault.seconds}


def _push(world: World, values: Values) -> object:
    """``project`` (a name), and at will the keywords of :meth:`World.push` but ``created_at``."""
    given = dict(values)
    project = world.project(given.pop("project"))
    if "pull_request" in given:
        given["pull_request"] = PullRequestHead(**given["pull_request"])
    workflow = world.push(project, **given)
    if world.on_new_pipeline:
        world.announce(workflow.pipeline)
    return {"workflow_id": workflow.id, "pipeline_id": workflow.pipeline.id, "commit_sha": workflow.commit_sha}


def _finish(world: World, values: Values) -> object:
    """``pipeline_id``, and at will ``result``, ``reason``, ``error``, ``jobs`` (keywords of ``JobResult``)."""
    given = dict(values)
    pipeline_id = given.pop("pipeline_id")
    pipeline = world.pipeline(pipeline_id)
    jobs = [JobResult(**job) for job in given.pop("jobs", ())]
    pipeline.finish(given.pop("result", "passed"), given.pop("reason", "test"), jobs=jobs, **given)
    return {"pipeline_id": pipeline.id, "state": pipeline.state, "result": pipeline.result}


CONTROLS: Mapping[tuple[str, str], Callable[[World, Values], object]] = {
    ("GET", "requests"): _requests,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "push"): _push,
    ("POST", "finish"): _finish,
}
