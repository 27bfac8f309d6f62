"""Whether a project's limits let an attempt start now. Pure; the store asks it in the transaction that claims."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfheald.domain.budget import binding
from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.policy import Limits
from selfheald.domain.prices import micros_of
from selfheald.domain.reasons import Reason
from selfheald.domain.zone import Budget

LOOK_AGAIN = timedelta(minutes=1)
"""When a claim that a limit stood against is tried again: a pull request may be merged at any moment."""

PATIENCE = timedelta(hours=24)
"""A case that could not be claimed for this long is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """What a project holds when one of its cases is to be claimed; that case itself is not counted."""

    attempts_under_way: int = 0
    """Cases that a worker holds."""
    proposals_under_way: int = 0
    """Cases that have a pull request open, or may come to one without being claimed first."""
    spent_micros: int = 0
    """What the project's attempts of today (UTC) have cost, in millionths of a US dollar; what runs is not in it."""
    reserved_micros: int = 0
    """What is held back for the project's attempts under way, whenever they began."""
    spent_micros_of_all: int = 0
    """The same of all projects together."""
    reserved_micros_of_all: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Whether a worker got a case."""

    taken: bool
    limit: Reason | None = None
    """The limit that stood against it; ``None`` and not taken: somebody else was faster."""
    case: Case | None = None
    """The case as the worker holds it, with what is reserved for it; ``None``: it was not taken."""
    budget: Budget = Budget()
    """What its attempt may use up."""


def limit_in_the_way(limits: Limits, held: Occupancy) -> Reason | None:
    """The limit that keeps an attempt from starting; ``None``: it may start."""
    if held.attempts_under_way >= limits.concurrent_attempts:
        return Reason.CONCURRENT_ATTEMPTS
    if held.proposals_under_way >= limits.open_pull_requests:
        return Reason.OPEN_PULL_REQUESTS
    if _left_of_project(limits, held) <= 0:
        return Reason.COST_PER_DAY
    left = _left_of_all(limits, held)
    return Reason.COST_PER_DAY_OF_ALL if left is not None and left <= 0 else None


def budget_of(limits: Limits, held: Occupancy, *, priced: bool) -> Budget:
    """What an attempt that starts now may use up; without prices (not ``priced``) only tokens can bound it."""
    if not priced:
        return Budget(tokens=limits.tokens_per_attempt)
    return Budget(
        attempt_micros=micros_of(limits.cost_usd_per_attempt),
        project_micros=_left_of_project(limits, held),
        day_micros=_left_of_all(limits, held),
        tokens=limits.tokens_per_attempt,
    )


def reserved(case: Case, budget: Budget) -> Case:
    """The claimed case, with the smallest of its budgets in money held back for it."""
    bound = binding(budget)
    return replace(case, reserved_micros=bound[1] if bound else 0)


def _left_of_project(limits: Limits, held: Occupancy) -> int:
    return micros_of(limits.cost_usd_per_day) - held.spent_micros - held.reserved_micros


def _left_of_all(limits: Limits, held: Occupancy) -> int | None:
    if limits.cost_usd_per_day_of_all is None:
        return None
    return micros_of(limits.cost_usd_per_day_of_all) - held.spent_micros_of_all - held.reserved_micros_of_all


def after_no_room(case: Case, reason: Reason, *, queued_at: datetime, now: datetime) -> Case:
    """A queued case that a limit stood against: it waits, but not for ever.

    For a free worker of its project it waits without end: running attempts end by themselves.
    """
    if reason is not Reason.CONCURRENT_ATTEMPTS and now >= queued_at + PATIENCE:
        return advance(case, CaseState.OVER_BUDGET, now=now, reason=reason)
    return stay(case, now=now, due_at=now + LOOK_AGAIN)
