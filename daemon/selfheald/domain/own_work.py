"""Whether a commit is selfheald's own work, judged by its message alone. Pure.

The store knows our commits by their ids. This is for what comes of them elsewhere: a squash merge, a merge commit, a
commit of another selfheald. Messages are untrusted: whoever imitates ours only keeps a commit from being healed.
"""

import re
from typing import Final

CASE_TRAILER: Final = "Selfheal-Case:"
SUBJECT: Final = "selfheal ci:"
"""How our subjects begin, in lower case: a squash merge takes the pull request's title, which begins with a capital."""

_CREDITS = ("co-authored-by:", "signed-off-by:")
"""What GitHub and git put behind the last paragraph."""

_MERGE = re.compile(r"Merge (?:pull request #\d+ from [^\s/]+/|branch '|remote-tracking branch '[^\s'/]+/)selfheal-")
"""How GitHub and git name the merge of one of our branches."""


def made_by_selfheald(message: str) -> bool:
    """Whether a message is that of a commit of ours, of a squash merge of one, or of a merge of our branch.

    A revert is a human's work, also when it quotes our message: its subject is not ours.
    """
    subject, _, rest = message.strip().partition("\n")
    if _MERGE.match(subject):
        return True
    return subject.lower().startswith(SUBJECT) and any(
        line.startswith(CASE_TRAILER) for line in _last_paragraph(rest).splitlines()
    )


def _last_paragraph(text: str) -> str:
    """The last paragraph that is not only credits."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    return next((part for part in reversed(paragraphs) if not _only_credits(part)), "")


def _only_credits(paragraph: str) -> bool:
    return all(line.strip().lower().startswith(_CREDITS) for line in paragraph.strip().splitlines())
