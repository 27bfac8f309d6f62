"""Reads the past of a project, for :mod:`selfheald.domain.backtest`. Writes nothing."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.history import History
from selfheald.domain.ids import Sha
from selfheald.domain.lookup import ranges_to_read
from selfheald.domain.observation import Observation
from selfheald.domain.past import Past
from selfheald.domain.pipeline import Pipeline, RefKind, previous_commit
from selfheald.domain.policy import Target
from selfheald.domain.proposal import PullRequest
from selfheald.engine.changes import read_changes
from selfheald.ports import CI, CodeHost, Repositories

log = structlog.get_logger()


class PastReader:
    """Asks Semaphore for what it still has, and for each failure what its decision needs besides."""

    def __init__(self, *, code_host: CodeHost, repositories: Repositories) -> None:
        self._code_host = code_host
        self._repositories = repositories

    async def read(self, target: Target, ci: CI, *, since: datetime, until: datetime) -> Sequence[Past]:
        """All pipelines of a project that ended in between. Raises as :meth:`CI.finished_since` does."""
        found = await ci.finished_since(target.project_id, since)
        ended = [one for one in found if one.done_at and since <= one.done_at <= until]
        numbers = {one.ref.name for one in ended if one.failed and one.ref.kind is RefKind.PULL_REQUEST}
        requests = {number: await self._pull_request(target, number) for number in sorted(numbers)}
        return [await self._past(target, one, requests, previous_commit(one, found)) for one in ended]

    async def _past(
        self, target: Target, pipeline: Pipeline, requests: dict[str, PullRequest | None], previous: Sha | None
    ) -> Past:
        is_pull_request = pipeline.ref.kind is RefKind.PULL_REQUEST
        request = requests.get(pipeline.ref.name) if is_pull_request else None
        seen = Observation(
            target=target,
            pipeline=pipeline,
            pull_request=request,
            history=History(previous_commit=previous),
            now=pipeline.done_at or pipeline.created_at,
        )
        changes = await read_changes(self._repositories, target.repository, ranges_to_read(seen))
        return Past(target=target, pipeline=pipeline, pull_request=request, previous_commit=previous, changes=changes)

    async def _pull_request(self, target: Target, number: str) -> PullRequest | None:
        try:
            return await self._code_host.pull_request(target.repository, int(number))
        except SelfhealdError as error:
            log.warning("pull_request_unreadable", repository=target.repository, number=number, error=error.message)
            return None
