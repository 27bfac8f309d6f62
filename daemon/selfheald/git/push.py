"""Pushes: one branch of ours to one explicit address, only if it is where we think it is."""

from selfheald.domain.errors import RefusedError, TransientError
from selfheald.domain.ids import Sha
from selfheald.git.mirror import Mirror
from selfheald.git.names import checked_own_branch
from selfheald.ports import PushOutcome


async def push(mirror: Mirror, commit: Sha, branch: str, *, expected: Sha | None) -> PushOutcome:
    """Bring the branch to the commit, unless somebody else has written to it.

    Raises :class:`NotFoundError` when the mirror does not have the commit, and as :meth:`GitProgram.run` does.
    """
    ref = f"refs/heads/{checked_own_branch(branch)}"
    await mirror.require(commit)
    if outcome := _settled(await mirror.remote_head(ref), commit, expected):
        return outcome
    try:
        await _send(mirror, commit, ref, expected)
    except (RefusedError, TransientError):
        # Somebody may have been faster between the look and the push: then it was not a refusal.
        if await mirror.remote_head(ref) not in (expected, commit):
            return PushOutcome.TAKEN
        raise
    return PushOutcome.PUSHED


def _settled(head: Sha | None, commit: Sha, expected: Sha | None) -> PushOutcome | None:
    if head == commit:
        return PushOutcome.ALREADY_THERE
    return None if head == expected else PushOutcome.TAKEN


async def _send(mirror: Mirror, commit: Sha, ref: str, expected: Sha | None) -> None:
    access = await mirror.access()
    # Not --porcelain: it tells a refusal on standard output, where nobody looks for what went wrong.
    options = ("--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
    lease = f"--force-with-lease={ref}:{expected or ''}"
    await mirror.run(
        mirror.call(
            f"pushing {commit} to {ref}",
            *("push", *options, lease, "--", access.url, f"{commit}:{ref}"),
            access=access,
            timeout=mirror.timeouts.push,
        )
    )
