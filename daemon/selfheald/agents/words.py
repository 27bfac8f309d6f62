"""What agents tell, in words that all kinds share. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.plain import one_line

PROGRESS_LIMIT = 200
"""Characters of a progress line."""

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


def event_of(line: bytes) -> Event:
    """Read a line; what is no JSON object (a line that was cut, a line of a log) stays text."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    return event if isinstance(event, dict) else {"plain": line.decode(errors="replace")}


def did(tool: str, given: Mapping[str, Any]) -> Did:
    """The use of a tool, by what most tools are given: a command, or a file's path."""
    match given:
        case {"command": str(command)}:
            return Did(f"$ {command}")
        case {"file_path": str(path)}:
            return Did(f"{tool} {path}")
    return Did(tool)


def lines_of(words: Iterable[Word]) -> Iterable[str]:
    """Lines for people about some words."""
    for word in words:
        match word:
            case Said(text=text) | Trouble(text=text) | Did(what=text) | Failed(why=str(text)):
                if line := one_line(text, PROGRESS_LIMIT):
                    yield line
