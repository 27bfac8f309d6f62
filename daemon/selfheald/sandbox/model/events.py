"""Server-sent events, read beside the stream from chunks that are cut anywhere. Pure, with bounded memory."""

from collections.abc import Iterator

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of one event: the last one of a response repeats all of its output. A longer one is not read."""


class EventReader:
    """Gives the data of each event."""

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._line: list[bytes] = []
        """The pieces of a line whose end has not come yet."""
        self._blank = True
        """Whether that line is empty so far; its pieces are not kept when the event is too large."""
        self._data: list[bytes] = []
        """The data lines of an event whose end has not come yet."""
        self._size = 0
        self._cr = False
        """Whether the last chunk ended with a carriage return, whose line feed may still come."""
        self._first = True

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes; gives the data of the events that they complete. The iterator has to be used up."""
        if not chunk:
            return
        if self._cr:
            chunk = chunk.removeprefix(b"\n")
        self._cr = chunk.endswith(b"\r")
        for piece in chunk.splitlines(keepends=True):
            self._keep(piece.rstrip(b"\r\n"))
            if piece.endswith((b"\r", b"\n")):
                yield from self._ended_line()

    def end(self) -> Iterator[bytes]:
        """The stream has ended: what lacks only its empty line counts as an event all the same."""
        yield from self._ended_line()
        yield from self._ended_event()

    def _keep(self, piece: bytes) -> None:
        self._blank = self._blank and not piece
        self._size += len(piece)
        if self._size > self._largest:
            self._line.clear()
            self._data.clear()
        else:
            self._line.append(piece)

    def _ended_line(self) -> Iterator[bytes]:
        line, blank = b"".join(self._line), self._blank
        self._line.clear()
        self._blank = True
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        if blank:
            yield from self._ended_event()
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif self._size <= self._largest:
            self._size -= len(line)

    def _ended_event(self) -> Iterator[bytes]:
        data, whole = b"\n".join(self._data), self._size <= self._largest
        self._data.clear()
        self._size = 0
        if data and whole:
            yield data
