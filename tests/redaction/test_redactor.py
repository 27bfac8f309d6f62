"""What holds for every text, whatever it says."""

import time
from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.redaction.forms import private_key, samples

from selfheald.domain.redaction import REDACTED
from selfheald.redaction.redactor import Redactor

VALUE = "q7Hs92LmXc04TrVbNz"
LINES = [line for _, _, line in samples()]
PIECES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(LINES),
    st.sampled_from(["token=", "://", "@", " ", "\n", '"', REDACTED, "password: ", "-----BEGIN PRIVATE KEY-----", "="]),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_second_time_changes_nothing(redact: Redactor, text: str) -> None:
    once = redact(text)

    assert redact(once) == once


@given(st.lists(PIECES, max_size=12).map("".join))
def test_spans_are_in_order_and_none_overlaps_another(redact: Redactor, text: str) -> None:
    spans = redact.find(text)

    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert all(span.rule for span in spans)


@given(st.uuids(), st.emails(), st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32))
def test_emails_hashes_and_uuids_stay(redact: Redactor, uuid: object, email: str, sha1: bytes, sha256: bytes) -> None:
    text = f"commit {sha1.hex()} of {email}: job {uuid}, image@sha256:{sha256.hex()}, token {uuid}, key {sha256.hex()}"

    assert redact(text) == text


@given(st.integers(0, 10**12), st.integers(0, 99), st.from_regex(r"[a-z]{1,12}(-[a-z]{1,12}){0,5}", fullmatch=True))
def test_numbers_versions_and_words_stay_even_under_telling_names(
    redact: Redactor, number: int, minor: int, words: str
) -> None:
    text = f"token: {number}\ntoken=v{minor}.{minor}.{number}\ntoken: {words}\npassword_file=/run/{words}/{words}.txt"

    assert redact(text) == text


def test_what_a_text_calls_a_secret_once_is_one_wherever_it_says_it(redact: Redactor) -> None:
    told = f"export DEPLOY_TOKEN={VALUE}\n$ echo $DEPLOY_TOKEN\n{VALUE}\n$ base64\n{b64encode(VALUE.encode()).decode()}"

    assert redact(told) == f"export DEPLOY_TOKEN={REDACTED}\n$ echo $DEPLOY_TOKEN\n{REDACTED}\n$ base64\n{REDACTED}"


def test_an_environment_in_base64_is_taken_out_as_a_whole(redact: Redactor) -> None:
    environment = f"HOME=/root\nDEPLOY_TOKEN={VALUE}\nPATH=/usr/bin:/bin\n" + "OTHER=1\n" * 20
    packed = b64encode(environment.encode()).decode()
    wrapped = "\n".join(packed[at : at + 76] for at in range(0, len(packed), 76))

    assert redact(f"$ env | base64\n{wrapped}\n$ next") == f"$ env | base64\n{REDACTED}\n$ next"


@pytest.mark.parametrize("length", range(57))
def test_other_lines_around_it_hide_no_base64(redact: Redactor, length: int) -> None:
    packed = b64encode(f"DEPLOY_TOKEN={VALUE}\nPATH=/usr/bin\n{'x' * (100 + length)}".encode()).decode()
    wrapped = "\n".join(packed[at : at + 76] for at in range(0, len(packed), 76))
    digest = "0123456789abcdef" * 4

    shown = redact(f"{digest}\n{wrapped}\n{digest}\n{wrapped}\n{digest}")

    assert packed[4:28] not in shown
    assert packed[-12:] not in shown
    assert shown.startswith(digest)


def test_harmless_base64_stays(redact: Redactor) -> None:
    packed = b64encode(b"Nothing but words, and then some more words, of no use to anybody.").decode()

    assert redact(f"data:text/plain;base64,{packed}") == f"data:text/plain;base64,{packed}"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"password={VALUE},next=1", f"password={REDACTED},next=1"),
        (f"PASSWORD='{VALUE} and more'", f"PASSWORD='{REDACTED} and more'"),
        (f"https://x?access_token={VALUE}&page=2", f"https://x?access_token={REDACTED}&page=2"),
        (f"https://bob:{VALUE}@example.com/x", f"https://bob:{REDACTED}@example.com/x"),
        (f"https://x-access-token:{VALUE}@example.com/x", f"https://x-access-token:{REDACTED}@example.com/x"),
        (f'{{"token":"{VALUE}","id":7}}', f'{{"token":"{REDACTED}","id":7}}'),
        (f"Authorization: Bearer {VALUE}", f"Authorization: Bearer {REDACTED}"),
        (f"İİİ password={VALUE}", f"İİİ password={REDACTED}"),
    ],
)
def test_only_the_value_goes(redact: Redactor, line: str, shown: str) -> None:
    assert redact(line) == shown


@pytest.mark.parametrize(
    "remark", ["# kingfisher:ignore", "# gitleaks:allow", "# pragma: allowlist secret", "<!-- -->"]
)
def test_a_text_cannot_ask_to_be_left_alone(redact: Redactor, remark: str) -> None:
    for name, secret, line in samples():
        assert secret not in redact(f"{line} {remark}"), name


def test_a_finding_names_its_rule_and_never_the_secret(redact: Redactor) -> None:
    spans = [span for line in LINES for span in redact.find(line)]

    assert {"token", "assignment", "address", "cookie", "credential"} <= {span.rule for span in spans}
    assert all(secret not in span.rule for span in spans for _, secret, _ in samples())


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----" + "A" * 64,
        "token=",
        "password: x",
        "://",
        "://a:b",
        "cookie:",
        "cookie=a=",
        "eyJ.",
        "eyJhbGciOi",
        "_eyJ",
        f"{'_eyJ' * 1_000}.{'_eyJ' * 1_990} ",
        "pwd:",
        f"{'pwd:' * 60} ",
        "ghp_",
        "sk-",
        "A" * 47 + "\n",
        "a-us1",
        "-u a:",
        "secretpasswordtokenkeyauth=",
        "\\n",
        "\n",
        "sig=",
        "ab.cd/",
        "İ",
    ],
)
def test_no_text_takes_long(redact: Redactor, text: str) -> None:
    hostile = text * (256 * 1024 // len(text))

    started = time.process_time()
    redact(hostile)

    assert time.process_time() - started < 5


def test_keys_without_an_end_take_what_looks_like_a_key_and_no_more(redact: Redactor) -> None:
    key = private_key(lines=3).splitlines()[:-1]

    assert redact("\n".join([*key, "Then all went well."])) == f"{REDACTED}Then all went well."


def test_without_the_librarys_rules_the_others_hold() -> None:
    redact = Redactor(lambda: ["known-value-of-ours"])

    assert redact(f"known-value-of-ours ghp_{'a1' * 18} token={VALUE}") == f"{REDACTED} {REDACTED} token={REDACTED}"
