"""What an attempt may still use up, request by request. Pure.

A request is admitted by an estimate, which is held back while it runs and settled by the provider's own figures. One
request at a time may be admitted with less held back than it may cost: what an attempt overshoots is bounded by that
request's own input, at the price of fresh input, and by its answer where the answer could not be bounded.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from selfheald.domain.attempt import Usage
from selfheald.domain.prices import Prices, PriceTable, rounded_up
from selfheald.domain.zone import Budget

SMALLEST_ANSWER = 256
"""Tokens of output; with less left, nothing is asked any more, unless a request wants no more."""

UNBOUNDED_ANSWER = 32_000
"""Tokens of output that are held back for a request that names no bound."""


class BudgetName(StrEnum):
    """Which budget was used up."""

    ATTEMPT = "attempt"
    PROJECT = "project"
    DAY = "day"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request may use, by estimate."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int | None = None
    """The bound that it names for its answer."""
    least_output: int = SMALLEST_ANSWER
    """Below that an answer is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A request that was admitted, and what is held back for it."""

    wanted: Wanted
    micros: Decimal = Decimal(0)
    tokens: int = 0
    most_output: int | None = None
    """The answer's bound, where what is left asks for one; ``None``: as the request says."""


class Full(StrEnum):
    """Why a request is not admitted."""

    NOW = "now"
    """Others are under way; there may be room when they end."""
    FOR_GOOD = "for_good"


class Account:
    """What an attempt has used, and holds back, of its budget."""

    def __init__(self, budget: Budget, prices: PriceTable) -> None:
        self._budget = budget
        self._prices = prices
        self._micros = binding(budget)
        self._spent = Decimal(0)
        self._used = 0
        self._holds: list[Hold] = []
        self.over: BudgetName | None = None
        """The first budget that was used up; from then on nothing is admitted."""

    @property
    def cost_micros(self) -> int:
        """What was spent, in millionths of a US dollar."""
        return rounded_up(self._spent)

    def admit(self, wanted: Wanted) -> Hold | Full:
        """Hold back what the request may use, as far as it is left."""
        prices, left = self._prices.of(wanted.model), self._left_micros()
        if prices is None:
            left = None
        affordable = self._affordable(wanted, prices, left)
        short = self._short(wanted, affordable)
        if self.over is None and short is None:
            return self._hold(wanted, prices, left, affordable)
        if self._holds and self.over is None:
            return Full.NOW
        self.over = self.over or short
        return Full.FOR_GOOD

    def settle(self, hold: Hold, usage: Usage, model: str = "") -> None:
        """Put what was really used in place of what was held back. ``model``: as the answer names it."""
        self._holds.remove(hold)
        self._used += usage.input_tokens + usage.output_tokens
        if prices := self._prices.of(model, hold.wanted.model):
            self._spent += prices.cost(usage)

    def _left_micros(self) -> Decimal | None:
        if self._micros is None:
            return None
        return self._micros[1] - self._spent - sum((hold.micros for hold in self._holds), Decimal(0))

    def _left_tokens(self) -> int | None:
        if self._budget.tokens is None:
            return None
        return self._budget.tokens - self._used - sum(hold.tokens for hold in self._holds)

    def _affordable(self, wanted: Wanted, prices: Prices | None, left: Decimal | None) -> tuple[int | None, int | None]:
        """Tokens of output that the money, and the bound on tokens, leave; for the input the cheapest is assumed."""
        by_money = by_tokens = None
        if prices is not None and left is not None:
            rest = left - wanted.input_tokens * min(prices.input, prices.cached_input)
            by_money = int(rest / prices.output) if prices.output else (UNBOUNDED_ANSWER if rest > 0 else 0)
        if (tokens := self._left_tokens()) is not None:
            by_tokens = tokens - wanted.input_tokens
        return by_money, by_tokens

    def _short(self, wanted: Wanted, affordable: tuple[int | None, int | None]) -> BudgetName | None:
        by_money, by_tokens = affordable
        least = min(wanted.output_tokens or wanted.least_output, wanted.least_output)
        if by_money is not None and by_money < least:
            return self._micros[0] if self._micros else None
        if by_tokens is not None and by_tokens < least:
            return BudgetName.TOKENS
        return None

    def _hold(
        self,
        wanted: Wanted,
        prices: Prices | None,
        left: Decimal | None,
        affordable: tuple[int | None, int | None],
    ) -> Hold:
        most = min((tokens for tokens in affordable if tokens is not None), default=None)
        expected = wanted.output_tokens or UNBOUNDED_ANSWER
        output = expected if most is None else min(expected, most)
        usage = Usage(input_tokens=wanted.input_tokens, output_tokens=output)
        micros = Decimal(0) if prices is None or left is None else min(prices.cost(usage), left)
        hold = Hold(
            wanted=wanted,
            micros=micros,
            tokens=wanted.input_tokens + output,
            most_output=output if output < expected else None,
        )
        self._holds.append(hold)
        return hold


def binding(budget: Budget) -> tuple[BudgetName, int] | None:
    """The smallest of the budgets in money, and its name; ``None``: there is none."""
    named = (
        (BudgetName.ATTEMPT, budget.attempt_micros),
        (BudgetName.PROJECT, budget.project_micros),
        (BudgetName.DAY, budget.day_micros),
    )
    bounds = [(name, micros) for name, micros in named if micros is not None]
    return min(bounds, key=lambda bound: bound[1], default=None)
