"""Standard output as bounded lines, standard error as its end. Pure."""

from collections.abc import Iterator

LINE_LIMIT = 1 << 20
"""Bytes of a line that are kept: agents put whole command outputs into one JSON line, and those are cut at 1 MiB."""

TAIL_LIMIT = 8 << 10
"""Bytes kept of the end of standard error: enough for a stack trace."""


class Lines:
    """Cuts a stream of chunks into lines without their line ends; what is longer than the limit is dropped."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._begun = bytearray()
        self._open = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give each line that this chunk completes."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            yield self._take()
        if rest:
            self._add(rest)

    def close(self) -> Iterator[bytes]:
        """Give the last line, if the stream did not end with a line end."""
        if self._open:
            yield self._take()

    def _add(self, part: bytes) -> None:
        self._open = True
        self._begun += part[: self._limit - len(self._begun)]

    def _take(self) -> bytes:
        line = bytes(self._begun)
        self._begun.clear()
        self._open = False
        return line


class Tail:
    """The last bytes of a stream."""

    def __init__(self, limit: int = TAIL_LIMIT) -> None:
        self._limit = limit
        self._kept = b""

    def feed(self, chunk: bytes) -> None:
        """Take a chunk, forget what is too old."""
        self._kept = (self._kept + chunk)[-self._limit :]

    def text(self) -> str:
        """The end as text; bytes that are not UTF-8 are replaced."""
        return self._kept.decode(errors="replace")
