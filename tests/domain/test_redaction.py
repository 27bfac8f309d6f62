"""Private keys, found in a text and in lines that come one by one."""

import pytest

from selfheald.domain.redaction import LONGEST_KEY, REDACTED, Lines, private_keys

BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
BODY = ["Proc-Type: 4,ENCRYPTED", "", *(f"{n}" + "Ab3/" * 15 for n in range(10, 14)), "abcd=="]
KEY = "\n".join([BEGIN, *BODY, END])


def without_keys(text: str) -> str:
    for span in sorted(private_keys(text), key=lambda span: -span.start):
        text = text[: span.start] + REDACTED + text[span.end :]
    return text


def line_by_line(text: str) -> list[str]:
    lines = Lines(without_keys)
    return [lines(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"a {KEY} b", f"a {REDACTED} b"),
        (f"{KEY}\n{KEY}", f"{REDACTED}\n{REDACTED}"),
        (KEY.replace("\n", "\\n"), REDACTED),
        ("\n".join([BEGIN, *BODY]), REDACTED),
        ("\n".join([BEGIN, *BODY, "All went well."]), f"{REDACTED}All went well."),
        ("\\n".join([BEGIN, *BODY[2:]]) + '"}', f'{REDACTED}"}}'),
        (f"{BEGIN}\nAll went well.", f"{REDACTED}\nAll went well."),
        (f"{BEGIN}\n", f"{REDACTED}\n"),
        (f"{BEGIN}{BEGIN}", REDACTED),
        (f"{BEGIN}\n" * 3 + "x y", f"{REDACTED}x y"),
        (f'{{"a": "{BEGIN}\\nabcd", "b": "{END}"}}', f'{{"a": "{REDACTED}", "b": "{REDACTED}"}}'),
        ("\n".join(f"12:00:01 {line}" for line in [BEGIN, *BODY[2:-1], END]), f"12:00:01 {REDACTED}"),
        (END, REDACTED),
        ("\n".join([*BODY[2:], END]) + " b", f"{REDACTED} b"),
        ("\n".join(["All went well.", *BODY[3:], END]), f"All went well.\n{REDACTED}"),
        ("\\n".join(['"' + BODY[2], *BODY[3:], END]), f'"{REDACTED}'),
        (f"{END}\n{BODY[3]}\n{END}", f"{REDACTED}{REDACTED}"),
        (f"12:00:01 {END}", f"12:00:01 {REDACTED}"),
        ("-----BEGIN CERTIFICATE-----\nabc", "-----BEGIN CERTIFICATE-----\nabc"),
        ("-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----"),
    ],
)
def test_private_keys_are_found(text: str, shown: str) -> None:
    assert without_keys(text) == shown


def test_an_end_too_far_away_ends_no_key() -> None:
    text = f"{BEGIN}\n" + "not a key at all\n" * (LONGEST_KEY // 10) + END

    assert without_keys(text).count("not a key") == LONGEST_KEY // 10


def test_a_rest_too_long_is_no_whole_key() -> None:
    lines = ["A" * 99] * (LONGEST_KEY // 50)

    assert without_keys("\n".join([*lines, END])).count("A" * 99) == LONGEST_KEY // 100


def test_a_key_that_comes_line_by_line_is_taken_out() -> None:
    text = f"before\n{KEY} and\nafter"

    assert line_by_line(text) == ["before", REDACTED, *[REDACTED] * len(BODY), f"{REDACTED} and", "after"]


def test_what_is_no_line_of_a_key_ends_it() -> None:
    assert line_by_line(f"{BEGIN}\n{BODY[3]}\nAll went well.\n{BODY[3]}") == [
        *(REDACTED, REDACTED),
        "All went well.",
        BODY[3],
    ]


def test_a_key_in_one_line_leaves_the_next_one_alone() -> None:
    assert line_by_line(f"x {BEGIN}abc{END}\nabcd") == [f"x {REDACTED}", "abcd"]


def test_no_key_goes_on_for_ever() -> None:
    shown = line_by_line(f"{BEGIN}\n" + f"{'A' * 99}\n" * (LONGEST_KEY // 50))

    assert shown.count(REDACTED) == 1 + LONGEST_KEY // 100
