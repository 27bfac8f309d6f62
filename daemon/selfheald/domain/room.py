"""Whether a project's limits let an attempt start now. Pure; the store asks it in the transaction that claims."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.policy import Limits
from selfheald.domain.reasons import Reason

LOOK_AGAIN = timedelta(minutes=1)
"""When a claim that a limit stood against is tried again: a pull request may be merged at any moment."""

PATIENCE = timedelta(hours=24)
"""A case that could not be claimed for this long is given up."""

MICROS = 1_000_000
"""Of a dollar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """What a project holds when one of its cases is to be claimed; that case itself is not counted."""

    attempts_under_way: int = 0
    """Cases that a worker holds."""
    proposals_under_way: int = 0
    """Cases that have a pull request open, or may come to one without being claimed first."""
    cost_micros_today: int = 0
    """Since midnight UTC, in millionths of a US dollar. What runs is not in it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Whether a worker got a case."""

    taken: bool
    limit: Reason | None = None
    """The limit that stood against it; ``None`` and not taken: somebody else was faster."""


def limit_in_the_way(limits: Limits, held: Occupancy) -> Reason | None:
    """The limit that keeps an attempt from starting; ``None``: it may start."""
    if held.attempts_under_way >= limits.concurrent_attempts:
        return Reason.CONCURRENT_ATTEMPTS
    if held.proposals_under_way >= limits.open_pull_requests:
        return Reason.OPEN_PULL_REQUESTS
    if held.cost_micros_today >= limits.cost_usd_per_day * MICROS:
        return Reason.COST_PER_DAY
    return None


def after_no_room(case: Case, reason: Reason, *, queued_at: datetime, now: datetime) -> Case:
    """A queued case that a limit stood against: it waits, but not for ever.

    For a free worker of its project it waits without end: running attempts end by themselves.
    """
    if reason is not Reason.CONCURRENT_ATTEMPTS and now >= queued_at + PATIENCE:
        return advance(case, CaseState.OVER_BUDGET, now=now, reason=reason)
    return stay(case, now=now, due_at=now + LOOK_AGAIN)
