import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.semaphore import payloads

from selfheald.domain.errors import TransientError
from selfheald.semaphore import logstream
from selfheald.semaphore.logstream import LogStream


def read(document: bytes, size: int) -> tuple[list[object], int | None]:
    stream = LogStream()
    events: list[object] = []
    for start in range(0, len(document), size):
        events += stream.feed(document[start : start + size])
    events += stream.close()
    return events, stream.following


@given(st.integers(1, 100), st.sampled_from([None, 1]), st.sampled_from([("next", "events"), ("events", "next")]))
def test_events_come_out_whatever_the_pieces(size: int, indent: int | None, order: tuple[str, str]) -> None:
    log = [*payloads.failing_log(), payloads.output('é "quoted", ]}] ☃')]
    document: payloads.Payload = {"next": 7, "events": log}
    spaced = json.dumps({key: document[key] for key in order}, ensure_ascii=False, indent=indent)

    assert read(spaced.encode(), size) == (log, 7)


@pytest.mark.parametrize(
    ("document", "events", "following"),
    [
        (b'{"events":[],"next":null}', [], None),
        (b'{"events":[]}', [], None),
        (b'{"events":null,"next":0}', [], 0),
        (b'  { "events" : [ {} ] , "next" : 3 } ', [{}], 3),
        (b'{"events":[{"output":"\xff"}]}', [{"output": "\ufffd"}], None),
        (b'{"events":[],"next":"x"}', [], None),
    ],
)
def test_a_document_may_be_empty_or_the_last(document: bytes, events: list[object], following: int | None) -> None:
    assert read(document, 1000) == (events, following)


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b'"events"', b"Not Found", b'{"events":[{"a":1}', b'{"events":[{"a":', b'{"events":[}]}', b"{}",
     b'{"events":[] x', b'{"events":[1]]}'],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_no_whole_log_may_be_tried_again(document: bytes, size: int) -> None:
    with pytest.raises(TransientError):
        read(document, size)


def test_a_large_event_is_not_read_again_with_every_piece() -> None:
    log = [payloads.output("x" * 20_000_000), payloads.output("end")]

    events, _ = read(json.dumps({"events": log}).encode(), 4096)

    assert events == log


def test_a_document_that_never_gets_to_its_events_is_given_up() -> None:
    with pytest.raises(TransientError, match="no list of events"):
        read(b'{"x": "' + b"y" * 100_000 + b'"}', 1000)


def test_an_event_without_end_is_given_up() -> None:
    document = b'{"events":[{"output":"' + b"x" * (logstream.EVENT_LIMIT + 2**22)

    with pytest.raises(TransientError, match="too large"):
        read(document, 2**22)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(junk: bytes) -> None:
    for document in (junk, b'{"events":[' + junk, b'{"events":[{}' + junk + b"]}"):
        try:
            read(document, 7)
        except TransientError:
            continue
