"""What the end of an agent means. Pure."""

import re
from datetime import timedelta

from selfheald.agents.story import NOTE_LIMIT, Story
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.limits import reached
from selfheald.domain.plain import last_part, plain
from selfheald.ports import Exit

NO_PROGRAM = 127
"""The exit code of a shell that could not start the program."""

OUTCOMES: tuple[tuple[re.Pattern[str], AttemptOutcome], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), outcome)
    for pattern, outcome in (
        (r"(?:status|error|code)\W{0,3}40[13]\b|missing environment variable|unauthorized", AttemptOutcome.AUTH_ERROR),
        (r"(?:invalid|incorrect) api key|failed to authenticate|not logged in", AttemptOutcome.AUTH_ERROR),
        (r"(?:status|error|code)\W{0,3}429\b|\(429\)|quota exceeded|insufficient_quota", AttemptOutcome.RATE_LIMITED),
        (r"rate.?limit|usage limit|resource_exhausted", AttemptOutcome.RATE_LIMITED),
        (r"usage policy|content.?policy|content.?filter|cyber_policy|safety", AttemptOutcome.REFUSED),
        (r"safeguards|flagged|invalid prompt", AttemptOutcome.REFUSED),
        (r"(?:status|error|code)\W{0,3}(?:404|408|5\d\d)\b|internal server error", AttemptOutcome.MODEL_DOWN),
        (r"overloaded|at capacity|high demand|service unavailable", AttemptOutcome.MODEL_DOWN),
        (r"stream (?:closed|disconnected|error|idle|ended)|idle timeout|connection|network", AttemptOutcome.MODEL_DOWN),
        (r"timed out|error sending request|fetch failed|unable to connect|econnre", AttemptOutcome.MODEL_DOWN),
        # Some tell no status for a 404, only the provider's words about a model that it does not have.
        (r"does not exist or you do not have access|may not exist or you may not", AttemptOutcome.MODEL_DOWN),
        (r"model .*not found|modelnotfound", AttemptOutcome.MODEL_DOWN),
    )
)
"""What failure messages mean; the first that matches counts."""


def outcome_of(story: Story, ended: Exit, *, idle: timedelta | None = None) -> tuple[AttemptOutcome, str]:
    """How the attempt ended, and a note for people. The exit code alone is never believed.

    ``idle`` is how long it had said nothing when it was ended for that; ``None``: it was not.
    """
    if ended.limit:
        return AttemptOutcome.LIMIT_REACHED, reached(ended.limit)
    if story.hopeless:
        return _meaning(story.trouble) or AttemptOutcome.MODEL_DOWN, f"the model cannot be reached: {story.trouble}"
    if story.failed:
        known = story.outcome or _meaning(story.failed) or _meaning(story.trouble)
        return known or AttemptOutcome.CRASHED, story.failed
    if story.done and (ended.code == 0 or ended.timed_out):
        return AttemptOutcome.FIXED, ""
    if idle is not None:
        return AttemptOutcome.TIMEOUT, f"it said nothing for {idle.total_seconds():.0f} s. {story.trouble}".strip()
    if ended.timed_out:
        return AttemptOutcome.TIMEOUT, f"it was ended after {ended.seconds:.0f} s. {story.trouble}".strip()
    if ended.code == NO_PROGRAM and not (story.message or story.turns):
        return AttemptOutcome.AGENT_MISSING, _last_words(story, ended)
    return AttemptOutcome.CRASHED, _last_words(story, ended)


def _meaning(text: str) -> AttemptOutcome | None:
    """What a failure means by its words."""
    return next((outcome for pattern, outcome in OUTCOMES if pattern.search(text)), None)


def _last_words(story: Story, ended: Exit) -> str:
    words = last_part(plain(ended.stderr).strip(), NOTE_LIMIT) or story.trouble
    return f"it ended without a result, exit code {ended.code}. {words}".strip()
