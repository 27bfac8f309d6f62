"""What tokens cost."""

from decimal import Decimal

import pytest

from selfheald.domain.attempt import Usage
from selfheald.domain.prices import Prices, PriceTable, micros_of, rounded_up
from selfheald.domain.usages import add_usage, total_usage

PRICES = Prices(input=Decimal("1.25"), cached_input=Decimal("0.125"), output=Decimal(10))
DEARER = Prices(input=Decimal(3), cached_input=Decimal("0.3"), cache_write=Decimal("3.75"), output=Decimal(15))


def test_cached_input_has_its_own_price() -> None:
    usage = Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=100)

    assert PRICES.cost(usage) == 600 * Decimal("1.25") + 400 * Decimal("0.125") + 1000


def test_so_has_input_that_is_put_into_the_cache() -> None:
    usage = Usage(input_tokens=1000, cached_input_tokens=400, cache_write_tokens=500)

    assert DEARER.cost(usage) == 100 * 3 + 400 * Decimal("0.3") + 500 * Decimal("3.75")
    assert PRICES.cost(usage) == 600 * Decimal("1.25") + 400 * Decimal("0.125"), "or that of input"


def test_a_part_of_a_millionth_is_rounded_up() -> None:
    assert rounded_up(PRICES.cost(Usage(input_tokens=1))) == 2
    assert rounded_up(Decimal(2)) == 2


def test_more_cached_than_input_tokens_never_lower_the_cost() -> None:
    assert PRICES.cost(Usage(input_tokens=8, cached_input_tokens=100)) == 1
    assert DEARER.cost(Usage(input_tokens=10, cached_input_tokens=4, cache_write_tokens=100)) == Decimal("23.7")


@pytest.mark.parametrize(("dollars", "micros"), [("0.1", 100_000), ("5", 5_000_000), ("0.0000019", 1)])
def test_dollars_are_exact_and_rounded_down(dollars: str, micros: int) -> None:
    assert micros_of(Decimal(dollars)) == micros


@pytest.mark.parametrize(
    ("name", "prices"),
    [
        ("big", DEARER),
        ("big-20260401", DEARER),
        ("big-2026-04-01", DEARER),
        ("big@20260401", DEARER),
        ("big-latest", DEARER),
        ("big-pro", PRICES),
        ("small", PRICES),
    ],
)
def test_a_model_has_its_own_prices_whatever_the_date_in_its_name(name: str, prices: Prices) -> None:
    table = PriceTable(default=PRICES, models={"big": DEARER})

    assert table.of(name) == prices
    assert table.known


def test_the_first_name_that_has_prices_counts() -> None:
    assert PriceTable(models={"big": DEARER}).of("", "alias", "big") == DEARER


def test_where_only_some_models_have_prices_others_may_not_be_asked() -> None:
    table = PriceTable(models={"big": DEARER})

    assert [table.allows(name) for name in ("big", "big-20260401", "other")] == [True, True, False]
    assert table.known
    assert PriceTable(default=PRICES, models={"big": DEARER}).allows("other")
    assert PriceTable().allows("other")
    assert not PriceTable().known


def test_usages_are_added_by_the_name_of_the_model_that_was_used_most() -> None:
    small = Usage(model="small", input_tokens=10, cached_input_tokens=2, cache_write_tokens=1, output_tokens=5)
    big = Usage(model="big", input_tokens=100, output_tokens=1)

    assert total_usage([small, big]) == Usage(
        model="big", input_tokens=110, cached_input_tokens=2, cache_write_tokens=1, output_tokens=6
    )
    assert total_usage([]) == Usage()
    assert add_usage(small, big).model == "small"
