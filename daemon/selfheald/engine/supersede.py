"""Only the newest failure of a branch is healed: ends open cases whose branch moved on, is green again, or is gone."""

import asyncio
from datetime import timedelta

import structlog

from selfheald.domain.case import Case
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.events import CaseMoved
from selfheald.domain.ids import ProjectName
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import SupersededBy
from selfheald.domain.reasons import Reason
from selfheald.domain.superseding import after_newer_pipeline, left_behind
from selfheald.ports import CaseBook, Clock, CodeHost, Journal, Listener

log = structlog.get_logger()

TRIES = 3
"""A worker renews its lease while we look; then the case is read anew."""

GONE = "the branch that failed is gone"


class Superseder:
    """Asks the store and GitHub whether a case is still about its branch's newest failure."""

    def __init__(
        self,
        *,
        journal: Journal,
        cases: CaseBook,
        code_host: CodeHost,
        clock: Clock,
        listener: Listener,
        look_again: timedelta,
    ) -> None:
        self._journal = journal
        self._cases = cases
        self._code_host = code_host
        self._clock = clock
        self._listener = listener
        self._look_again = look_again

    async def sweep(self, project: ProjectName) -> None:
        """End the project's cases that a newer pipeline has overtaken, also those that an agent works on."""
        for case in await self._cases.cases(open_only=True):
            if case.project == project:
                await self._end(case)

    async def newer(self, case: Case) -> Pipeline | None:
        """The newest pipeline of the case's branch and file that was created later and has passed or failed."""
        return await self._journal.newer_pipeline(case)

    async def overtaken(self, case: Case) -> tuple[Case, str] | None:
        """The case as it ends by a newer pipeline, with a note for its history; ``None``: it goes on."""
        newer = await self.newer(case)
        after = after_newer_pipeline(case, newer, now=self._clock.now())
        return None if newer is None or after is case else (after, _note(newer))

    async def left_behind(self, case: Case, by: SupersededBy) -> tuple[Reason, str] | None:
        """Why the case ends because its branch moved on or is gone, with a note; ``None``: it goes on.

        Not known is no: the branch is looked at again before the next step.
        """
        if case.source_branch is None:
            return None
        try:
            head = await self._code_host.branch_head(case.repository, case.source_branch)
        except SelfhealdError as error:
            log.warning("branch_not_looked_at", branch=case.source_branch, error=error.message)
            return None
        reason = left_behind(case.commit, head, by)
        if reason is None:
            return None
        note = f"{case.source_branch} is at {head.commit} now" if head else GONE
        return reason, note

    async def until_left_behind(self, case: Case, by: SupersededBy) -> tuple[Reason, str]:
        """Look at the case's branch now and then until it has moved on or is gone."""
        while True:
            await asyncio.sleep(self._look_again.total_seconds())
            if behind := await self.left_behind(case, by):
                return behind

    async def _end(self, case: Case) -> None:
        for _ in range(TRIES):
            overtaken = await self.overtaken(case)
            if overtaken is None:
                return
            after, note = overtaken
            if await self._cases.save(case, after, note=note):
                self._listener(CaseMoved(before=case, after=after))
                log.info("case_superseded", case=case.id, project=case.project, before=case.state, reason=after.reason)
                return
            case = await self._cases.case(case.id) or case


def _note(newer: Pipeline) -> str:
    how = "passed" if newer.passed else "failed"
    return f"newer pipeline {newer.id} {how} at {newer.commit}"
