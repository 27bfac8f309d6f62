"""A case: one failure under treatment. Its states, the transition table, and the only way to change state."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypedDict, Unpack

from selfheald.domain.ids import CaseId, PipelineId, ProjectName, Sha, Slug
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.reasons import Reason

BRANCH_PREFIX = "selfheal-"


class CaseState(StrEnum):
    """Where a case is. A state exists only if recovery after a crash in it differs."""

    AWAITING_APPROVAL = "awaiting_approval"
    """A human is asked: mode ``approve`` and the rules say heal, or a guard on the diff wants it seen first."""
    QUEUED = "queued"
    """It may be worked on."""
    HEALING = "healing"
    """A worker holds it, by a lease."""
    PUSHING = "pushing"
    """The commit exists in our own object store, under a ref of the case."""
    VALIDATING = "validating"
    """The branch is on the remote at our commit."""
    PUBLISHING = "publishing"
    """CI passed on our commit."""
    PROPOSED = "proposed"
    """The pull request is open."""

    HEALED = "healed"
    """The pull request was merged."""
    DECLINED = "declined"
    """A human closed it: a lasting no for this failure."""
    WITHDRAWN = "withdrawn"
    """We gave it up, with the reason."""
    SUPERSEDED = "superseded"
    """The branch moved on or is green again."""
    FLAKY = "flaky"
    """The same code passes when run again."""
    NOT_FIXABLE = "not_fixable"
    """The agent's own no, or it changed nothing."""
    BLOCKED = "blocked"
    """A guard on the diff."""
    EXHAUSTED = "exhausted"
    """Attempts are used up."""
    OVER_BUDGET = "over_budget"
    """A budget is used up."""
    NO_CI = "no_ci"
    """No pipeline came for our push."""
    REJECTED = "rejected"
    """Approval was refused."""
    CANCELLED = "cancelled"
    """A human stopped it."""
    FAILED = "failed"
    """Our own fault, after retries."""

    @property
    def is_end(self) -> bool:
        """Whether the case is over."""
        return not TRANSITIONS[self]


_ANYTIME = frozenset({CaseState.CANCELLED, CaseState.SUPERSEDED, CaseState.WITHDRAWN, CaseState.FAILED})

TRANSITIONS: dict[CaseState, frozenset[CaseState]] = {
    CaseState.AWAITING_APPROVAL: _ANYTIME | {CaseState.QUEUED, CaseState.PUSHING, CaseState.REJECTED},
    CaseState.QUEUED: _ANYTIME | {CaseState.HEALING, CaseState.OVER_BUDGET},
    CaseState.HEALING: _ANYTIME
    | {
        CaseState.QUEUED,
        CaseState.AWAITING_APPROVAL,
        CaseState.PUSHING,
        CaseState.NOT_FIXABLE,
        CaseState.BLOCKED,
        CaseState.EXHAUSTED,
        CaseState.OVER_BUDGET,
        CaseState.FLAKY,
    },
    CaseState.PUSHING: _ANYTIME | {CaseState.VALIDATING},
    CaseState.VALIDATING: _ANYTIME
    | {CaseState.PUBLISHING, CaseState.QUEUED, CaseState.EXHAUSTED, CaseState.NO_CI, CaseState.FLAKY},
    CaseState.PUBLISHING: _ANYTIME | {CaseState.PROPOSED, CaseState.HEALED, CaseState.DECLINED},
    CaseState.PROPOSED: _ANYTIME | {CaseState.HEALED, CaseState.DECLINED},
    **{
        end: frozenset()
        for end in (
            CaseState.HEALED,
            CaseState.DECLINED,
            CaseState.WITHDRAWN,
            CaseState.SUPERSEDED,
            CaseState.FLAKY,
            CaseState.NOT_FIXABLE,
            CaseState.BLOCKED,
            CaseState.EXHAUSTED,
            CaseState.OVER_BUDGET,
            CaseState.NO_CI,
            CaseState.REJECTED,
            CaseState.CANCELLED,
            CaseState.FAILED,
        )
    },
}
"""Which state may follow which; the diagram in the docs is generated from it."""

OPEN_STATES = tuple(state for state in CaseState if TRANSITIONS[state])
END_STATES = tuple(state for state in CaseState if not TRANSITIONS[state])


def branch_of(commit: Sha) -> str:
    """The name of the branch that carries a fix for this failed commit."""
    return f"{BRANCH_PREFIX}{commit}"


