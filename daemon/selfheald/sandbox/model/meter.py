"""Counts what an attempt uses, and lets requests in as long as its budget has room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from selfheald.domain.attempt import Usage
from selfheald.domain.budget import Account, BudgetName, Full, Hold, Wanted
from selfheald.domain.plain import one_line
from selfheald.domain.prices import PriceTable
from selfheald.domain.usages import add_usage
from selfheald.domain.zone import Budget, Metered
from selfheald.sandbox.model.problems import over_budget

_MOST_MODELS = 8
"""That are told apart; an agent may name any."""

_LONGEST_NAME = 80


@dataclass(slots=True)
class Tally:
    """What one request used; nothing, unless somebody says otherwise."""

    hold: Hold
    usage: Usage = field(default_factory=Usage)
    """With the model as the answer names it; empty: as the request does."""


class Meter:
    """One attempt's."""

    def __init__(self, budget: Budget, prices: PriceTable) -> None:
        self._account = Account(budget, prices)
        self._usages: dict[str, Usage] = {}
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def admitted(self, wanted: Wanted) -> AsyncIterator[Tally]:
        """Let a request in, when others have left room for it. Raises :class:`Problem` when a budget is used up."""
        while (hold := self._account.admit(wanted)) is Full.NOW:
            await self._freed.wait()
        if isinstance(hold, Full):
            raise over_budget(self._account.over or BudgetName.ATTEMPT)
        tally = Tally(hold)
        try:
            yield tally
        finally:
            self._settle(tally)

    def metered(self) -> Metered:
        """What was used so far; what is under way is not in it."""
        return Metered(
            usages=tuple(self._usages.values()),
            cost_micros=self._account.cost_micros,
            over_budget=self._account.over or "",
        )

    def _settle(self, tally: Tally) -> None:
        wanted, usage = tally.hold.wanted, tally.usage
        self._account.settle(tally.hold, usage, usage.model)
        if usage.input_tokens or usage.output_tokens:
            self._count(one_line(usage.model or wanted.model, _LONGEST_NAME), usage)
        self._freed.set()
        self._freed = asyncio.Event()

    def _count(self, model: str, usage: Usage) -> None:
        if model not in self._usages and len(self._usages) >= _MOST_MODELS:
            model = "others"
        self._usages[model] = add_usage(self._usages.get(model, Usage(model=model)), usage)
