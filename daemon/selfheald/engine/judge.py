"""What an agent left in its tree: a commit of it, judged by the guards and by the project's own checks."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import structlog

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.errors import RefusedError, SelfhealdError
from selfheald.domain.failure import Failure
from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.guards.judge import worst
from selfheald.domain.ids import Sha
from selfheald.domain.proposal import TreeChanges
from selfheald.domain.wording import commit_message, summary_of
from selfheald.engine.effort import Effort
from selfheald.engine.guarding import guarded
from selfheald.engine.outcome import Ended
from selfheald.engine.stopwatch import Stopwatch
from selfheald.engine.verify import Verifier
from selfheald.ports import FindSecrets, Redact, Repositories, WorkTree

log = structlog.get_logger()

LARGEST_TEXT = 1_000_000
"""Bytes of one side of a file that the guards look into."""


class Judge:
    """Decides what an agent's word is worth. What it does can be interrupted at any line."""

    def __init__(
        self,
        *,
        repositories: Repositories,
        verifier: Verifier,
        redact: Redact,
        find_secrets: FindSecrets,
        timed: Stopwatch,
        state_dir: Path,
    ) -> None:
        self._repositories = repositories
        self._verifier = verifier
        self._redact = redact
        self._find_secrets = find_secrets
        self._timed = timed
        self._state_dir = state_dir

    async def judge(self, effort: Effort, tree: WorkTree, ended: Ended, failure: Failure) -> Ended:
        """Say how the attempt ended: whether the tree changed, and passes the guards and the project's checks.

        All that is judged is in the commit, which lies in our own object store: whatever `verify` then does to the
        tree is not proposed.
        """
        try:
            changes = await self._timed(effort.attempt, "snapshot", self._repositories.changes(tree))
            if not changes.files:
                return replace(ended, outcome=AttemptOutcome.NO_CHANGE, note="\n".join(changes.left_out))
            commit, summary = await self._commit(effort.attempt, tree, changes, failure)
        except RefusedError as error:  # too much to be read: the agent's doing, so it counts
            return replace(ended, outcome=AttemptOutcome.BLOCKED, note=error.message)
        findings = await self._timed(effort.attempt, "guards", self._guard(effort, commit))
        ended = replace(ended, summary=summary, findings=findings)
        if worst(findings) is GuardAction.BLOCK:
            return replace(ended, outcome=AttemptOutcome.BLOCKED, note=_told(findings))
        if problem := await self._verified(effort, tree):
            return replace(ended, outcome=AttemptOutcome.VERIFY_FAILED, note=problem)
        return replace(ended, commit=commit, note="\n".join(changes.left_out))

    async def keep(self, effort: Effort, tree: WorkTree, ended: Ended, failure: Failure) -> Ended:
        """Keep the work of an attempt that was cut off, for people to look at: it is not proposed."""
        try:
            changes = await self._timed(effort.attempt, "snapshot", self._repositories.changes(tree))
            if not changes.files:
                return ended
            commit, summary = await self._commit(effort.attempt, tree, changes, failure)
        except (SelfhealdError, OSError) as error:
            log.warning("work_not_kept", case=effort.case.id, attempt=effort.attempt.number, error=str(error))
            return replace(ended, note=f"{ended.note}; its work could not be kept")
        return replace(ended, summary=summary, commit=commit)

    async def _guard(self, effort: Effort, commit: Sha) -> tuple[Finding, ...]:
        """Judge the whole proposal: all that the pull request would change, earlier attempts' work included."""
        case, project = effort.case, effort.project
        changes = await self._repositories.changed_texts(case.repository, case.commit, commit, limit=LARGEST_TEXT)
        findings = await guarded(
            changes, project.guards, protected_paths=project.protected_paths, find_secrets=self._find_secrets
        )
        if findings:
            told = [str(one) for one in findings[:MOST_TOLD]]
            log.info("guards_found", case=case.id, attempt=effort.attempt.number, findings=told)
        return findings

    async def _verified(self, effort: Effort, tree: WorkTree) -> str:
        """What the project's own checks find wrong."""
        if not effort.project.verify:
            return ""
        async with effort.for_checks() as passage:
            checking = self._verifier.check(effort.project.verify, tree, passage)
            return await self._timed(effort.attempt, "verify", checking)

    async def _commit(
        self, attempt: Attempt, tree: WorkTree, changes: TreeChanges, failure: Failure
    ) -> tuple[Sha, str]:
        """Make a commit of the changes, and write its diff down; gives it with its summary."""
        summary = self._redact(summary_of(changes.summary, failure.job_names))
        message = commit_message(summary=summary, case_id=attempt.case_id, attempt=attempt.number, agent=attempt.agent)
        ref = f"refs/selfheal/cases/{attempt.case_id}/{attempt.number}"
        commit = await self._repositories.commit(tree, changes, message=message, ref=ref, at=attempt.started_at)
        diff = await self._repositories.diff(tree.repository, tree.commit, commit)
        shown = await asyncio.to_thread(self._redact, diff)
        await asyncio.to_thread(_write_private, self._state_dir / attempt.folder / "fix.diff", shown)
        return commit, summary


MOST_TOLD = 20
"""Findings that the next attempt, and the case's history, are told."""


def _told(findings: tuple[Finding, ...]) -> str:
    """What blocked, line by line: for people, and for the next attempt."""
    blocking = [str(one) for one in findings if one.action is GuardAction.BLOCK]
    more = [f"and {len(blocking) - MOST_TOLD} more"] if len(blocking) > MOST_TOLD else []
    return "\n".join([*blocking[:MOST_TOLD], *more])


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read. Raises OSError with the path."""
    try:
        with open(path, "w", encoding="utf-8", errors="replace", opener=_private) as file:
            file.write(text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk does not name the file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
