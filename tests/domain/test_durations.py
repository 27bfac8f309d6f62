"""Durations and rates as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain.durations import LONGEST, DurationError, duration_text, parse_duration, parse_rate
from selfheald.domain.policy import Rate


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_a_number_with_its_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1.5h", "-5m", "5 m", "5w", "5M", "1h30m", "5m\n", "٣s", "4000d", "9" * 12 + "s"]
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(DurationError, match="allowed"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=int(LONGEST.total_seconds())))
def test_a_duration_survives_being_written_and_read(seconds: int) -> None:
    duration = timedelta(seconds=seconds)

    assert parse_duration(duration_text(duration)) == duration


def test_a_rate_is_a_count_and_a_window() -> None:
    assert parse_rate("3 per 24h") == Rate(count=3, window=timedelta(hours=24))
    assert str(parse_rate("10  per  7d")) == "10 per 7d"


@pytest.mark.parametrize(
    "text", ["", "3", "3 per day", "3/24h", "x per 24h", "3 per 0s", "-1 per 2h", "2000000 per 2h"]
)
def test_a_bad_rate_is_refused(text: str) -> None:
    with pytest.raises(DurationError):
        parse_rate(text)


@given(st.text(max_size=20))
def test_every_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_duration, parse_rate):
        try:
            parse(text)
        except DurationError as error:
            assert str(error)  # noqa: PT017 - both ways of ending are fine
