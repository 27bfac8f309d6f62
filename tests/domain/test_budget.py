"""What an attempt may still use up, request by request."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain.attempt import Usage
from selfheald.domain.budget import UNBOUNDED_ANSWER, Account, BudgetName, Full, Hold, Wanted, binding
from selfheald.domain.prices import Prices, PriceTable
from selfheald.domain.zone import Budget

PRICES = PriceTable(default=Prices(input=Decimal(2), cached_input=Decimal("0.5"), output=Decimal(10)))


def admitted(account: Account, wanted: Wanted) -> Hold:
    hold = account.admit(wanted)
    assert isinstance(hold, Hold)
    return hold


def test_what_was_used_takes_the_place_of_what_was_held_back() -> None:
    account = Account(Budget(attempt_micros=100_000), PRICES)

    hold = admitted(account, Wanted(input_tokens=1000, output_tokens=500))
    account.settle(hold, Usage(input_tokens=1000, cached_input_tokens=500, output_tokens=10))

    assert hold == Hold(
        wanted=Wanted(input_tokens=1000, output_tokens=500), micros=Decimal(7000), tokens=1500, most_output=None
    )
    assert account.cost_micros == 500 * 2 + 250 + 100


@pytest.mark.parametrize(
    ("budget", "name"),
    [
        (Budget(attempt_micros=0, project_micros=5, day_micros=5), BudgetName.ATTEMPT),
        (Budget(attempt_micros=5, project_micros=0, day_micros=5), BudgetName.PROJECT),
        (Budget(attempt_micros=5, project_micros=5, day_micros=0), BudgetName.DAY),
        (Budget(attempt_micros=10**9, tokens=300), BudgetName.TOKENS),
    ],
)
def test_the_budget_that_is_used_up_is_named(budget: Budget, name: BudgetName) -> None:
    account = Account(budget, PRICES)

    assert account.admit(Wanted(input_tokens=100)) is Full.FOR_GOOD
    assert account.over is name


def test_once_a_budget_was_used_up_nothing_is_admitted_any_more() -> None:
    account = Account(Budget(attempt_micros=10_000), PRICES)
    assert account.admit(Wanted(input_tokens=20_000, output_tokens=900)) is Full.FOR_GOOD

    assert account.admit(Wanted(input_tokens=1, output_tokens=1)) is Full.FOR_GOOD


def test_an_answer_is_bounded_to_what_is_left() -> None:
    account = Account(Budget(attempt_micros=10_000), PRICES)

    assert admitted(account, Wanted(input_tokens=2000, output_tokens=5000)).most_output == 900


def test_an_answer_is_bounded_to_the_tokens_that_are_left() -> None:
    account = Account(Budget(tokens=3000), PriceTable())

    assert admitted(account, Wanted(input_tokens=2000)).most_output == 1000


def test_a_small_request_is_admitted_with_the_last_of_a_budget() -> None:
    account = Account(Budget(attempt_micros=20), PRICES)

    assert admitted(account, Wanted(input_tokens=1, output_tokens=1)).micros == 12


def test_an_answer_of_less_than_it_needs_is_not_admitted() -> None:
    account = Account(Budget(attempt_micros=10_000), PRICES)

    assert account.admit(Wanted(output_tokens=4000, least_output=2000)) is Full.FOR_GOOD


def test_a_request_waits_while_others_hold_back_what_it_needs() -> None:
    account = Account(Budget(attempt_micros=50_000), PRICES)
    first = admitted(account, Wanted(input_tokens=100, output_tokens=4900))

    assert account.admit(Wanted(input_tokens=1000, output_tokens=1000)) is Full.NOW
    assert account.over is None
    account.settle(first, Usage(input_tokens=100, output_tokens=100))
    assert isinstance(account.admit(Wanted(input_tokens=1000, output_tokens=1000)), Hold)


def test_who_waits_is_refused_when_a_budget_was_used_up_meanwhile() -> None:
    account = Account(Budget(attempt_micros=50_000), PRICES)
    first = admitted(account, Wanted(input_tokens=100, output_tokens=4900))
    assert account.admit(Wanted(output_tokens=1000)) is Full.NOW
    account.settle(first, Usage(input_tokens=100, output_tokens=5000))

    assert account.admit(Wanted(output_tokens=1000)) is Full.FOR_GOOD
    assert account.over is BudgetName.ATTEMPT


def test_without_prices_money_bounds_nothing() -> None:
    account = Account(Budget(attempt_micros=0), PriceTable())

    hold = admitted(account, Wanted(input_tokens=10**6))
    account.settle(hold, Usage(input_tokens=10**6))

    assert hold.micros == account.cost_micros == 0


def test_output_may_be_free() -> None:
    prices = PriceTable(default=Prices(input=Decimal(1), cached_input=Decimal(1), output=Decimal(0)))
    account = Account(Budget(attempt_micros=1000), prices)

    assert admitted(account, Wanted(input_tokens=500)).micros == 500
    assert account.admit(Wanted(input_tokens=500)) is Full.NOW


def test_an_answer_is_charged_by_the_name_that_has_prices() -> None:
    prices = PriceTable(models={"alias": Prices(input=Decimal(1), cached_input=Decimal(1), output=Decimal(1))})
    account = Account(Budget(), prices)

    account.settle(admitted(account, Wanted(model="alias")), Usage(input_tokens=7), "what-it-stands-for")

    assert account.cost_micros == 7


def test_no_budget_binds_when_there_is_none() -> None:
    assert binding(Budget(tokens=5)) is None
    assert binding(Budget(project_micros=7, day_micros=7)) == (BudgetName.PROJECT, 7)


@given(
    st.integers(0, 2_000_000),
    st.lists(
        st.tuples(st.integers(0, 50_000), st.none() | st.integers(1, 64_000), st.integers(0, 100), st.booleans()),
        max_size=20,
    ),
)
def test_an_attempt_overshoots_by_no_more_than_one_request_s_input(
    cap: int, requests: list[tuple[int, int | None, int, bool]]
) -> None:
    """Whatever requests run at the same time, as long as each keeps to its estimate and to its bound."""
    account = Account(Budget(attempt_micros=cap), PRICES)
    running: list[Hold] = []
    for tokens, bound, percent, ends in requests:
        hold = account.admit(Wanted(input_tokens=tokens, output_tokens=bound))
        if isinstance(hold, Hold):
            running.append(hold)
        if ends and running:
            settle_at_worst(account, running.pop(0), percent)
    while running:
        settle_at_worst(account, running.pop(0), 100)

    assert account.cost_micros <= cap + 50_000 * 2


def settle_at_worst(account: Account, hold: Hold, percent: int) -> None:
    most = hold.most_output or hold.wanted.output_tokens or UNBOUNDED_ANSWER
    account.settle(hold, Usage(input_tokens=hold.wanted.input_tokens, output_tokens=most * percent // 100))
