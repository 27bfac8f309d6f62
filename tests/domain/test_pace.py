"""When to try and to look again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOW, ago

from selfheald.domain.errors import PermanentError, TransientError
from selfheald.domain.polling import Pace, new_cursor, next_look
from selfheald.domain.retry import DELAYS, retry_delay

PACE = Pace(interval=timedelta(seconds=30), idle_interval=timedelta(minutes=5))


def look(*, quiet: timedelta, errors: int = 0, jitter: float = 0.5) -> timedelta:
    return next_look(PACE, quiet=quiet, errors=errors, jitter=jitter)


def test_a_busy_project_is_looked_at_at_the_interval() -> None:
    assert look(quiet=timedelta(minutes=1)) == PACE.interval


def test_a_project_that_falls_quiet_is_looked_at_more_and_more_rarely() -> None:
    assert look(quiet=timedelta(minutes=20)) == timedelta(minutes=2)
    assert look(quiet=timedelta(days=20)) == PACE.idle_interval


def test_errors_double_the_interval_up_to_the_idle_one() -> None:
    assert look(quiet=timedelta(0), errors=1) == timedelta(minutes=1)
    assert look(quiet=timedelta(0), errors=99) == PACE.idle_interval


@given(
    quiet=st.timedeltas(min_value=timedelta(days=-1), max_value=timedelta(days=400)),
    errors=st.integers(0, 1000),
    jitter=st.floats(0, 1),
)
def test_a_look_is_never_further_off_than_the_bounds_and_the_jitter_allow(
    *, quiet: timedelta, errors: int, jitter: float
) -> None:
    assert PACE.interval * 0.79 <= look(quiet=quiet, errors=errors, jitter=jitter) <= PACE.idle_interval * 1.21


def test_the_cursor_never_moves_back() -> None:
    assert new_cursor(NOW, [ago(minutes=1)]) == NOW
    assert new_cursor(None, [ago(minutes=1), ago(minutes=2)]) == ago(minutes=1)
    assert new_cursor(None, []) is None


def test_delays_grow_and_end() -> None:
    delays = [retry_delay(tries, PermanentError(), jitter=0.5) for tries in range(1, len(DELAYS) + 2)]

    assert delays == [*DELAYS, None]


def test_a_time_that_the_other_side_named_is_a_lower_bound() -> None:
    slow = TransientError("slow down", retry_after=timedelta(hours=1))

    assert retry_delay(1, slow, jitter=0.5) == timedelta(hours=1)


def test_jitter_spreads_by_a_fifth() -> None:
    assert retry_delay(1, TransientError(), jitter=0) == DELAYS[0] * 0.8
    assert retry_delay(1, TransientError(), jitter=1) == DELAYS[0] * 1.2
