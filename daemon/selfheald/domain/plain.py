"""Untrusted text without what a terminal, a page or a model would not show as it is. Pure."""

import re

_ESCAPES = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]?"  # colours, cursor movements
    "|\x1b[\\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\\\)?"  # titles, links and other strings for the terminal
    "|\x1b[ -/]*[0-~]?",  # short ones
)

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # no width, or another direction
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"  # blanks that are letters, and joiners
    "\ud800-\udfff\ufe00-\ufe0f\U0001d173-\U0001d17a\U000e0000-\U000e0fff]",  # halves, variants, and tags
)

LEFT_OUT = "… "
"""Stands where text was left out."""


def plain(text: str) -> str:
    """Give the text without escape codes, control, invisible and direction characters; tabs and line ends stay."""
    return _INVISIBLE.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str, limit: int) -> str:
    """Give the text as one plain line of at most ``limit`` characters, its end cut off."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def last_part(text: str, limit: int) -> str:
    """Give the end of a text, at most ``limit`` characters; a sign tells that its beginning is missing."""
    if len(text) <= limit:
        return text
    return (LEFT_OUT + text[len(text) - max(limit - len(LEFT_OUT), 0) :])[:limit]
