"""One attempt under way: what it is about, what it may reach, and what it has used."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case
from selfheald.domain.failure import Failure
from selfheald.domain.policy import Project, Target
from selfheald.domain.zone import Budget, Metered, joined, scope_of
from selfheald.ports import Gate, Passage, PassageWanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """One attempt under way."""

    case: Case
    target: Target
    attempt: Attempt
    budget: Budget
    gate: Gate
    _passages: list[Passage] = field(default_factory=list)

    @property
    def project(self) -> Project:
        """The project whose case it is."""
        return self.target.project

    def for_the_agent(self, failure: Failure) -> AbstractAsyncContextManager[Passage]:
        """A passage to the agent's model, within the budget, and to what of Semaphore belongs to this failure."""
        return self._open(
            PassageWanted(
                project=self.project.name,
                agent=self.attempt.agent,
                organization=self.project.organization,
                scope=scope_of(self.case.pipeline, failure),
                budget=self.budget,
            )
        )

    def for_checks(self) -> AbstractAsyncContextManager[Passage]:
        """A passage for the project's own checks: to the hosts of ``egress`` only."""
        return self._open(PassageWanted(project=self.project.name))

    def metered(self) -> Metered:
        """What went through all passages so far, also when the attempt was cut off."""
        return joined([passage.metered() for passage in self._passages])

    @asynccontextmanager
    async def _open(self, wanted: PassageWanted) -> AsyncIterator[Passage]:
        async with self.gate.open(wanted) as passage:
            self._passages.append(passage)
            yield passage
