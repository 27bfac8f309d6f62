"""The end of a job's log, as plain text within bounds. Pure.

A job ends soon after the command that made it fail, and what follows is its epilogue: uploads, cleaning. So the text
kept is the one that ends at the last command with an exit code other than zero; without one (a job that was stopped or
lost) it is the end of the log. Memory is bounded by the number of characters kept, whatever the length of the log or of
a line in it.

Events as Semaphore's agent writes them: ``cmd_started`` with a ``directive``, ``cmd_output`` with pieces of ``output``
(not lines), ``cmd_finished`` with an ``exit_code``.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from selfheald.semaphore.terminal import shown

BUDGET = 16_000
"""Characters kept: what ``selfheald excerpt`` gives by default, about 4000 tokens."""

LINE_LIMIT = 2_000
"""Characters kept of one line, half at either end: a minified file in one line must not push all else out."""

_PENDING_LIMIT = 16_384
"""Characters kept of a line that has not ended yet: a hundred redraws of a progress bar; more would make a hostile line
costly to draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEnd:
    """The end of a log."""

    text: str
    left_out: int
    """Characters before the text that were left out."""
    after: int
    """Characters after the text that were left out: what ran after the failing command."""
    remark: str = ""
    """What else there is to say, e.g. that the log was still being written."""

    @property
    def note(self) -> str:
        """What was left out, for people; empty when nothing was."""
        parts = ((self.left_out, "at the beginning"), (self.after, "after the failing command"))
        told = " and ".join(f"{count} characters {where}" for count, where in parts if count)
        return "; ".join(part for part in (f"left out: {told}" if told else "", self.remark) if part)


def log_end(events: Iterable[object], budget: int = BUDGET) -> LogEnd:
    """The end of a log whose events are at hand: at most ``budget`` characters."""
    tail = LogTail(budget)
    for event in events:
        tail.add(event)
    return tail.end()


class LogTail:
    """Takes a log's events one by one and keeps its end, at most ``budget`` characters (one or more)."""

    def __init__(self, budget: int = BUDGET) -> None:
        if budget < 1:
            raise ValueError(f"a log's end needs at least one character, not {budget}")
        self._before = _Window(budget)
        self._after = _Window(budget)
        self._line = _OpenLine()
        self._failed = False

    def add(self, event: object) -> None:
        """Take the next event. What is no event of a kind known here is passed over."""
        match event:
            case {"event": "cmd_output", "output": str(output)}:
                self._output(output)
            case {"event": "cmd_started", "directive": str(directive)}:
                self._end_line()
                self._output(f"$ {directive.strip()}\n")
            case {"event": "cmd_finished", "exit_code": int(code)} if code:
                self._end_line()
                self._output(f"[exit code {code}]\n")
                self._failed = True
                self._before.take_over(self._after)

    def end(self) -> LogEnd:
        """What was kept."""
        self._end_line()
        if not self._failed:
            return LogEnd(text=self._after.text(), left_out=self._after.left_out, after=0)
        return LogEnd(text=self._before.text(), left_out=self._before.left_out, after=self._after.length)

    def _output(self, output: str) -> None:
        *ended, rest = output.split("\n")
        for line in ended:
            self._line.add(line)
            self._end_line(blank=True)
        self._line.add(rest)

    def _end_line(self, *, blank: bool = False) -> None:
        line = self._line.take()
        if line or blank:
            self._after.add(line + "\n")


class _OpenLine:
    """A line that has not ended yet, in bounded memory."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._head = ""
        self._cut = 0

    def add(self, piece: str) -> None:
        if not piece:
            return
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > _PENDING_LIMIT:
            self._shrink()

    def take(self) -> str:
        line = shown(self._head + "".join(self._pieces))
        cut, self._cut, self._length, self._head = self._cut, 0, 0, ""
        self._pieces.clear()
        if not cut and len(line) <= LINE_LIMIT:
            return line
        kept = min(LINE_LIMIT, len(line))
        cut += len(line) - kept
        return f"{line[: kept // 2]} … {cut} characters … {line[len(line) - (kept - kept // 2) :]}"

    def _shrink(self) -> None:
        """Forget what the next redraw hides, or else the middle of the line."""
        line = "".join(self._pieces)
        redraw = line.rfind("\r", 0, -1)
        if redraw >= 0 and len(line) - redraw <= LINE_LIMIT:
            kept, self._head = line[redraw:], ""
        else:
            if not self._head:
                self._head, line = line[:LINE_LIMIT], line[LINE_LIMIT:]
            kept = line[-LINE_LIMIT:]
            self._cut += len(line) - len(kept)
        self._pieces, self._length = [kept], len(kept)


class _Window:
    """The last lines added, as many as are needed for ``budget`` characters."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.lines: deque[str] = deque()
        self.kept = 0
        """Characters in the lines."""
        self.length = 0
        """Characters added in all."""

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.kept += len(line)
        self.length += len(line)
        while self.kept - len(self.lines[0]) >= self.budget:
            self.kept -= len(self.lines.popleft())

    def take_over(self, other: "_Window") -> None:
        """Add all that another one has had, and empty it."""
        gone = other.length - other.kept
        if gone:
            self.lines.clear()
            self.kept = 0
            self.length += gone
        for line in other.lines:
            self.add(line)
        other.lines.clear()
        other.kept = other.length = 0

    @property
    def left_out(self) -> int:
        """Characters added that are not in the text, its last line end apart."""
        return max(0, self.length - 1 - len(self.text()))

    def text(self) -> str:
        text = "".join(self.lines).removesuffix("\n")
        if len(text) <= self.budget:
            return text
        # A line without its beginning says little, and half a secret is not known for one.
        start = len(text) - self.budget
        following = text.find("\n", start - 1) + 1
        return text[following or start :]
