"""Domain values as SQLite keeps them, and back.

Instants are text in UTC, always with six digits of a second and a ``Z``: the order of the text is the order in time.
A pipeline is one JSON text; what is asked for in queries also stands in columns of its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from selfheald.domain.attempt import Usage
from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.ids import PipelineId, Sha, WorkflowId
from selfheald.domain.pipeline import Pipeline, Ref, RefKind, Result, State, Trigger
from selfheald.domain.reasons import Reason
from selfheald.domain.refusal import Refusal, RefusalKind

SqlValue = str | int | None

_REASONS = {reason.value: reason for reason in Reason}


def instant_text(instant: datetime) -> str:
    """Write an instant; raises :class:`ValueError` for one without a time zone."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant without a time zone: {instant}")
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """Read what :func:`instant_text` wrote."""
    return datetime.fromisoformat(text)


def instant_text_or_none(value: datetime | None) -> str | None:
    """Write an instant that may be missing."""
    return None if value is None else instant_text(value)


def instant_or_none(text: str | None) -> datetime | None:
    """Read an instant that may be missing."""
    return None if text is None else instant(text)


def reason_or_none(text: str | None) -> Reason | None:
    """Read a reason that may be missing."""
    return None if text is None else _REASONS[text]


def storable(text: str) -> str:
    """Make text from outside storable: half of a surrogate pair, which JSON may bring, has no UTF-8 form."""
    return text.encode("utf-8", "replace").decode("utf-8")


def row(**columns: SqlValue) -> Mapping[str, SqlValue]:
    """Bind columns by name, each text made storable."""
    return {name: storable(value) if isinstance(value, str) else value for name, value in columns.items()}


def pipeline_text(pipeline: Pipeline) -> str:
    """Write a pipeline as JSON, in plain ASCII, the same text for the same pipeline."""
    fields = {
        "id": pipeline.id,
        "project_id": pipeline.project_id,
        "organization_id": pipeline.organization_id,
        "workflow_id": pipeline.workflow_id,
        "name": pipeline.name,
        "file": pipeline.file,
        "ref": {"kind": pipeline.ref.kind, "name": pipeline.ref.name},
        "commit": pipeline.commit,
        "commit_message": pipeline.commit_message,
        "state": pipeline.state,
        "result": pipeline.result,
        "reason": pipeline.reason,
        "error": pipeline.error,
        "created_at": instant_text(pipeline.created_at),
        "done_at": instant_text_or_none(pipeline.done_at),
        "promotion_of": pipeline.promotion_of,
        "partial_rerun_of": pipeline.partial_rerun_of,
        "triggered_by": pipeline.triggered_by,
        "rerun_of": pipeline.rerun_of,
    }
    return json.dumps(fields, separators=(",", ":"))


def pipeline(text: str) -> Pipeline:
    """Read what :func:`pipeline_text` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return Pipeline(
        id=PipelineId(fields["id"]),
        project_id=fields["project_id"],
        organization_id=fields["organization_id"],
        workflow_id=WorkflowId(fields["workflow_id"]),
        name=fields["name"],
        file=fields["file"],
        ref=Ref(kind=RefKind(fields["ref"]["kind"]), name=fields["ref"]["name"]),
        commit=Sha(fields["commit"]),
        commit_message=fields["commit_message"],
        state=State(fields["state"]),
        result=None if fields["result"] is None else Result(fields["result"]),
        reason=fields["reason"],
        error=fields["error"],
        created_at=instant(fields["created_at"]),
        done_at=instant_or_none(fields["done_at"]),
        promotion_of=fields["promotion_of"],
        partial_rerun_of=fields["partial_rerun_of"],
        triggered_by=Trigger(fields["triggered_by"]),
        rerun_of=fields["rerun_of"],
    )


def refusals_text(refused: Sequence[Refusal]) -> str:
    """Write refusals as JSON."""
    return json.dumps([asdict(one) for one in refused], separators=(",", ":"))


def refusals(text: str) -> tuple[Refusal, ...]:
    """Read what :func:`refusals_text` wrote."""
    return tuple(Refusal(**{**one, "kind": RefusalKind(one["kind"])}) for one in json.loads(text))


def usages_text(used: Sequence[Usage]) -> str:
    """Write usage figures as JSON."""
    return json.dumps([asdict(one) for one in used], separators=(",", ":"))


def usages(text: str) -> tuple[Usage, ...]:
    """Read what :func:`usages_text` wrote."""
    return tuple(Usage(**one) for one in json.loads(text))


def findings_text(found: Sequence[Finding]) -> str:
    """Write findings as JSON."""
    return json.dumps([asdict(one) for one in found], separators=(",", ":"))


def findings(text: str) -> tuple[Finding, ...]:
    """Read what :func:`findings_text` wrote."""
    return tuple(Finding(**{**one, "action": GuardAction(one["action"])}) for one in json.loads(text))
