"""``commit-message.txt``: the one line that an agent says about its work."""

import re

from selfheald.git.opening import read_at_most

COMMIT_MESSAGE = "commit-message.txt"
"""At the root of the work tree; never part of a commit."""
_LARGEST = 64_000
_LONGEST = 200
"""Characters of the summary."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
"""What colours a terminal or sets its title."""


def summary_in(root: int) -> str:
    """The first line with anything in it, cleaned and bounded; empty when there is no readable file of that name."""
    try:
        content = read_at_most(COMMIT_MESSAGE, root, _LARGEST)
    except OSError:
        return ""
    lines = (_cleaned(line) for line in content.decode(errors="replace").splitlines())
    return next((line for line in lines if line), "")[:_LONGEST].rstrip()


def _cleaned(line: str) -> str:
    return _UNPRINTABLE.sub(" ", _ESCAPE.sub("", line)).strip()
