from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError, TransientError, UnauthorizedError
from selfheald.semaphore.credentials import usable
from selfheald.semaphore.faults import AGAIN, BODY_LIMIT, fault, reading


@pytest.mark.parametrize(
    ("status", "body", "kind", "again"),
    [
        (400, b'"Missing required post parameter request_token."', RefusedError, False),
        (400, b'"Pipeline with id: 8e1f not found"', TransientError, True),
        (401, b"Unauthorized", UnauthorizedError, False),
        (401, b'{"message":"Unauthorized"}', UnauthorizedError, False),
        (403, b"", TransientError, False),
        (404, b"Not Found", NotFoundError, True),
        (404, b'{"message":"Not found"}', NotFoundError, False),
        (404, b'"This job never started, so no logs were produced."', NotFoundError, False),
        (422, b'{"message":"no"}', RefusedError, False),
        (429, b"", TransientError, False),
        (500, b'"Internal error"', TransientError, True),
        (504, b"upstream request timeout", TransientError, True),
        (301, b"", RefusedError, False),
        (418, b"", RefusedError, False),
    ],
)
def test_each_answer_is_an_error_of_its_own(
    status: int, body: bytes, kind: type[SelfhealdError], *, again: bool
) -> None:
    error = fault("describing pipeline 8e1f", status, {}, body)

    assert isinstance(error, kind)
    assert isinstance(error, AGAIN) is again
    assert error.message.startswith("describing pipeline 8e1f: Semaphore answered")


@pytest.mark.parametrize(
    ("body", "text", "is_json"),
    [
        (b'"Internal error"', "Internal error", True),
        (b'{"code":5,"message":"Job 1 not found","details":[]}', "Job 1 not found", True),
        (b'{"error":"x"}', '{"error": "x"}', True),
        (b"Not Found", "Not Found", False),
        (b"", "", False),
        (b"<html>\r\n\x1b[31m\x00bad\xff", "<html> [31m bad\ufffd", False),
        (b"[" * 100_000, "[" * (BODY_LIMIT - 1) + "…", False),
    ],
)
def test_a_body_is_read_whatever_its_kind(body: bytes, text: str, *, is_json: bool) -> None:
    assert reading(body) == (text, is_json)


@pytest.mark.parametrize(
    ("header", "pause"),
    [("7", timedelta(seconds=7)), ("99999999999999", timedelta(hours=1)), ("-1", None), ("", None), ("٣", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_the_other_side_may_name_a_pause(status: int, header: str, pause: timedelta | None) -> None:
    error = fault("asking", status, {"retry-after": header}, b"")

    assert isinstance(error, TransientError)
    assert error.retry_after == pause


def test_a_named_pause_is_not_cut_short_by_a_second_try() -> None:
    assert not isinstance(fault("asking", 503, {"retry-after": "7"}, b""), AGAIN)


@given(st.integers(300, 599), st.binary(max_size=2000))
def test_every_answer_is_some_error_of_bounded_length(status: int, body: bytes) -> None:
    assert len(fault("asking", status, {}, body).message) < BODY_LIMIT + 100


def test_white_space_around_a_token_is_no_part_of_it() -> None:
    assert usable(" abc\n", "acme") == "abc"


@pytest.mark.parametrize("token", ["", "  ", "canary\nInjected: x", "canary two", "canaré", "canary\x7f"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        usable(token, "acme")

    assert "canar" not in caught.value.message
