"""Untrusted text made plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.domain.plain import last_part, one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("progress 1\rprogress 2\r\n", "progress 1\nprogress 2\n"),
        ("\x1b[38;5;196mred\x1b[m", "red"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1b(Bplain\x1b=", "plain"),
        ("cut \x1b", "cut "),
        ("cut \x1b[1", "cut "),
        ("bell\x07 null\x00 c1\x9b", "bell null c1"),
        ("\u2067rtl\u2069 \ufefftext soft\u00adhyphen", "rtl text softhyphen"),
        ("half \ud800", "half "),
        ("a\x1b]0;no end\nthe next line", "a\nthe next line"),
        ("\u3164\u2800\u034fblank \U000e0100variant\ufe0f", "blank variant"),
        ("grüße 日本 🎉", "grüße 日本 🎉"),
    ],
)
def test_what_cannot_be_seen_is_removed(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters(), max_size=300), st.integers(1, 100))
def test_one_line_is_one_bounded_line(text: str, limit: int) -> None:
    line = one_line(text, limit)

    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


@given(st.text(max_size=100), st.integers(0, 120))
def test_the_last_part_is_bounded_and_is_the_end(text: str, limit: int) -> None:
    part = last_part(text, limit)

    assert len(part) <= limit
    assert text.endswith(part.removeprefix("… ")) or limit < 2
