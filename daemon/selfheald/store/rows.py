"""Cases, attempts and events as rows, and back."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from selfheald.domain.attempt import Attempt, AttemptOutcome, Usage
from selfheald.domain.case import Case, CaseState
from selfheald.domain.decision import Decision, Defer, Heal, Skip
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.reasons import Reason
from selfheald.ports import CaseEvent, Verdict
from selfheald.store.values import (
    SqlValue,
    findings,
    findings_text,
    instant,
    instant_or_none,
    instant_text,
    instant_text_or_none,
    pipeline,
    pipeline_text,
    reason_or_none,
    refusals,
    refusals_text,
    row,
    usages,
    usages_text,
)


def pipeline_row(project: str, built: Pipeline, *, seen_at: datetime) -> Mapping[str, SqlValue]:
    """Bind a pipeline, without what was decided about it."""
    return row(
        id=built.id,
        project=project,
        project_id=built.project_id,
        ref=str(built.ref),
        file=built.file,
        commit_sha=built.commit,
        state=built.state,
        result=built.result,
        created_at=instant_text(built.created_at),
        done_at=instant_text_or_none(built.done_at),
        seen_at=instant_text(seen_at),
        payload=pipeline_text(built),
    )


def decision_row(decision: Decision) -> Mapping[str, SqlValue]:
    """Bind a decision."""
    match decision:
        case Heal():
            return row(decision="heal", reason=Reason.ALLOWED, saw="", defer_until=None)
        case Skip(reason=reason, saw=saw):
            return row(decision="skip", reason=reason, saw=saw, defer_until=None)
        case Defer(until=until, reason=reason, saw=saw):
            return row(decision="defer", reason=reason, saw=saw, defer_until=instant_text(until))


def verdict_from(found: sqlite3.Row) -> Verdict:
    """Read what was decided about a pipeline."""
    return Verdict(
        project=found["project"],
        pipeline=pipeline(found["payload"]),
        decision=found["decision"],
        reason=reason_or_none(found["reason"]),
        saw=found["saw"],
        decided_at=instant_or_none(found["decided_at"]),
        defer_until=instant_or_none(found["defer_until"]),
    )


def case_row(case: Case) -> Mapping[str, SqlValue]:
    """Bind all of a case but its number."""
    return row(
        version=case.version,
        project=case.project,
        repository=case.repository,
        pipeline_id=case.pipeline.id,
        pipeline=pipeline_text(case.pipeline),
        commit_sha=case.commit,
        failure_key=case.failure_key,
        source_branch=case.source_branch,
        branch=case.branch,
        state=case.state,
        reason=case.reason,
        opened_at=instant_text(case.opened_at),
        updated_at=instant_text(case.updated_at),
        due_at=instant_text(case.due_at),
        closed_at=instant_text_or_none(case.closed_at),
        tries=case.tries,
        lease_owner=case.lease_owner,
        lease_until=instant_text_or_none(case.lease_until),
        reserved_micros=case.reserved_micros,
        base=case.base,
        failed_pipeline=case.failed_pipeline,
        proposal=case.proposal,
        pushed=case.pushed,
        pushed_at=instant_text_or_none(case.pushed_at),
        summary=case.summary,
        proof=case.proof,
        pull_request=case.pull_request,
        pull_request_url=case.pull_request_url,
    )


def case_from(found: sqlite3.Row) -> Case:
    """Read a case."""
    return Case(
        id=found["id"],
        version=found["version"],
        project=found["project"],
        repository=found["repository"],
        pipeline=pipeline(found["pipeline"]),
        commit=found["commit_sha"],
        source_branch=found["source_branch"],
        branch=found["branch"],
        state=CaseState(found["state"]),
        reason=reason_or_none(found["reason"]),
        opened_at=instant(found["opened_at"]),
        updated_at=instant(found["updated_at"]),
        due_at=instant(found["due_at"]),
        closed_at=instant_or_none(found["closed_at"]),
        tries=found["tries"],
        lease_owner=found["lease_owner"],
        lease_until=instant_or_none(found["lease_until"]),
        reserved_micros=found["reserved_micros"],
        base=found["base"],
        failed_pipeline=found["failed_pipeline"],
        proposal=found["proposal"],
        pushed=found["pushed"],
        pushed_at=instant_or_none(found["pushed_at"]),
        summary=found["summary"],
        proof=found["proof"],
        pull_request=found["pull_request"],
        pull_request_url=found["pull_request_url"],
    )


def attempt_row(attempt: Attempt) -> Mapping[str, SqlValue]:
    """Bind all of an attempt."""
    return row(
        id=attempt.id,
        case_id=attempt.case_id,
        number=attempt.number,
        agent=attempt.agent,
        base=attempt.base,
        started_at=instant_text(attempt.started_at),
        finished_at=instant_text_or_none(attempt.finished_at),
        outcome=attempt.outcome,
        commit_sha=attempt.commit,
        summary=attempt.summary,
        message=attempt.message,
        note=attempt.note,
        model=attempt.usage.model,
        input_tokens=attempt.usage.input_tokens,
        cached_input_tokens=attempt.usage.cached_input_tokens,
        cache_write_tokens=attempt.usage.cache_write_tokens,
        output_tokens=attempt.usage.output_tokens,
        usages=usages_text(attempt.usages),
        cost_micros=attempt.cost_micros,
        refusals=refusals_text(attempt.refusals),
        findings=findings_text(attempt.findings),
        folder=attempt.folder,
    )


def attempt_from(found: sqlite3.Row) -> Attempt:
    """Read an attempt."""
    return Attempt(
        id=found["id"],
        case_id=found["case_id"],
        number=found["number"],
        agent=found["agent"],
        base=found["base"],
        started_at=instant(found["started_at"]),
        finished_at=instant_or_none(found["finished_at"]),
        outcome=None if found["outcome"] is None else AttemptOutcome(found["outcome"]),
        commit=found["commit_sha"],
        summary=found["summary"],
        message=found["message"],
        note=found["note"],
        usage=Usage(
            model=found["model"],
            input_tokens=found["input_tokens"],
            cached_input_tokens=found["cached_input_tokens"],
            cache_write_tokens=found["cache_write_tokens"],
            output_tokens=found["output_tokens"],
        ),
        usages=usages(found["usages"]),
        cost_micros=found["cost_micros"],
        refusals=refusals(found["refusals"]),
        findings=findings(found["findings"]),
        folder=found["folder"],
    )


def event_row(event: CaseEvent) -> Mapping[str, SqlValue]:
    """Bind a line of a case's history."""
    return row(
        case_id=event.case_id,
        at=instant_text(event.at),
        before=event.before,
        after=event.after,
        reason=event.reason,
        actor=event.actor,
        note=event.note,
    )


def event_from(found: sqlite3.Row) -> CaseEvent:
    """Read a line of a case's history."""
    return CaseEvent(
        case_id=found["case_id"],
        at=instant(found["at"]),
        before=found["before"],
        after=found["after"],
        reason=reason_or_none(found["reason"]),
        actor=found["actor"],
        note=found["note"],
    )
