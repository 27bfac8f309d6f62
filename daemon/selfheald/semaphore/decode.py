"""Semaphore's JSON in the domain's words, in both of its dialects. Pure.

Lists write enums in upper case, times as ``{"seconds", "nanos"}`` and nested enums by name; describing one pipeline
writes enums in lower case, times as ``2025-08-11 08:13:21.131742Z`` and nested enums as integers. In both, an unset
time is the epoch, an unset string is empty, and ``result`` and ``result_reason`` are absent until a pipeline is done.

What cannot be decoded raises a transient error that names the field: a page may be good when it is asked for again.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from selfheald.domain.failure import FailedJob
from selfheald.domain.ids import JobId, PipelineId, ProjectName, Sha, Slug, WorkflowId
from selfheald.domain.pipeline import Pipeline, Ref, Result, State, Trigger
from selfheald.ports import SemaphoreProject
from selfheald.semaphore.faults import PassingError

Json = Mapping[str, object]
"""A JSON object."""

_Member = TypeVar("_Member")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STATES: Mapping[object, State] = {state.value: state for state in State}
_RESULTS: Mapping[object, Result] = {result.value: result for result in Result}
_TRIGGERS: Mapping[object, Trigger] = {
    **{trigger.value: trigger for trigger in Trigger},
    **dict(enumerate((Trigger.HOOK, Trigger.SCHEDULE, Trigger.API, Trigger.MANUAL_RUN))),
}
_UNHEALTHY = frozenset(("FAILED", "STOPPED"))
_ELSEWHERE = frozenset(("bitbucket", "gitlab"))
_SHA = re.compile(r"[0-9a-f]{40}")
_SLUG = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


def pipeline(payload: object) -> Pipeline:
    """A pipeline, from an element of a list or from ``pipeline`` of one described.

    Semaphore's ``commit_sha`` is empty for a moment and may be whatever the one who ran it wrote: what is no full
    commit id is read as empty.
    """
    source = obj(payload, "pipeline")
    state = _enum(_STATES, source.get("state", ""), State.UNKNOWN)
    if state is State.DONE and not source.get("result"):
        state = State.STOPPING
    done = state is State.DONE
    result = _enum(_RESULTS, source.get("result", ""), Result.UNKNOWN) if done else None
    triggerer = obj(source.get("triggerer") or {}, "triggerer")
    return Pipeline(
        id=PipelineId(identifier(source, "ppl_id")),
        project_id=text(source, "project_id"),
        organization_id=text(source, "organization_id"),
        workflow_id=WorkflowId(text(source, "wf_id")),
        name=text(source, "name"),
        file=_file(text(source, "working_directory"), text(source, "yaml_file_name")),
        ref=Ref.parse(text(source, "branch_name")),
        commit=_sha(text(source, "commit_sha")),
        commit_message=text(source, "commit_message"),
        state=state,
        result=result,
        reason=text(source, "result_reason").lower() if done and result is not Result.PASSED else "",
        error=text(source, "error_description") if done else "",
        created_at=instant(source, "created_at") or EPOCH,
        done_at=instant(source, "done_at"),
        promotion_of=PipelineId(text(source, "promotion_of")) or None,
        partial_rerun_of=PipelineId(text(source, "partial_rerun_of")) or None,
        triggered_by=_enum(_TRIGGERS, triggerer.get("wf_triggered_by"), Trigger.UNKNOWN),
        rerun_of=WorkflowId(text(triggerer, "workflow_rerun_of")) or None,
    )


def pipelines(payload: object) -> list[Pipeline]:
    """A page of pipelines."""
    return [pipeline(item) for item in items(payload, "pipelines")]


def failed_jobs(payload: object) -> tuple[FailedJob, ...]:
    """The jobs that did not pass, without their logs, from ``blocks`` of a pipeline described in detail.

    In the order of the blocks in the pipeline's file, then of the jobs' indexes. A job that is not finished reads as
    passed whatever it will be, so only finished ones count.
    """
    blocks = [obj(block, "blocks") for block in items(payload, "blocks")]
    return tuple(job for block in blocks for job in _failed_jobs(block))


def _failed_jobs(block: Json) -> Iterable[FailedJob]:
    jobs = [obj(job, "jobs") for job in items(block.get("jobs") or [], "jobs")]
    name = text(block, "name")
    for job in sorted(jobs, key=_index):
        result = text(job, "result").upper()
        if text(job, "status").upper() == "FINISHED" and result in _UNHEALTHY:
            yield FailedJob(
                id=JobId(identifier(job, "job_id")), name=text(job, "name"), block=name, result=result.lower(), log=""
            )


def _index(job: Json) -> int:
    index = job.get("index")
    return index if isinstance(index, int) else 0


def project(payload: object) -> SemaphoreProject:
    """A project, from a list or described. Its repository is ``None`` when it is not one of GitHub's."""
    source = obj(payload, "project")
    metadata = obj(source.get("metadata"), "metadata")
    repository = obj(obj(source.get("spec") or {}, "spec").get("repository") or {}, "repository")
    slug = f"{text(repository, 'owner')}/{text(repository, 'name')}"
    on_github = _SLUG.fullmatch(slug) and text(repository, "integration_type") not in _ELSEWHERE
    return SemaphoreProject(
        name=ProjectName(identifier(metadata, "name")),
        project_id=identifier(metadata, "id"),
        organization_id=text(metadata, "org_id"),
        repository=Slug(slug) if on_github else None,
    )


