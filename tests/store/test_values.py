"""Domain values survive the way into a file and back, and instants keep their order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain.pipeline import Pipeline
from selfheald.store.values import instant, instant_text, pipeline, pipeline_text, storable

ZONES = (UTC, timezone(timedelta(hours=-9)), timezone(timedelta(hours=5, minutes=30)))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.builds(
    lambda since, zone: (EPOCH + since).astimezone(zone),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100_000)),
    st.sampled_from(ZONES),
)


@given(INSTANTS, INSTANTS)
def test_instants_as_text_are_in_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (instant_text(one) < instant_text(other)) == (one < other)


@given(INSTANTS)
def test_an_instant_comes_back_the_same_in_utc_and_in_one_width(one: datetime) -> None:
    text = instant_text(one)

    assert len(text) == len("2026-11-23T12:00:00.000000Z")
    assert instant(text) == one
    assert instant(text).tzinfo is UTC


def test_an_instant_without_a_time_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="time zone"):
        instant_text(datetime(2026, 11, 23))  # noqa: DTZ001  # the point of the test


@given(st.builds(Pipeline, created_at=INSTANTS, done_at=st.none() | INSTANTS))
def test_any_pipeline_comes_back_the_same(built: Pipeline) -> None:
    assert pipeline(pipeline_text(built)) == built


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_made_storable(text: str) -> None:
    stored = storable(text)

    assert stored.encode().decode() == stored
    assert len(stored) == len(text)
    assert storable(stored) == stored
