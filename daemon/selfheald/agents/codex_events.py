"""What Codex says while it works: one JSON object a line (``codex exec --json``), as version 0.169 writes it. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
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

WAITS_LIMIT = 3
"""Times that Codex may say that it waits for the network, without progress in between: some 15 seconds. It never gives
up by itself; the daemon tries again later, and that does not count as an attempt."""

WAITING = "waiting for network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is known from the events so far."""

    message: str = ""
    """The last message of the agent."""
    completed: bool = False
    failed: str = ""
    """Why the turn failed, in Codex's words."""
    trouble: str = ""
    """The last error that Codex meant to survive."""
    waits: int = 0
    usage: Usage = Usage()

    @property
    def hopeless(self) -> bool:
        """Whether it waits for a network that does not come."""
        return self.waits >= WAITS_LIMIT


def event_of(line: bytes) -> Mapping[str, Any]:
    """Read a line; what is no JSON object (a line that was cut) is an empty one."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def told(story: Story, event: Mapping[str, Any]) -> Story:
    """Give the story after one more event."""
    match event:
        case {"type": "item.completed", "item": {"type": "agent_message", "text": str(text)}}:
            return replace(story, message=last_part(plain(text), MESSAGE_LIMIT), waits=0)
        case {"type": "item.started" | "item.completed"}:
            return replace(story, waits=0)
        case {"type": "error", "message": str(text)}:
            return replace(story, trouble=one_line(text, NOTE_LIMIT), waits=story.waits + (WAITING in text))
        case {"type": "turn.completed"}:
            return replace(story, completed=True, failed="", usage=_usage(story.usage, event.get("usage")))
        case {"type": "turn.failed"}:
            return replace(story, failed=_failure(event.get("error")))
    return story


def line_about(event: Mapping[str, Any]) -> str:
    """A line for people about an event; empty when there is nothing to tell."""
    match event:
        case {"type": "item.started", "item": {"type": "command_execution", "command": str(command)}}:
            line = f"$ {command}"
        case {"type": "item.completed", "item": {"type": "command_execution", "exit_code": int(code)}} if code:
            line = f"exit code {code}"
        case {"type": "item.completed", "item": {"type": "agent_message", "text": str(text)}}:
            line = text
        case {"type": "item.completed", "item": {"type": "file_change", "changes": list(changes)}}:
            line = ", ".join(
                f"{change.get('kind')} {change.get('path')}"
                for change in changes
                if isinstance(change, Mapping) and change
            )
        case {"type": "error", "message": str(text)}:
            line = text
        case {"type": "turn.failed"}:
            line = _failure(event.get("error"))
        case _:
            return ""
    return one_line(line, PROGRESS_LIMIT)


OUTCOMES: tuple[tuple[re.Pattern[str], AttemptOutcome], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), outcome)
    for pattern, outcome in (
        (r"status:? 40[13]\b|missing environment variable|unauthorized|invalid api key", AttemptOutcome.AUTH_ERROR),
        (r"status:? 429\b|quota exceeded|insufficient_quota|rate limit|usage limit", AttemptOutcome.RATE_LIMITED),
        (r"usage policy|content_policy|cyber_policy|safety|flagged|invalid prompt", AttemptOutcome.REFUSED),
        (r"status:? (?:404|408|5\d\d)\b|internal server error|overloaded|at capacity", AttemptOutcome.MODEL_DOWN),
        (r"stream (?:closed|disconnected|error)|idle timeout|connection|network|timed out", AttemptOutcome.MODEL_DOWN),
        (r"error sending request|high demand|service unavailable", AttemptOutcome.MODEL_DOWN),
        # Codex tells no status for a 404, only the provider's words about a model that it does not have.
        (r"does not exist or you do not have access|model .*not found", AttemptOutcome.MODEL_DOWN),
    )
)
"""What Codex's failure messages mean; the first that matches counts."""


def outcome_of(story: Story, ended: Exit) -> tuple[AttemptOutcome, str]:
    """How the attempt ended, and a note for people. The exit code alone is never believed."""
    if ended.limit:
        return AttemptOutcome.LIMIT_REACHED, reached(ended.limit)
    if story.hopeless:
        return AttemptOutcome.MODEL_DOWN, f"the model cannot be reached: {story.trouble}"
    if story.failed:
        known = (outcome for pattern, outcome in OUTCOMES if pattern.search(story.failed))
        return next(known, AttemptOutcome.CRASHED), story.failed
    if story.completed and (ended.code == 0 or ended.timed_out):
        return AttemptOutcome.FIXED, ""
    if ended.timed_out:
        return AttemptOutcome.TIMEOUT, f"it was ended after {ended.seconds:.0f} s. {story.trouble}".strip()
    return AttemptOutcome.CRASHED, _last_words(story, ended)


def _last_words(story: Story, ended: Exit) -> str:
    words = last_part(plain(ended.stderr).strip(), NOTE_LIMIT) or story.trouble
    return f"it ended without a result, exit code {ended.code}. {words}".strip()


def _failure(error: object) -> str:
    text = error.get("message") if isinstance(error, Mapping) else None
    return one_line(text, NOTE_LIMIT) if isinstance(text, str) and text.strip() else "no reason given"


def _usage(before: Usage, told_usage: object) -> Usage:
    usage = told_usage if isinstance(told_usage, Mapping) else {}
    return replace(
        before,
        input_tokens=before.input_tokens + _count(usage.get("input_tokens")),
        cached_input_tokens=before.cached_input_tokens + _count(usage.get("cached_input_tokens")),
        output_tokens=before.output_tokens + _count(usage.get("output_tokens")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