# ------------------------------------------------------------------------------------------------- the small parts


def obj(value: object, field: str) -> Json:
    """A JSON object."""
    if not isinstance(value, dict):
        raise _undecodable(field, value)
    return value


def items(value: object, field: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise _undecodable(field, value)
    return value


def text(source: Json, field: str) -> str:
    """A string; empty when it is absent. What no UTF-8 text nor environment variable can hold is taken out."""
    value = source.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _undecodable(field, value)
    if not value.isascii():
        value = value.encode(errors="replace").decode()
    return value.replace("\0", "") if "\0" in value else value


def identifier(source: Json, field: str) -> str:
    """A string that may not be empty."""
    value = text(source, field)
    if not value:
        raise _undecodable(field, value)
    return value


def instant(source: Json, field: str) -> datetime | None:
    """A time in either dialect; ``None`` when it is unset."""
    value = source.get(field)
    try:
        match value:
            case None:
                return None
            case {"seconds": int(seconds), "nanos": int(nanos)}:
                found = EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
            case str():
                found = _utc(datetime.fromisoformat(value)) if value else EPOCH
            case _:
                raise _undecodable(field, value)
    except (ValueError, OverflowError) as error:
        raise _undecodable(field, value) from error
    return None if found == EPOCH else found


def _utc(moment: datetime) -> datetime:
    """Semaphore's times are UTC, also where they do not say so."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _enum(known: Mapping[object, _Member], value: object, unknown: _Member) -> _Member:
    if isinstance(value, str):
        value = value.lower()
    return known.get(value, unknown) if isinstance(value, str | int) else unknown


def _file(folder: str, name: str) -> str:
    """The path of a pipeline file in the repository, as people write it."""
    if not folder and not name:
        return ""
    return posixpath.normpath(f"/{folder}/{name}").lstrip("/")


def _sha(value: str) -> Sha:
    value = value.lower()
    return Sha(value if _SHA.fullmatch(value) else "")


def _undecodable(field: str, value: object) -> PassingError:
    return PassingError(f"Semaphore's answer cannot be decoded: {field} is {_shown(value)}")


def _shown(value: object) -> str:
    """A value's kind, and the value itself if it is short and harmless."""
    kind = type(value).__name__
    return f"{value!a:.60} ({kind})" if isinstance(value, str | int | float | None) else f"a {kind}"
