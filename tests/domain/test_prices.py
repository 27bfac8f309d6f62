"""What tokens cost."""

from decimal import Decimal

from selfheald.domain.attempt import Usage
from selfheald.domain.prices import Prices, cost_micros

PRICES = Prices(input=Decimal("1.25"), cached_input=Decimal("0.125"), output=Decimal(10))


def test_cached_input_has_its_own_price() -> None:
    usage = Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=100)

    assert cost_micros(usage, PRICES) == 600 * 1.25 + 400 * 0.125 + 1000


def test_a_part_of_a_millionth_is_rounded_up() -> None:
    assert cost_micros(Usage(input_tokens=1), PRICES) == 2


def test_more_cached_than_input_tokens_never_lower_the_cost() -> None:
    assert cost_micros(Usage(input_tokens=8, cached_input_tokens=100), PRICES) == 1


def test_without_prices_nothing_is_counted() -> None:
    assert cost_micros(Usage(input_tokens=10**9), None) == 0
