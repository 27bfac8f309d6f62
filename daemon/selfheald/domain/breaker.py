"""When an agent that fails for reasons of its own is left alone for a while. Pure.

Nothing is kept for it: what the store knows of the agent's latest attempts decides, at each look anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.ids import AgentName
from selfheald.domain.reasons import Reason
from selfheald.domain.room import PATIENCE

LATEST = 20
"""Attempts that are looked at: more than it takes to the longest pause."""

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (20, 60, 120, 300, 600, 1800))
"""After the first, second, … failure of its own in a row; the last one stays."""

ONE_AT_A_TIME = timedelta(seconds=15)
"""When a case is looked at again that finds an agent being tried out by another one."""

OWN_FAULTS = {
    AttemptOutcome.AGENT_MISSING: Reason.AGENT_MISSING,
    AttemptOutcome.AUTH_ERROR: Reason.AGENT_AUTH,
    AttemptOutcome.MODEL_DOWN: Reason.MODEL_DOWN,
    AttemptOutcome.RATE_LIMITED: Reason.RATE_LIMITED,
}
"""What is the agent's fault, or its model's, and would meet any other case as well."""

_TELLS_NOTHING = frozenset({AttemptOutcome.INTERRUPTED, AttemptOutcome.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an agent stands by its latest attempts."""

    failures: int = 0
    """Of its own, in a row."""
    until: datetime | None = None
    """Up to when it is left alone; ``None``: it never failed, or has worked since."""
    reason: Reason | None = None
    """Why."""

    def paused(self, now: datetime) -> bool:
        """Whether it is left alone now."""
        return self.until is not None and now < self.until

    @property
    def tried_out(self) -> bool:
        """Whether, its pause over, it has yet to show that it works: by one attempt at a time."""
        return self.failures > 0


def standing(latest: Sequence[Attempt]) -> Standing:
    """How an agent stands by its latest finished attempts, newest first."""
    told = [attempt for attempt in latest if attempt.outcome not in _TELLS_NOTHING]
    failures = 0
    for attempt in told:
        if attempt.outcome not in OWN_FAULTS:
            break
        failures += 1
    if not failures or told[0].finished_at is None or told[0].outcome is None:
        return Standing()
    pause = PAUSES[min(failures, len(PAUSES)) - 1]
    return Standing(failures=failures, until=told[0].finished_at + pause, reason=OWN_FAULTS[told[0].outcome])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Who makes the next attempt of a project."""

    agent: AgentName | None = None
    """``None``: nobody can now."""
    look_again: datetime
    """When somebody may be able to."""
    reason: Reason | None = None
    """Why the project's own agent cannot."""


def pick(
    agents: Sequence[AgentName], standings: Mapping[AgentName, Standing], busy: Sequence[AgentName], *, now: datetime
) -> Pick:
    """The first of these agents that is not paused. ``busy`` are those who work now, as often as they do."""
    look_again: list[datetime] = []
    for agent in agents:
        stands = standings.get(agent, Standing())
        if stands.until is not None and stands.paused(now):
            look_again.append(stands.until)
        elif stands.tried_out and agent in busy:
            look_again.append(now + ONE_AT_A_TIME)
        else:
            return Pick(agent=agent, look_again=now)
    return Pick(look_again=min(look_again), reason=standings[agents[0]].reason)


def after_nobody(case: Case, nobody: Pick, *, queued_at: datetime, now: datetime) -> Case:
    """A queued case that no agent can take now: it waits, but not for ever."""
    if now >= queued_at + PATIENCE:
        return advance(case, CaseState.FAILED, now=now, reason=nobody.reason)
    return stay(case, now=now, due_at=nobody.look_again)
