"""An answer of Semaphore's before an agent sees it: no secret, no credential, no control character. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from selfheald.domain.plain import plain
from selfheald.ports import Redact

Json = dict[str, Any]

CREDENTIALS = frozenset(
    {"token", "tokenType", "tokenTtlSeconds", "logsUrl", "artifactUrl", "urls", "jwt", "default_value"}
)
"""Fields that are good for nothing inside but to be carried out: keys to logs, signed addresses, tasks' parameters."""

DEPTH_LIMIT = 12
"""Floors of an answer. Semaphore's have four."""

PIECE = 4_000
"""Characters of one part of a log: a page of a log is made of whole parts."""

PAGE_LIMIT = 2_000_000
"""Characters of a log's page that are kept, its end: Semaphore's pages are bounded by events, which are not bounded."""

LEFT_OUT = "[left out]"

SELF_HOSTED = "loghub2"
"""The source of a log that consists of plain lines. Its own lines do not tell: they may look like events."""

_SIGNED = re.compile(
    r"https?://[^\s\"'<>]*[?&](?:x-goog-|x-amz-|jwt=|sig=|signature=|token=)[^\s\"'<>]*", re.IGNORECASE
)


class Cleaner:
    """Cleans the answers of one attempt."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def text(self, text: str) -> str:
        """Give a text as it may be seen. What joins to a secret once the invisible is gone is seen to be one."""
        return self._redact(_SIGNED.sub("[signed address left out]", plain(text)))

    def answer(self, name: str, structured: Mapping[str, Any]) -> Json:
        """Give an answer as it may be seen, whole."""
        rest = {key: value for key, value in structured.items() if key != "preview"}
        dropped = CREDENTIALS | {"url"} if name.startswith("artifact") else CREDENTIALS
        cleaned: Json = self._value(rest, dropped, DEPTH_LIMIT)
        if isinstance(preview := structured.get("preview"), list):
            cleaned["preview"] = list(self._log(preview, as_events=structured.get("source") != SELF_HOSTED))
        return cleaned

    def _value(self, value: object, dropped: frozenset[str], floors: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if not floors:
            return LEFT_OUT
        if isinstance(value, Mapping):
            kept = ((key, each) for key, each in value.items() if key not in dropped)
            return {self.text(str(key)): self._value(each, dropped, floors - 1) for key, each in kept}
        if isinstance(value, list):
            return [self._value(each, dropped, floors - 1) for each in value]
        return value if isinstance(value, bool | int | float | None) else LEFT_OUT

    def _log(self, preview: list[object], *, as_events: bool) -> Iterator[str]:
        """The parts of a log's page, in the form in which they came: events as JSON, or plain lines.

        Output is put together before it is cleaned: an agent of Semaphore's writes it in pieces that end anywhere.
        """
        output: list[str] = []
        for entry in preview:
            event = _event(entry) if as_events else None
            if event is None or event.get("event") == "cmd_output":
                output.append(f"{entry}\n" if event is None else str(event.get("output", "")))
                continue
            yield from self._output(output, as_events=as_events)
            output = []
            yield _dumped(self._value(event, CREDENTIALS, DEPTH_LIMIT))
        yield from self._output(output, as_events=as_events)

    def _output(self, pieces: list[str], *, as_events: bool) -> Iterator[str]:
        text = self.text("".join(pieces)[-PAGE_LIMIT:])
        for part in _parts(text):
            yield _dumped({"event": "cmd_output", "output": part}) if as_events else part.removesuffix("\n")


def shown_log(preview: list[str], *, as_events: bool) -> str:
    """Give the parts of a log as people read them."""
    return "".join(_shown(part) if as_events else f"{part}\n" for part in preview)


def _shown(part: str) -> str:
    match _event(part):
        case {"event": "cmd_output", "output": str(output)}:
            return output
        case {"event": "cmd_started", "directive": str(directive)}:
            return f"$ {directive}\n"
        case {"event": "cmd_finished", "exit_code": int(code)}:
            return f"[exit code {code}]\n"
        case {"event": "job_finished", "result": str(result)}:
            return f"[job {result}]\n"
        case _:
            return ""


def _event(entry: object) -> Json | None:
    if not isinstance(entry, str):
        return None
    try:
        event = json.loads(entry)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parts(text: str) -> Iterator[str]:
    """A text in parts, which end at the ends of lines where lines are short enough."""
    while len(text) > PIECE:
        end = text.rfind("\n", 0, PIECE) + 1 or PIECE
        yield text[:end]
        text = text[end:]
    if text:
        yield text
