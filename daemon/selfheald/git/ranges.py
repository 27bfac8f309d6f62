"""The files that changed between two commits, as Semaphore's ``git diff --name-only`` tells them."""

import re

from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.errors import NotFoundError
from selfheald.domain.ids import Sha
from selfheald.git.mirror import Mirror
from selfheald.git.names import is_ref_name

_SHA = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"(?P<name>.+?)(?P<steps>(?:\^[0-9]?|~[0-9]{0,6})*)")


async def changes_of(mirror: Mirror, wanted: CommitRange) -> RangeChanges:
    """Compare the two ends; both are fetched if they are not there. Raises as :meth:`GitProgram.run` does.

    Two commits without a common ancestor have no difference from where they parted: no files then.
    """
    base = await _commit(mirror, wanted.base)
    if base is None:
        return RangeChanges(unknown=wanted.base)
    head = await _commit(mirror, wanted.head)
    if head is None:
        return RangeChanges(unknown=wanted.head)
    if wanted.from_merge_base:
        base = await _answer(mirror, f"finding where {wanted} parted", "merge-base", base, head)
    return RangeChanges() if base is None else RangeChanges(files=await _files(mirror, base, head))


async def _commit(mirror: Mirror, revision: str) -> Sha | None:
    """The commit that a revision names; ``None`` when there is none."""
    parts = _REVISION.fullmatch(revision)
    commit = await _named(mirror, parts["name"]) if parts else None
    if commit is None or not parts or not parts["steps"]:
        return commit
    # The commit is whole, with its history: no further network is needed.
    parse = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}{parts['steps']}^{{commit}}")
    return await _answer(mirror, f"finding {revision}", *parse)


async def _named(mirror: Mirror, name: str) -> Sha | None:
    """The commit of a full id, or of a branch as the remote has it now."""
    is_commit = bool(_SHA.fullmatch(name))
    if not is_commit and not is_ref_name(name):
        return None
    commit = Sha(name) if is_commit else await mirror.remote_head(f"refs/heads/{name}")
    if commit is None:
        return None
    try:
        await mirror.ensure(commit)
    except NotFoundError:
        await mirror.remote_head("HEAD")  # raises when it is the repository that is not there
        return None
    return commit


async def _files(mirror: Mirror, base: Sha, head: Sha) -> tuple[str, ...]:
    """Quoted as git does it, renames found; an empty difference is one empty line."""
    options = ("-r", "-M", "--name-only", "--no-ext-diff")
    answer = await mirror.run(mirror.call(f"comparing {base} with {head}", "diff-tree", *options, base, head))
    return tuple(answer.stdout.decode(errors="replace").removesuffix("\n").split("\n"))


async def _answer(mirror: Mirror, doing: str, *args: str) -> Sha | None:
    """The first commit that git prints; ``None`` when it finds none."""
    answer = await mirror.run(mirror.call(doing, *args, accept=(0, 1)))
    lines = answer.stdout.decode().split()
    return Sha(lines[0]) if lines else None
