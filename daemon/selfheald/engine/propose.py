"""Says in a pull request what failed, what changed, and what proves it."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

import structlog

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case
from selfheald.domain.errors import SelfhealdError
from selfheald.domain.ids import OrganizationName
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Target
from selfheald.domain.proposal import PullRequest, TreeChanges, WantedPullRequest
from selfheald.domain.wording import marker, pull_request_body, pull_request_title, withdrawal, withdrawal_marker
from selfheald.ports import CI, CaseBook, CodeHost, Repositories

log = structlog.get_logger()
T = TypeVar("T")


class Proposer:
    """Ensures the pull request of a case whose commit passed CI."""

    def __init__(
        self,
        *,
        cis: Mapping[OrganizationName, CI],
        code_host: CodeHost,
        repositories: Repositories,
        cases: CaseBook,
        organization_urls: Mapping[OrganizationName, str],
    ) -> None:
        self._cis = cis
        self._code_host = code_host
        self._repositories = repositories
        self._cases = cases
        self._organization_urls = organization_urls

    async def propose(self, case: Case, target: Target) -> PullRequest | None:
        """The pull request, made or found; ``None`` when the branch that failed is gone."""
        base = await self._base(case, target)
        if base is None:
            return None
        policy = target.project.pull_request
        return await self._code_host.ensure_pull_request(
            WantedPullRequest(
                repository=case.repository,
                head_branch=case.branch,
                base_branch=base,
                title=pull_request_title(policy.title, case.summary),
                body=await self._body(case, target),
                marker=marker(case.id),
                labels=policy.labels,
                reviewers=policy.reviewers,
                draft=policy.draft,
            ),
        )

    async def withdraw(self, case: Case, number: int, passed: Pipeline, target: Target) -> PullRequest:
        """Close our pull request, whose branch is green without it; gives it as it is then."""
        url = self._organization_urls[target.project.organization]
        return await self._code_host.close_pull_request(
            case.repository, number, comment=withdrawal(case, passed, url), marker=withdrawal_marker(case.id)
        )

    async def _base(self, case: Case, target: Target) -> str | None:
        source, wanted = case.source_branch, target.project.pull_request.base
        if source and await self._code_host.branch_head(case.repository, source) is None:
            return None
        if wanted == "source" and source:
            return source
        if wanted in ("source", "default"):
            return await self._code_host.default_branch(case.repository)
        return wanted

    async def _body(self, case: Case, target: Target) -> str:
        files = await self._repositories.changed_files(case.repository, case.commit, case.pushed or case.commit)
        ci = self._cis[target.project.organization]
        failure = await self._readable(ci.failure(case.pipeline.id, logs=False))
        proof = await self._readable(ci.pipeline(case.proof)) if case.proof else None
        attempts = await self._cases.attempts(case.id)
        return pull_request_body(
            case=case,
            attempts=attempts,
            jobs=failure.jobs if failure else (),
            changes=TreeChanges(files=tuple(files), summary=case.summary, left_out=_left_out(attempts)),
            proof=proof,
            organization_url=self._organization_urls[target.project.organization],
        )

    async def _readable(self, reading: Awaitable[T]) -> T | None:
        """What Semaphore says, or nothing: a pull request that tells less is better than none."""
        try:
            return await reading
        except SelfhealdError as error:
            log.warning("pull_request_tells_less", error=error.message)
            return None


def _left_out(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """What the fixes could not hold: the lines of their notes. Each fix is built on the one before it."""
    fixes = (attempt for attempt in attempts if attempt.outcome is AttemptOutcome.FIXED)
    return tuple(dict.fromkeys(line for fix in fixes for line in fix.note.splitlines()))
