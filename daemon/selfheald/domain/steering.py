"""What a human may do to a case. Pure; who did it and when goes into the case's history."""

from datetime import datetime

from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.errors import RefusedError
from selfheald.domain.reasons import Reason

NO_NEXT_STEP = frozenset({CaseState.AWAITING_APPROVAL, CaseState.HEALING})
"""Open states in which there is no put-off step to be tried at once."""


def approve(case: Case, now: datetime) -> Case:
    """Let a case that waits be worked on, or its proposal be pushed when it has one. Raises :class:`RefusedError`."""
    _must_wait(case, "approved")
    return advance(case, CaseState.PUSHING if case.proposal else CaseState.QUEUED, now=now)


def reject(case: Case, now: datetime) -> Case:
    """End a case that waits: a lasting no for this failure. Raises :class:`RefusedError`."""
    _must_wait(case, "rejected")
    return advance(case, CaseState.REJECTED, now=now, reason=Reason.REJECTED)


def cancel(case: Case, now: datetime) -> Case:
    """End an open case, also while an agent works on it. Raises :class:`RefusedError`."""
    if case.state.is_end:
        raise RefusedError(f"case {case.id} cannot be cancelled: it has ended already, {case.state}")
    return advance(case, CaseState.CANCELLED, now=now, reason=Reason.CANCELLED)


def retry(case: Case, now: datetime) -> Case:
    """Try an open case's next step at once, errors forgotten. Raises :class:`RefusedError`."""
    if case.state.is_end:
        raise RefusedError(
            f"case {case.id} cannot be retried: it has ended, {case.state}; "
            f"`selfheald heal {case.pipeline.id}` opens a new one, if the guards and limits allow it",
        )
    if case.state in NO_NEXT_STEP:
        raise RefusedError(f"case {case.id} cannot be retried: it is {case.state}, and no step of it is put off")
    return stay(case, now=now, tries=0, due_at=now)


def _must_wait(case: Case, what: str) -> None:
    if case.state is not CaseState.AWAITING_APPROVAL:
        raise RefusedError(f"case {case.id} cannot be {what}: it is {case.state}, not awaiting_approval")
