"""Which pipelines and workflows a list request selects, with every oddity of its parameters."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from selfheald.simulator.semaphore_asking import Answer, Ask, as_json, internal_error
from selfheald.simulator.state import Pipeline, Workflow

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: what is beyond (milliseconds, mostly) makes Semaphore answer 500."""

REF_TYPES = {"BRANCH": "branch", "TAG": "tag", "PR": "pr"}

BOUNDS = ("created_after", "created_before", "done_after", "done_before")


class RefusedError(Exception):
    """The parameters get this answer instead of a list. ``readable``: they were numbers, but made no sense."""

    def __init__(self, answer: Answer, *, readable: bool) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer
        self.readable = readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Strict limits in whole seconds; 0 is no limit."""

    created_after: int = 0
    created_before: int = 0
    done_after: int = 0
    done_before: int = 0

    def check(self) -> None:
        """Raise :class:`RefusedError` when a first is not before its second."""
        created = "created_before" if self.created_before else "created_after"
        pairs = [("created_after", "created_before"), ("done_after", "done_before")]
        for first, second in [*pairs, *product([created], ["done_after", "done_before"])]:
            earlier, later = getattr(self, first), getattr(self, second)
            if earlier and later and earlier >= later:
                # Both misspellings are Semaphore's.
                text = f"Inavlid values od fields '{first}' and '{second}' - first has to be before second."
                raise RefusedError(as_json(text, status=400), readable=True)

    def holds_created(self, at: datetime) -> bool:
        """Whether a creation time is inside."""
        return _inside(at, after=self.created_after, before=self.created_before)

    def holds_done(self, pipeline: Pipeline, *, late: bool) -> bool:
        """Whether a pipeline's end is inside; any limit implies that it is done, by its state."""
        if not (self.done_after or self.done_before):
            return True
        if pipeline.state != "done" or late:
            return False
        return pipeline.done_at is not None and _inside(
            pipeline.done_at, after=self.done_after, before=self.done_before
        )


def bounds(params: Mapping[str, object]) -> Bounds:
    """Read the limits. Raises :class:`RefusedError` for what is no number, and for one beyond all years."""
    return Bounds(**{name: _seconds(params[name]) for name in BOUNDS if name in params})


def _seconds(text: object) -> int:
    """Read as Semaphore does: the digits at the start, so ``2025-01-01`` is the second 2025."""
    digits = re.match(r"[+-]?\d+", str(text))
    if digits is None or int(digits[0]) > LAST_SECOND:
        raise RefusedError(internal_error(), readable=digits is not None)
    return int(digits[0])


def _inside(at: datetime, *, after: int, before: int) -> bool:
    moment = at.timestamp()
    return not (after and moment <= after) and not (before and moment >= before)


def pipeline_filter(ask: Ask, *, late: bool) -> Callable[[Pipeline], bool]:
    """The test that a request's parameters make. Raises :class:`RefusedError`."""
    params, limits, kinds = ask.params, bounds(ask.params), ref_types(ask)
    limits.check()

    def selects(pipeline: Pipeline) -> bool:
        workflow = pipeline.workflow
        return (
            limits.holds_created(pipeline.created_at)
            and limits.holds_done(pipeline, late=late)
            and params.get("branch_name", workflow.ref) == workflow.ref
            and params.get("yml_file_path", pipeline.file) == pipeline.file
            and params.get("label", workflow.label) == workflow.label
            and params.get("project_id", workflow.project.id) == workflow.project.id
            and params.get("wf_id", workflow.id) == workflow.id
            and (not kinds or (workflow.kind in kinds and not pipeline.fresh))
            and _pull_request_matches(pipeline, params)
        )

    return selects


def workflow_filter(ask: Ask) -> Callable[[Workflow], bool]:
    """The same for workflows."""
    params, limits, kinds = ask.params, bounds(ask.params), ref_types(ask)
    limits.check()

    def selects(workflow: Workflow) -> bool:
        return (
            limits.holds_created(workflow.created_at)
            and params.get("branch_name", workflow.ref) == workflow.ref
            and params.get("label", workflow.label) == workflow.label
            and params.get("requester_id", workflow.requester_id) == workflow.requester_id
            and (not kinds or workflow.kind in kinds)
        )

    return selects


def ref_types(ask: Ask) -> set[str]:
    """The kinds of ``git_ref_types[]``; a scalar or an unknown kind is a 500."""
    wanted = [value for name, value in ask.query if name == "git_ref_types[]"]
    if "git_ref_types" in ask.params or not set(wanted) <= REF_TYPES.keys():
        raise RefusedError(internal_error(), readable=False)
    return {REF_TYPES[value] for value in wanted}


def _pull_request_matches(pipeline: Pipeline, params: Mapping[str, object]) -> bool:
    wanted = {"branch": params.get("pr_head_branch"), "target": params.get("pr_target_branch")}
    asked = {field: value for field, value in wanted.items() if value is not None}
    if not asked:
        return True
    head = pipeline.workflow.head
    return head is not None and not pipeline.fresh and all(getattr(head, field) == asked[field] for field in asked)
