"""Which agent makes the next attempt of a project: its own, or one that stands in while that one is paused."""

from collections.abc import Collection, Mapping, Sequence

import structlog

from selfheald.domain.breaker import LATEST, Pick, Standing, pick, standing
from selfheald.domain.events import AgentStands
from selfheald.domain.ids import AgentName
from selfheald.ports import CaseBook, Clock, Listener

log = structlog.get_logger()


class Roster:
    """Looks at how the agents stand by what the store knows of their latest attempts.

    ``fallbacks`` names every agent, with those that stand in for it, in their order; ``priced`` are those whose use
    can be told in money.
    """

    def __init__(
        self,
        fallbacks: Mapping[AgentName, Sequence[AgentName]],
        *,
        priced: Collection[AgentName],
        cases: CaseBook,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._fallbacks = fallbacks
        self._priced = priced
        self._cases = cases
        self._clock = clock
        self._listener = listener
        self._told: dict[AgentName, bool] = {}
        """Who was told to be paused: each change is told once."""

    async def look(self) -> Mapping[AgentName, Standing]:
        """How all agents stand now; what has changed is told. Raises TransientError."""
        standings = {}
        for agent in self._fallbacks:
            standings[agent] = standing(await self._cases.latest_attempts(agent, limit=LATEST))
            self._tell(agent, standings[agent])
        return standings

    def has_prices(self, agent: AgentName) -> bool:
        """Whether the agent's use can be told in money."""
        return agent in self._priced

    def pick(self, agent: AgentName, standings: Mapping[AgentName, Standing], busy: Sequence[AgentName]) -> Pick:
        """Who works in place of this agent now. ``busy`` are those who work, as often as they do."""
        return pick((agent, *self._fallbacks.get(agent, ())), standings, busy, now=self._clock.now())

    def _tell(self, agent: AgentName, stands: Standing) -> None:
        paused = stands.paused(self._clock.now())
        if self._told.get(agent) == paused:
            return
        self._listener(AgentStands(agent=agent, paused=paused))
        if paused and stands.until is not None:
            log.warning(
                "agent_paused",
                agent=agent,
                reason=stands.reason,
                failures=stands.failures,
                until=stands.until.isoformat(timespec="seconds"),
            )
        elif self._told.get(agent):
            log.info("agent_resumed", agent=agent)
        self._told[agent] = paused
