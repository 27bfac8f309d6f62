"""What is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case, NewCase
from selfheald.domain.decision import Decision
from selfheald.domain.history import History
from selfheald.domain.ids import AgentName, CaseId, PipelineId, ProjectName, Sha, Slug
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Limits
from selfheald.domain.reasons import Reason
from selfheald.domain.room import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One line of a case's history."""

    case_id: CaseId
    at: datetime
    before: str
    """The state before; empty for the first."""
    after: str
    reason: Reason | None
    actor: str
    """``selfheald``, or who steered by hand."""
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A stored decision about a pipeline."""

    project: ProjectName
    pipeline: Pipeline
    decision: str
    """``heal``, ``skip``, ``defer``; empty for one that did not fail."""
    reason: Reason | None
    saw: str
    decided_at: datetime | None
    defer_until: datetime | None


class Journal(Protocol):
    """The store, pipelines' side: cursors, pipelines seen, what was decided. Raises :class:`TransientError`."""

    async def cursor(self, project: ProjectName) -> datetime | None:
        """Up to where the project was swept: the latest ``done_at`` seen."""

    async def record(
        self, project: ProjectName, pipelines: Sequence[Pipeline], *, cursor: datetime | None, now: datetime
    ) -> Sequence[Pipeline]:
        """Keep the pipelines and the cursor in one transaction; gives back those that were not known before."""

    async def undecided(self, project: ProjectName, now: datetime) -> Sequence[Pipeline]:
        """Failed pipelines without a decision, or whose deferral is over, newest creation first."""

    async def decide(
        self,
        project: ProjectName,
        pipeline: Pipeline,
        decision: Decision,
        *,
        now: datetime,
        new_case: NewCase | None,
        seen: Observation | None = None,
    ) -> Case | None:
        """Keep a decision and, for ``Heal``, open the case, in one transaction.

        ``None`` when no case was opened: also when one for the same failure is open already (the decision is then
        stored as a skip, ``already_open``). With ``seen``, guards and limits are asked again in that transaction
        (:func:`selfheald.domain.decide.decide_again`); their no is stored in place of ``Heal``.
        """

    async def history(
        self,
        project: ProjectName,
        pipeline: Pipeline,
        *,
        repository: Slug,
        commit: Sha,
        source_branch: str | None,
        limits: Limits,
        now: datetime,
    ) -> History:
        """What bears on the decision about this pipeline."""

    async def newer_pipeline(self, case: Case) -> Pipeline | None:
        """The newest later pipeline of the case's ref and file that is not promoted and has passed or failed."""

    async def verdict(self, pipeline_id: PipelineId) -> Verdict | None:
        """What was decided about a pipeline; ``None`` when it was never seen."""


class CaseBook(Protocol):
    """The store, cases' side. Raises :class:`TransientError`."""

    async def case(self, case_id: CaseId) -> Case | None:
        """One case."""

    async def cases(self, *, open_only: bool = False, limit: int | None = None) -> Sequence[Case]:
        """Cases, newest first."""

    async def save(self, before: Case, after: Case, *, note: str = "", actor: str = "selfheald") -> bool:
        """Write ``after`` if the case is still ``before`` (by its version); an event row in the same transaction.

        An event row is written when the state differs or there is a note. ``False``: somebody else was faster. An
        attempt that nobody has finished when its case leaves ``healing`` ends as ``interrupted``.
        """

    async def claim(self, before: Case, after: Case, *, limits: Limits, now: datetime, priced: bool = True) -> Claim:
        """Save ``after``, a queued case that a worker takes, if the project's limits leave room for an attempt.

        Both are looked at in one transaction, by :func:`selfheald.domain.room.limit_in_the_way`. What the attempt may
        cost is held back with it, unless its agent has no prices (not ``priced``).
        """

    async def start_attempt(self, case: Case, *, agent: AgentName, folder: str, now: datetime) -> Attempt:
        """A new attempt of the case, numbered; a running one of the same case ends as ``interrupted`` first."""

    async def note_cost(self, attempt: Attempt, cost_micros: int) -> None:
        """Write down what a running attempt has cost so far: it counts also when nobody comes to finish it.

        As much less is held back for it. An attempt that has ended keeps its cost.
        """

    async def finish_attempt(self, attempt: Attempt) -> None:
        """Write how an attempt ended."""

    async def attempts(self, case_id: CaseId) -> Sequence[Attempt]:
        """A case's attempts, oldest first."""

    async def latest_attempts(self, agent: AgentName, *, limit: int) -> Sequence[Attempt]:
        """An agent's attempts that have ended, over all cases, the one that began last first."""

    async def events(self, case_id: CaseId) -> Sequence[CaseEvent]:
        """A case's history, oldest first."""
