"""The provider's figures, also where they are missing or nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain.attempt import Usage
from selfheald.domain.budget import Wanted
from selfheald.sandbox.model.forms import Form
from selfheald.sandbox.model.usage import Figures, read
from selfheald.sandbox.model.watch import Watch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["usage", "response", "message", "model", "type", "usageMetadata", "input_tokens", "candidates"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.sampled_from(Form), st.dictionaries(st.text(max_size=3) | st.just("usage"), JSON, max_size=4))
def test_whatever_a_provider_tells_figures_are_no_less_than_nothing(form: Form, told: dict[str, object]) -> None:
    usage = read(form, told, Figures()).usage or Usage()

    assert min(usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens, usage.output_tokens) >= 0


@pytest.mark.parametrize("odd", [-1, True, "5", 1.5, None, 10**12])
def test_what_is_no_number_of_tokens_is_none(odd: object) -> None:
    told = {"usage": {"prompt_tokens": odd, "completion_tokens": 2}}

    assert read(Form.CHAT, told, Figures()).usage == Usage(output_tokens=2)


def test_later_figures_of_a_message_never_take_away() -> None:
    begun = {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}}
    delta = {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 5}}

    figures = read(Form.MESSAGES, delta, read(Form.MESSAGES, begun, Figures()))

    assert figures == Figures(model="m", usage=Usage(input_tokens=9, output_tokens=5), final=True)


def test_an_array_of_answers_is_read_like_a_stream() -> None:
    watch = Watch(Form.GEMINI, streams=True)
    watch.begin("application/json")
    watch.feed(b'[{"candidates": [{}], "usageMetadata": {"promptTokenCount": 5}},')
    watch.feed(b'{"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 6}}]')
    watch.end()

    assert watch.usage(Wanted(), seconds=0) == Usage(input_tokens=6)


def test_an_answer_that_is_too_large_to_be_read_is_estimated() -> None:
    watch = Watch(Form.CHAT, streams=False)
    watch.begin("application/json")
    for _ in range(9):
        watch.feed(b" " * 1_000_000)
    watch.end()

    assert watch.usage(Wanted(input_tokens=3), seconds=0).output_tokens == 9_000_000 // 4


def test_time_counts_too_since_a_model_thinks_unseen() -> None:
    watch = Watch(Form.RESPONSES, streams=True)
    watch.begin("text/event-stream")

    assert watch.usage(Wanted(input_tokens=3), seconds=2.5) == Usage(input_tokens=3, output_tokens=250)


@pytest.mark.parametrize("text", [b'{"usage": ', b"[" * 100_000 + b'"usage"', b'"usage"', b'[5, "usage"]'])
def test_nonsense_is_passed_over(text: bytes) -> None:
    watch = Watch(Form.CHAT, streams=False)
    watch.begin("application/json")
    watch.feed(text)
    watch.end()

    assert watch.figures == Figures()
