"""Names from outside, checked before they become arguments, addresses or folders.

The rules for references are those of ``git check-ref-format``.
"""

import re

from selfheald.domain.errors import RefusedError
from selfheald.domain.ids import Sha, Slug

CASE_REFS = "refs/selfheal/cases/"
"""Under which the commits of the cases live in a mirror."""

_SLUG = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*/[A-Za-z0-9._][A-Za-z0-9._-]*")
_SHA = re.compile(r"[0-9a-f]{40}")
_OWN_BRANCH = re.compile(r"selfheal-[0-9a-f]{40}")
_NOT_IN_REFS = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def checked_slug(repository: str) -> Slug:
    """Give back ``owner/name``. Raises :class:`RefusedError` for anything else."""
    parts = repository.split("/")
    if not _SLUG.fullmatch(repository) or ".." in repository or "." in parts:
        raise RefusedError(f"not a repository name (owner/name): {repository[:200]!r}")
    return Slug(repository)


def checked_sha(commit: str) -> Sha:
    """Give back a full commit id. Raises :class:`RefusedError` for anything else."""
    if not _SHA.fullmatch(commit):
        raise RefusedError(f"not a full commit id: {commit[:200]!r}")
    return Sha(commit)


def is_ref_name(name: str) -> bool:
    """Whether git would take this as a branch name or as a full reference. Pure."""
    parts = name.split("/")
    return bool(
        name not in ("", "@")
        and not name.startswith("-")
        and not name.endswith((".", "/"))
        and not _NOT_IN_REFS.search(name)
        and all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
    )


def checked_own_branch(branch: str) -> str:
    """Give back a branch name that is ours to push. Raises :class:`RefusedError` for any other one."""
    if not _OWN_BRANCH.fullmatch(branch):
        raise RefusedError(f"only branches named selfheal-<commit> are pushed, not {branch[:200]!r}")
    return branch


def checked_case_ref(ref: str) -> str:
    """Give back a reference of a case. Raises :class:`RefusedError` for any other one."""
    if not ref.startswith(CASE_REFS) or not is_ref_name(ref):
        raise RefusedError(f"not a reference of a case: {ref[:200]!r}")
    return ref
