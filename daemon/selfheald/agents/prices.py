"""What tokens cost. Pure."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from selfheald.domain.attempt import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars for a million tokens; the same number is millionths of a dollar for one token."""

    input: Decimal
    cached_input: Decimal
    output: Decimal


def cost_micros(usage: Usage, prices: Prices | None) -> int:
    """Millionths of a US dollar, rounded up; 0 without prices."""
    if prices is None:
        return 0
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    cost = (
        (usage.input_tokens - cached) * prices.input
        + cached * prices.cached_input
        + usage.output_tokens * prices.output
    )
    return int(cost.to_integral_value(rounding=ROUND_CEILING))
