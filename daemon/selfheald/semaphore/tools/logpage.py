"""One page of a job's log, as ``jobs_logs`` of Semaphore's MCP server pages it: backward, 200 lines at a time. Pure.

A line is an event of a job on Semaphore's own machines, as JSON; and a line of the output of a self-hosted one.
"""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

PAGE = 200
"""Lines of a page."""

LINE_LIMIT = 65_536
"""Characters kept of one line: the end of an event's output."""


class LogPage:
    """Takes a log's events one by one and keeps the page from line ``cursor`` on; ``None`` is the newest page."""

    def __init__(self, cursor: int | None) -> None:
        self._cursor = cursor
        self._events = _Lines(cursor)
        self._text = _Lines(cursor)
        self._open = ""
        self._final = False

    def add(self, event: object) -> None:
        """Take the next event."""
        self._final = isinstance(event, dict) and event.get("event") == "job_finished"
        self._events.add(json.dumps(_cut(event), ensure_ascii=False, separators=(",", ":")))
        match event:
            case {"event": "cmd_output", "output": str(output)}:
                *ended, self._open = (self._open + output).split("\n")
                for line in ended:
                    self._text.add(line[-LINE_LIMIT:])
                self._open = self._open[-LINE_LIMIT:]

    def told(self, job_id: str, *, self_hosted: bool) -> dict[str, Any]:
        """Give the page as the tool's structured answer."""
        if not self_hosted:
            final = {"Final": True} if self._final else {}
            return {"jobId": job_id, "source": "loghub", **self._events.told(beyond=None), **final}
        if self._open:
            self._text.add(self._open)
        empty = {} if self._text.total else {"downloadEmpty": True}
        return {"jobId": job_id, "source": "loghub2", **self._text.told(beyond=self._text.total), **empty}


class _Lines:
    def __init__(self, cursor: int | None) -> None:
        self._cursor = cursor
        self._kept: deque[str] = deque(maxlen=PAGE)
        self.total = 0

    def add(self, line: str) -> None:
        if self._cursor is None or self._cursor <= self.total < self._cursor + PAGE:
            self._kept.append(line)
        self.total += 1

    def told(self, *, beyond: int | None) -> dict[str, Any]:
        return dict(self._fields(beyond))

    def _fields(self, beyond: int | None) -> Iterator[tuple[str, Any]]:
        start = max(0, self.total - PAGE) if self._cursor is None else self._cursor
        if self._kept:
            yield "preview", list(self._kept)
        if start:
            yield "startLine", start
            # Past its end, Semaphore leads into a self-hosted job's log, and by pages to that of its own machines.
            yield "nextCursor", str(max(0, (start if beyond is None else min(start, beyond)) - PAGE))
        if start or start + len(self._kept) < self.total:
            yield "previewTruncated", True


def _cut(event: object) -> object:
    output = event.get("output") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(output, str) or len(output) <= LINE_LIMIT:
        return event
    return {**event, "output": f"… {output[-LINE_LIMIT:]}"}
