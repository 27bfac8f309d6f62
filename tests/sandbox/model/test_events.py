"""Server-sent events, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.sandbox.model.events import EventReader

LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data:  c",
        'data: {"usage": 1}',
        "event: x",
        ": a comment",
        "id: 1",
        "data",
        "",
        "",
        "retry: 5",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=15), st.data())
def test_chunks_cut_anywhere_give_the_same_events(lines: list[tuple[str, str]], data: st.DataObject) -> None:
    stream = "".join(line + end for line, end in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert read(chunks) == slowly([line for line, _ in lines], stream)


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_no_bytes_are_too_odd(chunks: list[bytes]) -> None:
    reader = EventReader(largest=30)
    for chunk in chunks:
        list(reader.feed(chunk))
        assert sum(map(len, reader._line)) + sum(map(len, reader._data)) <= 30
    list(reader.end())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_that_is_too_large_is_left_out_and_the_next_one_is_read(end: str) -> None:
    large = f"data: {'x' * 50}{end}data: more{end}{end}"
    stream = f"data: before{end}{end}{large}data: after{end}{end}".encode()

    assert read([stream], largest=40) == [b"before", b"after"]
    assert read([bytes([byte]) for byte in stream], largest=40) == [b"before", b"after"]


def test_the_last_event_needs_no_empty_line() -> None:
    assert read([b"data: a\n\nda", b"ta: b"]) == [b"a", b"b"]


def test_a_byte_order_mark_and_several_lines_of_data() -> None:
    assert read([b"\xef\xbb\xbfdata: a\ndata: b\n\n"]) == [b"a\nb"]


def test_comments_and_names_do_not_add_up_to_a_large_event() -> None:
    assert read([b": keep-alive\n" * 100 + b"data: a\n\n"], largest=40) == [b"a"]


def read(chunks: list[bytes], *, largest: int = 10_000) -> list[bytes]:
    reader = EventReader(largest=largest)
    return [event for chunk in chunks for event in reader.feed(chunk)] + list(reader.end())


def slowly(lines: list[str], stream: bytes) -> list[bytes]:
    """The standard's algorithm, over whole lines."""
    events: list[bytes] = []
    data: list[str] = []
    for line in [*joined(lines, stream), ""]:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            events += [text.encode()] if (text := "\n".join(data)) else []
            data = []
    return events


def joined(lines: list[str], stream: bytes) -> list[str]:
    """The lines as the stream has them: a carriage return and a line feed that meet are one end."""
    return stream.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")[: len(lines) + 1]
