"""How much of an answer an agent is given at once, and how it reads on. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from selfheald.domain.tools.pinning import Pinned
from selfheald.sandbox.tools.cleaning import SELF_HOSTED, Json, shown_log

ANSWER_LIMIT = 65_536
"""Characters of an answer, as JSON."""

LOG_LIMIT = 48_000
"""Characters of a log that one answer holds, about 12 000 tokens."""

CONTENT_LIMIT = 24_000
"""Characters of a report or artifact that one answer holds."""

STRING_LIMIT = 2_000
"""Characters of any other text: the name of a job, the message of a commit."""


def bounded(cleaned: Mapping[str, Any], asked: Pinned) -> Json:
    """Give the part of a cleaned answer that was asked for."""
    match asked.window:
        case "log":
            return _log(cleaned, asked)
        case "content":
            return _content(cleaned, asked.at or 0)
        case _:
            return _rows(_short(cleaned))


def as_text(structured: Mapping[str, Any]) -> str:
    """Give an answer as text, for agents that are not shown the structured one: all of it, logs as people read them."""
    if isinstance(preview := structured.get("preview"), list):
        text = shown_log(preview, as_events=structured.get("source") != SELF_HOSTED)
        return f"{_dumped({**structured, 'preview': '(below)'})}\n\n{text}"
    if isinstance(content := structured.get("content"), str):
        return f"{_dumped({**structured, 'content': '(below)'})}\n\n{content}"
    return _dumped(structured)


def _log(cleaned: Mapping[str, Any], asked: Pinned) -> Json:
    """The newest parts that fit, of those before ``at``; the cursor leads to what is before them on this page."""
    page: list[str] = cleaned.get("preview", [])
    end = len(page) if asked.at is None else min(asked.at, len(page))
    start, room = end, LOG_LIMIT
    while start and len(page[start - 1]) <= room:
        start -= 1
        room -= len(page[start])
    shown: Json = _short({key: value for key, value in cleaned.items() if key != "preview"})
    if page:
        shown["preview"] = page[start:end]
    if start:
        shown |= {"nextCursor": f"{asked.arguments.get('cursor', '')}:{start}", "previewTruncated": True}
    if "nextCursor" in shown:
        more = "This is not the beginning of the log: give nextCursor as cursor to read what came before it."
        shown["note"] = f"{shown['note']}. {more}" if "note" in shown else more
    return shown


def _content(cleaned: Mapping[str, Any], offset: int) -> Json:
    content = cleaned.get("content")
    shown: Json = _short({key: value for key, value in cleaned.items() if key != "content"})
    if not isinstance(content, str):
        return shown
    end = offset + CONTENT_LIMIT
    shown["content"] = content[offset:end]
    if end < len(content):
        left = len(content) - end
        shown |= {"nextCursor": str(end), "note": f"{left} characters follow: give nextCursor as cursor to read on."}
    return shown


def _rows(structured: Json) -> Json:
    """Drop the ends of the largest lists until the answer fits."""
    left_out: dict[str, int] = {}
    while len(_dumped(structured)) > ANSWER_LIMIT:
        sizes = {key: len(_dumped(value)) for key, value in structured.items() if isinstance(value, list) and value}
        if not sizes:
            return {"note": "the answer is too large to be shown"}
        largest = max(sizes, key=lambda key: sizes[key])
        rows = structured[largest]
        kept = rows[: len(rows) // 2]
        left_out[largest] = left_out.get(largest, 0) + len(rows) - len(kept)
        structured = {**structured, largest: kept}
    if left_out:
        told = ", ".join(f"{count} of {key}" for key, count in left_out.items())
        structured["note"] = f"too large to be shown whole; left out: {told}"
    return structured


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= STRING_LIMIT else f"{value[: STRING_LIMIT - 1]}…"
    if isinstance(value, Mapping):
        return {key: _short(each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
