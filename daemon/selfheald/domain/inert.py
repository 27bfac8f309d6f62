"""Makes untrusted text inert before people or GitHub read it. Pure.

What acts on GitHub: ``@mentions``, ``#12`` and ``GH-12`` after a closing keyword (also in commit messages, and so in
titles and bodies that a squash merge makes into one), addresses, ``[skip ci]``, HTML and comments, Markdown. What acts
on readers: control characters, invisible ones, and those that turn the direction of writing around.
"""

import re
import unicodedata

ELLIPSIS = "…"
ZERO_WIDTH_SPACE = "\u200b"

_ACTIVE = re.compile(r"(?<![A-Za-z0-9_])@(?=\w)|#(?=\d)|(?<=GH)-(?=\d)|:(?=//)", re.IGNORECASE)
"""The characters by which text acts. ``lodash@4`` and ``C#`` do not."""

_SKIP = re.compile(r"\[([^\[\]]*(?:skip|no ci)[^\[\]]*)\]", re.IGNORECASE)
"""``[skip ci]``, ``[ci skip]``, ``[no ci]``, ``[skip selfheal]``: a commit's orders to CI and to us."""

_COMMENT = re.compile(r"<(?=!--)|--(?=!?>)")


def one_line(text: str, limit: int) -> str:
    """Text as one line of visible characters, at most ``limit`` of them; a longer one ends with ``…``."""
    return shortened(" ".join(_visible(text).split()), limit)


def plain(text: str, limit: int) -> str:
    """One line for a commit message or a title, where no markup can protect it: whatever acts is taken out."""
    line, before = " ".join(_visible(text).split()), ""
    while line != before:  # taking one thing out may bring two others together
        before = line
        line = " ".join(_SKIP.sub(r"(\1)", _ACTIVE.sub(_taken_out, line)).split())
    return shortened(line, limit)


def code(text: str, limit: int = 160, *, empty: str = "(unnamed)") -> str:
    """A Markdown code span."""
    line = _defused(one_line(text, limit)).replace("`", "'")
    return f"`{line or empty}`"


def cell(text: str, limit: int = 160) -> str:
    """A Markdown code span in a table's cell, which a bar would end even there, escaped or not."""
    return code(text.replace("|", "¦"), limit)


def quoted(text: str, limit: int) -> str:
    """A Markdown block of code with the text's lines, at most ``limit`` characters, the rest marked as left out."""
    lines = [_visible(line).rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    body = shortened(_defused("\n".join(lines).strip("\n")), limit)
    longest = max((len(run) for run in re.findall(r"~+", body)), default=0)
    fence = "~" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters, cut at a space if there is one near the end."""
    if len(text) <= limit:
        return text
    head = text[: max(0, limit - len(ELLIPSIS))]
    at_space = head.rpartition(" ")[0]
    return (at_space if len(at_space) > len(head) * 2 // 3 else head).rstrip() + ELLIPSIS


def _visible(text: str) -> str:
    """Without control, format, surrogate and unassigned characters; line and paragraph separators become spaces."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category in {"Cf", "Cs", "Cn"} else char


def _taken_out(found: re.Match[str]) -> str:
    # "issue#5" and "GH-5" keep their words apart.
    joins_words = found.group() in "#-" and found.string[max(0, found.start() - 1)].isalnum()
    return " " if joins_words else ""


def _defused(text: str) -> str:
    """Keep the text as it looks, and let an invisible space stand where it would act."""
    broken = _SKIP.sub(rf"[{ZERO_WIDTH_SPACE}\1]", text)
    broken = _COMMENT.sub(lambda found: found.group() + ZERO_WIDTH_SPACE, broken)
    return _ACTIVE.sub(lambda found: found.group() + ZERO_WIDTH_SPACE, broken)
