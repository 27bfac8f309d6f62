"""Reads a job's log while it arrives: ``{"events": […], "next": …}``, event by event, in bounded memory. Pure.

Semaphore answers with the whole log in one JSON document and no paging, so a log of hundreds of megabytes must not be
held at once. An event is a flat object and is decoded as soon as it is complete.
"""

import codecs
import json
import re
from collections.abc import Iterator

from selfheald.semaphore.faults import PassingError

EVENT_LIMIT = 64 * 1024 * 1024
"""Characters of one event. The agent writes pieces of kilobytes; a log with a larger one is not read on."""

_FRAME_LIMIT = 65_536
"""Characters before and after the events, which hold a number or two."""

_EVENTS = re.compile(r'"events"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


class LogStream:
    """Takes the bytes of a log's document piece by piece and gives back the events that are complete."""

    def __init__(self) -> None:
        self.following: int | None = None
        """The document's ``next``, once it is over."""
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._frame = ""
        self._inside = False
        self._pieces: list[str] = []
        self._length = 0
        """Characters in the pieces: what is not decoded yet."""
        self._worth_trying = 0
        """With fewer characters nothing more can be decoded."""

    def feed(self, data: bytes) -> Iterator[object]:
        """Take a piece; the events that it completes. Raises :class:`PassingError` for what is no such document."""
        self._take(self._utf8.decode(data))
        if self._length >= self._worth_trying:
            yield from self._decoded()
        if self._length > (EVENT_LIMIT if self._inside else _FRAME_LIMIT):
            raise PassingError("the log is no list of events, or one of its events is too large")

    def close(self) -> Iterator[object]:
        """The document is over; the events left. Raises :class:`PassingError` when it is not complete."""
        self._take(self._utf8.decode(b"", final=True))
        yield from self._decoded()
        try:
            document = json.loads(self._frame + "".join(self._pieces))
        except (ValueError, RecursionError) as error:
            raise PassingError("the log ends in the middle or is no JSON") from error
        if self._inside or not isinstance(document, dict) or "events" not in document:
            raise PassingError("the log is no list of events")
        following = document.get("next")
        self.following = following if isinstance(following, int) else None

    def _take(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def _decoded(self) -> Iterator[object]:
        buffer = "".join(self._pieces)
        if not self._frame and (start := _EVENTS.search(buffer)):
            self._frame = buffer[: start.start()] + '"events":null'
            self._inside = True
            buffer = buffer[start.end() :]
        position = 0
        while self._inside:
            position = _GAP.match(buffer, position).end()  # type: ignore[union-attr]  # matches anything
            if buffer.startswith("]", position):
                self._inside, position = False, position + 1
                break
            try:
                event, position = _DECODER.raw_decode(buffer, position)
            except (ValueError, RecursionError):
                break
            yield event
        rest = buffer[position:]
        self._pieces, self._length = [rest], len(rest)
        # Trying again at every piece would read a large event as often as it has pieces: wait until there is much more.
        self._worth_trying = 2 * len(rest) if self._inside else 0
