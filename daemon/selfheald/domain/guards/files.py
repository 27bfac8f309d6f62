"""Guards on files as a whole: where they are, what they are, how large and how many."""

from collections.abc import Iterator, Sequence
from posixpath import dirname, normpath

from selfheald.domain.globs import matches
from selfheald.domain.guards.change import LINK, SUBMODULE, Change, Found, GuardPolicy
from selfheald.domain.guards.lines import changed_count
from selfheald.domain.guards.rules import Rule
from selfheald.domain.proposal import ChangeKind

_REPOSITORY_PARTS = ("HEAD", "objects", "refs")
"""What makes a folder a bare repository to git, under whatever name."""


def files(changes: Sequence[Change], policy: GuardPolicy, protected_paths: Sequence[str]) -> Iterator[Found]:
    """Look at each changed path, and at all of them together."""
    for change in changes:
        yield from _place(change, protected_paths)
        yield from _kind(change)
        yield from _size(change, policy)
    yield from _repositories(changes)
    if len(changes) > policy.max_files:
        text = f"{len(changes)} files change; at most {policy.max_files} may"
        yield Found(Rule.TOO_MANY_FILES, changes[0].path, 0, text)
    lines = changed_count(changes)
    if lines > policy.max_lines:
        text = f"{lines} lines change; at most {policy.max_lines} may"
        yield Found(Rule.TOO_MANY_LINES, changes[0].path, 0, text)


def _place(change: Change, protected_paths: Sequence[str]) -> Iterator[Found]:
    pattern = next((pattern for pattern in protected_paths if matches(pattern, change.path)), None)
    if pattern:
        yield Found(Rule.PROTECTED_PATH, change.path, 0, f"touches what `{pattern}` protects")
    if change.mode == LINK and _leads_out(change.path, change.after or ""):
        yield Found(Rule.LINK_OUTSIDE, change.path, 1, "a symbolic link that leads out of the tree")
    if SUBMODULE in (change.mode, change.old_mode) or change.path == ".gitmodules":
        yield Found(Rule.SUBMODULE, change.path, 0, f"a submodule is {change.kind}")


def _leads_out(path: str, target: str) -> bool:
    """Whether a link's target is outside the tree, or in a ``.git``; one that cannot be read may be."""
    end = normpath(f"{dirname(path)}/{target}".lstrip("/"))
    parts = [part.lower() for part in end.split("/")]
    return not target or target.startswith("/") or parts[0] == ".." or ".git" in parts


def _kind(change: Change) -> Iterator[Found]:
    modes = {change.old_mode, change.mode}
    if change.kind is ChangeKind.MODIFIED and len(modes) > 1 and SUBMODULE not in modes:
        yield Found(Rule.MODE_CHANGED, change.path, 0, f"the mode was {change.old_mode} and is {change.mode}")
    if change.binary and change.kind is not ChangeKind.DELETED:
        yield Found(Rule.BINARY, change.path, 0, f"a file that is not text is {change.kind}")


def _size(change: Change, policy: GuardPolicy) -> Iterator[Found]:
    if change.kind is not ChangeKind.DELETED and change.size > policy.max_file_kb * 1000:
        text = f"has {change.size:,} bytes; at most {policy.max_file_kb:,} kB may be proposed"
        yield Found(Rule.FILE_TOO_LARGE, change.path, 0, text)
    if change.cut:
        yield Found(Rule.NOT_LOOKED_AT, change.path, 0, "too large to be looked at")


def _repositories(changes: Sequence[Change]) -> Iterator[Found]:
    there: dict[str, set[str]] = {}
    for change in changes:
        parts = change.path.split("/")
        if change.kind is ChangeKind.DELETED:
            continue
        if ".git" in (part.lower() for part in parts):
            yield Found(Rule.NESTED_REPOSITORY, change.path, 0, "a part of a git repository")
        for depth, part in enumerate(parts):
            if part in _REPOSITORY_PARTS:
                there.setdefault("/".join(parts[:depth]), set()).add(part)
    for folder, parts_there in there.items():
        if len(parts_there) == len(_REPOSITORY_PARTS):
            yield Found(Rule.NESTED_REPOSITORY, folder or "HEAD", 0, "a folder that git takes for a repository")