def failure_key(repository: Slug, commit: Sha) -> str:
    """What makes two failures the same: the repository and the failed commit."""
    return f"{repository}@{commit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """A case that is about to be opened."""

    project: ProjectName
    repository: Slug
    pipeline: Pipeline
    commit: Sha
    """The failed commit: the branch's, or a pull request's head."""
    source_branch: str | None
    """The branch that failed; ``None`` for a tag or a fork."""
    state: CaseState
    """``queued`` or ``awaiting_approval``."""
    opened_at: datetime
    opened_by: str = "selfheald"
    """Who opened it, for its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as the store keeps it."""

    id: CaseId
    version: int
    """Grows with each change; the store saves by compare-and-set on it."""
    project: ProjectName
    repository: Slug
    pipeline: Pipeline
    """The pipeline that failed."""
    commit: Sha
    source_branch: str | None
    branch: str
    """Our branch: ``selfheal-<commit>``."""
    state: CaseState
    reason: Reason | None
    """Why it ended; ``None`` while it is open."""
    opened_at: datetime
    updated_at: datetime
    due_at: datetime
    """When its next step is to be tried."""
    closed_at: datetime | None = None
    tries: int = 0
    """Errors in a row in the current state."""
    lease_owner: str | None = None
    lease_until: datetime | None = None
    reserved_micros: int = 0
    """Held back from the day's budgets while a worker holds it, in millionths of a US dollar."""
    base: Sha
    """The commit from which the next attempt starts: the failed one, later our own last one."""
    failed_pipeline: PipelineId
    """The pipeline whose failure the next attempt is given: the first one, later the one on our branch."""
    proposal: Sha | None = None
    """The commit to be pushed, or that was pushed."""
    pushed: Sha | None = None
    """The commit that we last saw on our branch."""
    pushed_at: datetime | None = None
    summary: str = ""
    proof: PipelineId | None = None
    """The pipeline that passed on our commit."""
    pull_request: int | None = None
    pull_request_url: str = ""

    @property
    def failure_key(self) -> str:
        """See :func:`failure_key`."""
        return failure_key(self.repository, self.commit)


def opened(wanted: NewCase, case_id: CaseId) -> Case:
    """A case's first version."""
    return Case(
        id=case_id,
        version=1,
        project=wanted.project,
        repository=wanted.repository,
        pipeline=wanted.pipeline,
        commit=wanted.commit,
        source_branch=wanted.source_branch,
        branch=branch_of(wanted.commit),
        state=wanted.state,
        reason=None,
        opened_at=wanted.opened_at,
        updated_at=wanted.opened_at,
        due_at=wanted.opened_at,
        base=wanted.commit,
        failed_pipeline=wanted.pipeline.id,
    )


class CaseChanges(TypedDict, total=False):
    """What a change may set besides the state."""

    tries: int
    lease_owner: str | None
    lease_until: datetime | None
    reserved_micros: int
    base: Sha
    failed_pipeline: PipelineId
    proposal: Sha | None
    pushed: Sha | None
    pushed_at: datetime | None
    summary: str
    proof: PipelineId | None
    pull_request: int | None
    pull_request_url: str
    due_at: datetime


class IllegalTransitionError(ValueError):
    """The transition table does not have it: a bug."""


def advance(
    case: Case,
    to: CaseState,
    *,
    now: datetime,
    reason: Reason | None = None,
    **changes: Unpack[CaseChanges],
) -> Case:
    """Move a case to another state: the only way to do so. Pure.

    Leaving ``healing`` gives lease and reservation back, and a new state starts without errors, due at once, unless
    ``changes`` say otherwise. Raises :class:`IllegalTransitionError`.
    """
    if to not in TRANSITIONS[case.state]:
        msg = f"case {case.id}: {case.state} to {to}"
        raise IllegalTransitionError(msg)
    fresh: CaseChanges = {"tries": 0, "due_at": now, "lease_owner": None, "lease_until": None, "reserved_micros": 0}
    fresh.update(changes)
    return replace(
        case,
        **fresh,
        state=to,
        reason=reason if to.is_end else None,
        version=case.version + 1,
        updated_at=now,
        closed_at=now if to.is_end else None,
    )


def stay(case: Case, *, now: datetime, **changes: Unpack[CaseChanges]) -> Case:
    """Change a case within its state: put its next step off, renew its lease, count an error. Pure."""
    return replace(case, **changes, version=case.version + 1, updated_at=now)
