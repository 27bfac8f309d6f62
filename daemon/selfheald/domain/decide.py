"""Whether a pipeline is healed: every guard, rule and limit, asked in order. Pure.

The guards come first, and no setting switches them off; then the project's settings, then its limits. The first no
decides. ``selfheald explain`` prints all of them with what they saw: it is the same code.
"""

from collections.abc import Iterator
from datetime import timedelta

from selfheald.domain.checks import GUARDS, LAST, LIMITS, SETTINGS
from selfheald.domain.decision import Decision, Defer, Heal, Skip
from selfheald.domain.observation import Check, Observation
from selfheald.domain.policy import Mode

PATIENCE = timedelta(hours=24)
"""A pipeline that is still put off this long after its end is skipped for good."""


def decide(observation: Observation) -> Decision:
    """Heal, skip or put off: the first check that says no decides."""
    for check in _checks(observation):
        if not check.allows:
            return _no(observation, check)
    return Heal(approval=observation.project.mode is Mode.APPROVE)


def decide_again(observation: Observation) -> Skip | Defer | None:
    """What guards and limits say at the moment when the case is opened; ``None``: nothing against it.

    The history of an observation is old by then: another sweep, a human or another process may have been faster.
    """
    check = protection(observation)
    return _no(observation, check) if check else None


def protection(observation: Observation) -> Check | None:
    """The first guard or limit that says no, whatever the project's settings say; ``None`` when all allow it."""
    checks = (ask(observation) for ask in (*GUARDS, *LIMITS))
    return next((check for check in checks if not check.allows), None)


def _no(observation: Observation, check: Check) -> Skip | Defer:
    done_at = observation.pipeline.done_at or observation.pipeline.created_at
    if check.retry_at and observation.now < done_at + PATIENCE:
        return Defer(until=check.retry_at, reason=check.reason, saw=check.saw)
    return Skip(reason=check.reason, saw=check.saw)


def trace(observation: Observation) -> tuple[Check, ...]:
    """Every check with its answer, in the order in which they are asked."""
    return tuple(_checks(observation))


def _checks(observation: Observation) -> Iterator[Check]:
    for questions in (GUARDS, SETTINGS, LIMITS, LAST):
        for ask in questions:
            yield ask(observation)
