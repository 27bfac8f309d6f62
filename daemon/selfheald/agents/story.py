"""What an agent has told so far. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from selfheald.agents.words import Did, Done, Failed, Said, Spent, Trouble, Turn, Word
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.plain import last_part, one_line, plain

MESSAGE_LIMIT = 8000
"""Characters of the final message that are kept."""

NOTE_LIMIT = 1000
"""Characters of a note for people."""

MOST_TOKENS = 1_000_000_000_000
"""Of one figure; nobody uses up so many, but an agent may say whatever it likes."""

WAITS_LIMIT = 3
"""Times that an agent may say that it waits for the model, without progress in between. Some never give up by
themselves; the daemon tries again later, and that does not count as an attempt."""


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
