"""Known values are taken out in every form in which they travel."""

import html
import json
import re
import textwrap
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.redaction.forms import private_key

from selfheald.domain.redaction import REDACTED
from selfheald.redaction.redactor import Redactor

SECRET = "a/Kn0wn+secr=et&with?signs~and#more"

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "quoted for an address": lambda secret: quote(secret, safe=""),
    "quoted for a path": quote,
    "quoted as a form does it": quote_plus,
    "quoted in small letters": lambda secret: re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
    "in a query": lambda secret: urlencode({"token": secret}),
    "in JSON": lambda secret: json.dumps({"token": secret}),
    "in JSON as PHP writes it": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "in HTML": html.escape,
    "in hexadecimal": lambda secret: secret.encode().hex(),
    "in large hexadecimal": lambda secret: secret.encode().hex().upper(),
    "in base64": lambda secret: b64encode(secret.encode()).decode(),
    "in base64 for addresses": lambda secret: urlsafe_b64encode(secret.encode()).decode(),
    "in base64 behind a user": lambda secret: b64encode(f"x-access-token:{secret}".encode()).decode(),
}


@pytest.fixture(scope="module")
def plainly() -> Redactor:
    """A redaction that knows one secret, without the library: it has to be found by its value alone."""
    return Redactor(lambda: [SECRET])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "secret", [SECRET, "k" * 40, "0123456789abcdef01234567", "ümläut-Schlüssel-für-alle", '"\\quoted\\"']
)
def test_a_known_value_is_taken_out_in_every_form(form: str, secret: str) -> None:
    shown = Redactor(lambda: [secret])(f"it says {FORMS[form](secret)} to all")

    assert FORMS[form](secret) not in shown
    assert secret not in shown
    assert REDACTED in shown


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
@example(b"", b"", False)  # noqa: FBT003 - Hypothesis takes them in order
@example(b"x", b"", True)  # noqa: FBT003
@example(b"xy", b"y", False)  # noqa: FBT003
def test_base64_hides_a_known_value_at_no_place(before: bytes, after: bytes, for_addresses: bool) -> None:  # noqa: FBT001
    encode = urlsafe_b64encode if for_addresses else b64encode
    packed = encode(before + SECRET.encode() + after).decode()

    shown = Redactor(lambda: [SECRET])(packed)

    inner = len(before) * 8 // 6 + 4
    assert packed[inner : inner + 12] not in shown
    assert REDACTED in shown


@pytest.mark.parametrize("width", [20, 64, 76])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\\n", "\n      "])
@pytest.mark.parametrize("form", ["plain", "in base64", "in hexadecimal"])
def test_line_breaks_within_it_hide_nothing(plainly: Redactor, width: int, ending: str, form: str) -> None:
    encoded = FORMS[form]("the user's name and " + SECRET + " and more of this kind")
    broken = ending.join(encoded[at : at + width] for at in range(0, len(encoded), width))

    shown = plainly(broken)

    assert SECRET not in "".join(shown.split(ending))
    assert REDACTED in shown
    assert len(shown) < len(broken) - len(SECRET) + 2 * len(REDACTED)


def test_a_text_that_was_cut_within_a_known_value_shows_no_part_of_it(plainly: Redactor) -> None:
    text = f"before {SECRET} after"

    for at in range(12, len(SECRET)):
        cut = len("before ") + at
        assert plainly(text[:cut]) == f"before {REDACTED}"
        assert plainly(text[len(text) - len(" after") - at :]) == f"{REDACTED} after"


@pytest.mark.parametrize("how", ["plain", "quoted for an address", "in hexadecimal", "in base64"])
@pytest.mark.parametrize("at", [120, 333, 777, 1111, 1555])
def test_a_known_key_whose_middle_was_left_out_shows_no_part_of_itself(how: str, at: int) -> None:
    key = private_key()
    text = FORMS[how](key)

    for shown in (
        f"{text[:at]} … 99 characters … {text[at + 99 :]}",
        f"… {text[at:]}",
        f"one\n\0\n{text[at:]}\n\0\ntwo",
    ):
        told = Redactor(lambda: [key])(shown)
        left = {told[start : start + 16] for start in range(len(told) - 15)}
        assert not any(text[start : start + 16] in left for start in range(len(text) - 15))


def test_each_line_of_a_known_key_is_known_alone() -> None:
    key = private_key()
    redact = Redactor(lambda: [key])
    lines = key.splitlines()

    assert redact(f"the third line is {lines[3]}, they say") == f"the third line is {REDACTED}, they say"
    assert redact("-----BEGIN CERTIFICATE-----") == "-----BEGIN CERTIFICATE-----"


def test_short_values_tear_no_texts_apart() -> None:
    assert Redactor(lambda: ["abc", "", "a"])("abc and a") == "abc and a"
    assert Redactor(lambda: ["redact"])("it is [redacted]") == "it is [redacted]"


def test_a_rotated_value_is_known_at_once() -> None:
    known = ["the-first-value"]
    redact = Redactor(lambda: known)
    text = "the-first-value the-second-value"

    assert redact(text) == f"{REDACTED} the-second-value"
    known.append("the-second-value")
    assert redact(text) == f"{REDACTED} {REDACTED}"


def test_values_within_each_other_leave_nothing_over() -> None:
    redact = Redactor(lambda: ["the-inner-value", "around-the-inner-value-and-more"])

    assert redact("x around-the-inner-value-and-more y") == f"x {REDACTED} y"


@given(st.text(max_size=200), st.text(max_size=200))
def test_whatever_stands_around_it_a_known_value_is_taken_out(before: str, after: str) -> None:
    redact = Redactor(lambda: [SECRET])

    shown = redact(before + SECRET + after)

    assert SECRET not in shown
    assert redact(shown) == shown


def test_wrapped_as_mail_does_it(plainly: Redactor) -> None:
    text = "\n".join(textwrap.wrap(b64encode((f"export X='{SECRET}'\n" * 9).encode()).decode(), 76))

    shown = plainly(text)

    assert len(shown) < len(text) / 2
