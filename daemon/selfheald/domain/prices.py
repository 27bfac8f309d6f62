"""What tokens cost. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from selfheald.domain.attempt import Usage

MICROS = 1_000_000
"""Of a dollar."""

_DATED = re.compile(r"(?P<name>.+?)(?:[-@]\d{4}-?\d{2}-?\d{2}|-latest)")
"""The same model, as a provider names one version of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars for a million tokens; the same number is millionths of a dollar for one token."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    cache_write: Decimal | None = None
    """Of input that the provider put into its cache; ``None``: as ``input``."""

    def cost(self, usage: Usage) -> Decimal:
        """Millionths of a US dollar, exactly."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        return (
            (usage.input_tokens - cached - written) * self.input
            + cached * self.cached_input
            + written * (self.input if self.cache_write is None else self.cache_write)
            + usage.output_tokens * self.output
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """What the tokens of each model cost."""

    default: Prices | None = None
    """Of models without prices of their own; ``None``: there are none."""
    models: Mapping[str, Prices] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether anything costs something, so that budgets in money hold."""
        return self.default is not None or bool(self.models)

    def of(self, *names: str) -> Prices | None:
        """The prices of a model by one of its names; a name with a date stands for the one without."""
        for name in names:
            dated = _DATED.fullmatch(name)
            found = self.models.get(name) or (self.models.get(dated["name"]) if dated else None)
            if found:
                return found
        return self.default

    def allows(self, model: str) -> bool:
        """Whether the model may be asked: where models have prices, one without any would escape the budgets."""
        return not self.models or self.of(model) is not None


def rounded_up(micros: Decimal) -> int:
    """Whole millionths of a US dollar."""
    return int(micros.to_integral_value(rounding=ROUND_CEILING))


def micros_of(dollars: Decimal) -> int:
    """Millionths of a US dollar, rounded down: an amount to be kept within."""
    return int((dollars * MICROS).to_integral_value(rounding=ROUND_FLOOR))
