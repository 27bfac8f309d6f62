"""What a terminal would show of a line: escape codes obeyed or dropped, control characters gone. Pure."""

import re

_SPECIAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Any character that makes a line more than its own text. Tabs stay."""

_PIECES = re.compile(
    r"""
      \x1b\[ (?P<parameters>[0-?]*) [ -/]* (?P<final>[@-~])    # CSI: colours, erasing, moving
    | \x1b[\]PX^_] [^\x07\x1b]* (?:\x07|\x1b\\)?                # OSC and the like: titles, links
    | \x1b [ -/]* [0-~]?                                        # the other escape codes
    | (?P<back>[\r\b])
    | (?P<text>[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+)
    | .                                                         # what is left of control characters
    """,
    re.VERBOSE | re.DOTALL,
)


def shown(line: str) -> str:
    """A line (without its end) as it stands on the screen after it was printed.

    A carriage return goes back to the start, so that a progress bar shows its last state; the codes that erase (a part
    of) the line are obeyed; colours and everything else are dropped.
    """
    if not _SPECIAL.search(line):
        return line
    line = line.rstrip("\r")
    screen, column = "", 0
    for piece in _PIECES.finditer(line):
        if (text := piece["text"]) is not None:
            screen = screen[:column].ljust(column) + text + screen[column + len(text) :]
            column += len(text)
        elif (back := piece["back"]) is not None:
            column = 0 if back == "\r" else max(0, column - 1)
        elif piece["final"] == "K":
            screen = _erased(screen, column, piece["parameters"])
    return screen.rstrip(" ")


def _erased(screen: str, column: int, mode: str) -> str:
    """Erase in line: to the end (no parameter), to the start (1), all of it (2)."""
    if mode in ("", "0"):
        return screen[:column]
    return " " * (column + 1) + screen[column + 1 :] if mode == "1" else ""
