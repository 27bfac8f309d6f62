"""Which paths and links of a work tree may be proposed. Pure."""

import re
from collections.abc import Iterator

_HFS_IGNORED = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What a Mac's file system leaves out when it compares names."""
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls and what turns the direction of writing; a backslash, which git refuses to check out on Windows."""
_SHOWN = 200
"""Characters of a path that people are shown."""
_FILES_OF_GIT = frozenset({".gitmodules", ".gitattributes", ".gitignore", ".mailmap"})
_LONGEST_TARGET = 4095


def is_git_folder(name: str) -> bool:
    """Whether some file system takes this name for ``.git``."""
    if name.isascii() and "git" not in name.lower():
        return False
    plain = _HFS_IGNORED.sub("", name).casefold().split(":", 1)[0].rstrip(". ")
    return plain in {".git", "git~1"}


def problem_of_path(path: str) -> str:
    """Why a path cannot be proposed; empty when it can."""
    return "its name holds control characters or a backslash" if _UNSPEAKABLE.search(path) else ""


def problem_of_link(path: str, target: str) -> str:
    """Why a symbolic link cannot be proposed; empty when it can.

    ``..`` is allowed at the start of a target only: after a name it could lead anywhere, since that name may be a
    link itself.
    """
    if path.rsplit("/", 1)[-1].lower() in _FILES_OF_GIT:
        return "a link where git wants a file"
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    if target.startswith("/") or ups > path.count("/") or ".." in parts[ups:]:
        return "a link that leads out of the tree"
    if any(is_git_folder(part) for part in parts):
        return "a link into git's own folder"
    if len(target) > _LONGEST_TARGET or problem_of_path(target):
        return "a link whose target holds control characters or a backslash"
    return ""


def shown(path: str) -> str:
    """A path for people: bounded, what cannot be printed is escaped."""
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in path
    )
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def parents(path: str) -> Iterator[str]:
    """The folders that a path lies in, the nearest first."""
    while "/" in path:
        path = path.rsplit("/", 1)[0]
        yield path
