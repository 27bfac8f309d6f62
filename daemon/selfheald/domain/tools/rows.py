"""What of an answer is the failing workflow's: the rest is dropped, and what it names of it is learned."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from selfheald.domain.tools.reach import Id, Reach

Json = Mapping[str, Any]

LISTS: Mapping[str, str] = {
    "organizations_list": "organizations",
    "projects_list": "projects",
    "projects_search": "projects",
    "workflows_search": "workflows",
    "pipelines_list": "pipelines",
    "tasks_list": "tasks",
}
"""Where the rows of a list are."""

_OWNED: Mapping[str, Id] = {
    "organizationId": Id.ORGANIZATION,
    "projectId": Id.PROJECT,
    "project_id": Id.PROJECT,
    "workflowId": Id.WORKFLOW,
    "jobId": Id.JOB,
}
"""What says whose something is, wherever it stands in an answer's first two floors."""


def within(name: str, structured: Json, reach: Reach) -> Json | None:
    """Give an answer with the rows within reach alone; ``None`` when it is about something else altogether."""
    if name in LISTS:
        return _list(name, structured, reach)
    if not _owned(structured, reach) or not all(
        _owned(part, reach) for part in structured.values() if isinstance(part, Mapping)
    ):
        return None
    if name == "tasks_describe":
        return {**structured, "recent_triggers": _triggers(structured, reach)}
    return structured


def found_all(name: str, rows: Iterable[Json], reach: Reach) -> bool:
    """Whether no later page of a list can hold more that is within reach."""
    kind = _SOUGHT.get(name)
    return kind is not None and {row.get("id") for row in rows} >= set(reach.all_of(kind))


def learned(name: str, structured: Json) -> Mapping[Id, tuple[str, ...]]:
    """Give the ids that an answer within reach names of the failing workflow."""
    match name:
        case "pipelines_list":
            return {Id.PIPELINE: _ids(structured, "pipelines", "id")}
        case "pipeline_jobs":
            after = structured.get("afterPipelineJobIds")
            return {Id.JOB: (*_ids(structured, "jobs", "jobId"), *_strings(after))}
        case "tasks_list":
            return {Id.TASK: _ids(structured, "tasks", "id")}
        case _:
            return {}


_SOUGHT: Mapping[str, Id] = {
    "organizations_list": Id.ORGANIZATION,
    "projects_list": Id.PROJECT,
    "workflows_search": Id.WORKFLOW,
}


def _list(name: str, structured: Json, reach: Reach) -> Json:
    kind, key = _SOUGHT.get(name), LISTS[name]
    if name == "projects_search":
        kind = Id.PROJECT
    mine: Callable[[Json], bool] = (lambda _: True) if kind is None else (lambda row: reach.has(kind, row.get("id")))
    rows = [row for row in _rows(structured, key) if mine(row) and _owned(row, reach)]
    kept = {field: value for field, value in structured.items() if field not in {"nextCursor", "next_cursor"}}
    counts = {"totalMatches": len(rows), "moreAvailable": False} if name == "projects_search" else {}
    return {**kept, key: rows, **counts}


def _owned(part: Json, reach: Reach) -> bool:
    """Whether whatever says whose this is names what is within reach; nothing said is nothing against it."""
    return all(not part.get(field) or reach.has(kind, part[field]) for field, kind in _OWNED.items())


def _triggers(structured: Json, reach: Reach) -> list[Json]:
    return [row for row in _rows(structured, "recent_triggers") if reach.has(Id.WORKFLOW, row.get("workflow_id"))]


def _rows(structured: Json, key: str) -> list[Json]:
    rows = structured.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _ids(structured: Json, key: str, field: str) -> tuple[str, ...]:
    return _strings([row.get(field) for row in _rows(structured, key)])


def _strings(values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
