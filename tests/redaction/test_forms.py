"""Well-known forms of tokens are taken out, and honest lines stay as they are."""

from pathlib import Path

import pytest
from tests.redaction.forms import private_key, samples

from selfheald.domain.redaction import REDACTED
from selfheald.redaction.redactor import Redactor

SAMPLES = {name: (secret, line) for name, secret, line in samples()}
HONEST = (Path(__file__).parent / "honest.txt").read_text().splitlines()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_token_of_a_well_known_form_is_taken_out(redact: Redactor, name: str) -> None:
    secret, line = SAMPLES[name]

    shown = redact(f"a line before\n{line}\nand one after")

    assert not left_of(secret, shown), shown
    assert REDACTED in shown
    assert shown.startswith("a line before\n")
    assert shown.endswith("\nand one after")


@pytest.mark.parametrize("seed", range(2, 7))
def test_it_does_not_depend_on_chance(redact: Redactor, seed: int) -> None:
    missed = [name for name, secret, line in samples(seed) if left_of(secret, redact(line))]

    assert missed == []


def test_all_forms_in_one_text_are_taken_out(redact: Redactor) -> None:
    shown = redact("\n".join(line for _, line in SAMPLES.values()))

    assert [name for name, (secret, _) in SAMPLES.items() if left_of(secret, shown)] == []


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\\n", "\n  "])
def test_a_private_key_is_taken_out_with_all_its_lines(redact: Redactor, kind: str, ending: str) -> None:
    key = private_key(kind)

    assert redact(f"before {key.replace(chr(10), ending)} after") == f"before {REDACTED} after"


def test_there_are_enough_honest_lines_and_forms() -> None:
    assert len(set(HONEST)) >= 200
    assert len(SAMPLES) >= 100


@pytest.mark.parametrize("line", HONEST)
def test_an_honest_line_stays_as_it_is(redact: Redactor, line: str) -> None:
    assert redact(line) == line


def test_honest_lines_stay_as_they_are_together_too(redact: Redactor) -> None:
    text = "\n".join(HONEST)

    assert redact(text) == text


def left_of(secret: str, shown: str) -> bool:
    """Whether a telling part of a secret still shows: twelve characters of it in a row."""
    return any(secret[at : at + 12] in shown for at in range(max(1, len(secret) - 11)))
