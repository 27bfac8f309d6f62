"""What an agent has told so far, in words that all kinds share, and what its end means. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.limits import reached
from selfheald.domain.plain import last_part, one_line, plain
from selfheald.ports import Exit

MESSAGE_LIMIT = 8000
"""Characters of the final message that are kept."""

NOTE_LIMIT = 1000
"""Characters of a note for people."""

PROGRESS_LIMIT = 200
"""Characters of a progress line."""

MOST_TOKENS = 1_000_000_000_000
"""Of one figure; nobody uses up so many, but an agent may say whatever it likes."""

NO_PROGRAM = 127
"""The exit code of a shell that could not start the program."""

WAITS_LIMIT = 3
"""Times that an agent may say that it waits for the model, without progress in between. Some never give up by
themselves; the daemon tries again later, and that does not count as an attempt."""

Event = Mapping[str, Any]
"""One line of an agent's output, read as JSON; of anything else the text, as ``plain``."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the agent; the last one is its final message."""

    text: str
    more: bool = False
    """Whether it goes on where the text before ended."""


@dataclass(frozen=True, slots=True)
class Did:
    """Something that the agent does or has done, as a line for people; empty: progress without a line."""

    what: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """The model was asked and has answered."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used, as the agent itself counts."""

    input: object
    """Cached ones included. Whatever is no number counts as 0, here and below."""
    cached: object
    output: object
    so_far: bool = False
    """Whether this is all of it, or comes on top."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that the agent means to survive."""

    text: str
    waits: bool = False
    """Whether it waits for the model, and might do so for ever."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent gives up."""

    why: object
    outcome: AttemptOutcome | None = None
    """``None``: to be read from the words."""
    final: bool = False
    """Whether there is no use in going on, though it does."""


@dataclass(frozen=True, slots=True)
class Done:
    """The agent says that it has ended well."""


Word = Said | Did | Turn | Spent | Trouble | Failed | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is known from the words so far."""

    message: str = ""
    """The last message of the agent."""
    open: bool = False
    """Whether the message may go on."""
    done: bool = False
    failed: str = ""
    """Why it gave up, in its own words."""
    outcome: AttemptOutcome | None = None
    """What it said about its failure."""
    trouble: str = ""
    """The last error that it meant to survive."""
    waits: int = 0
    over: bool = False
    """Whether there is no use in going on."""
    turns: int = 0
    usage: Usage = Usage()

    @property
    def hopeless(self) -> bool:
        """Whether it waits for a model that does not come."""
        return self.waits >= WAITS_LIMIT


def event_of(line: bytes) -> Event:
    """Read a line; what is no JSON object (a line that was cut, a line of a log) stays text."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    return event if isinstance(event, dict) else {"plain": line.decode(errors="replace")}


def told(story: Story, words: Iterable[Word]) -> Story:
    """Give the story after some more words."""
    for word in words:
        story = _told(story, word)
    return story


def _told(story: Story, word: Word) -> Story:
    match word:
        case Said(text=text, more=more):
            begun = story.message if more and story.open else ""
            return replace(story, message=last_part(begun + plain(text), MESSAGE_LIMIT), open=more, waits=0)
        case Did():
            return replace(story, open=False, waits=0)
        case Turn():
            return replace(story, turns=story.turns + 1)
        case Spent():
            return replace(story, usage=_usage(story.usage, word))
        case Trouble(text=text, waits=waits):
            return replace(story, trouble=one_line(text, NOTE_LIMIT), waits=story.waits + waits)
        case Failed(why=why, outcome=outcome, final=final):
            text = one_line(why, NOTE_LIMIT) if isinstance(why, str) else ""
            return replace(story, done=False, failed=text or "no reason given", outcome=outcome, over=final)
        case Done():
            return replace(story, done=True, failed="", outcome=None)


def lines_of(words: Iterable[Word]) -> Iterable[str]:
    """Lines for people about some words."""
    for word in words:
        match word:
            case Said(text=text) | Trouble(text=text) | Did(what=text) | Failed(why=str(text)):
                if line := one_line(text, PROGRESS_LIMIT):
                    yield line


def _usage(before: Usage, spent: Spent) -> Usage:
    old = Usage() if spent.so_far else before
    return replace(
        before,
        input_tokens=old.input_tokens + _count(spent.input),
        cached_input_tokens=old.cached_input_tokens + _count(spent.cached),
        output_tokens=old.output_tokens + _count(spent.output),
    )


def _count(value: object) -> int:
    return min(max(value, 0), MOST_TOKENS) if isinstance(value, int) else 0


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
