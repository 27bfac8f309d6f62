"""What must be read from git and GitHub before a pipeline can be decided upon. Pure."""

from selfheald.domain.changes import ranges_wanted
from selfheald.domain.checks import BEFORE_CONDITION, GUARDS, LIMITS, SETTINGS
from selfheald.domain.conditions.ranges import CommitRange
from selfheald.domain.observation import Observation


def ranges_to_read(seen: Observation) -> tuple[CommitRange, ...]:
    """The ranges that the decision depends on: none when a check before the condition says no already."""
    wanted = ranges_wanted(seen)
    if wanted and all(ask(seen).allows for ask in (*GUARDS, *BEFORE_CONDITION)):
        return wanted
    return ()


def branch_to_read(seen: Observation) -> str | None:
    """The branch at whose head the decision depends: none when another check says no already."""
    branch = seen.origin.source_branch
    if branch and all(ask(seen).allows for ask in (*GUARDS, *SETTINGS, *LIMITS)):
        return branch
    return None
