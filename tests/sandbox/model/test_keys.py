"""The key: read anew for each request, put on outside, and never to be seen inside."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.model.forms import FORMS, RESPONSES, Form
from tests.sandbox.model.provider import provider, says, sends
from tests.sandbox.model.rig import KEY, proxied
from tests.sandbox.model.test_passing import each_form

from selfheald.sandbox.model.scrub import IN_ITS_PLACE, Scrubber
from selfheald.settings.secret import Secret


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged, by our own and by other libraries' logs, before the daemon's logs take known secrets out."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(text), cache_logger_on_first_use=False)
    yield text
    structlog.configure(**before)
    root.removeHandler(handler)
    root.setLevel(level)


async def test_a_rotated_key_is_used_by_the_next_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first-key\n")
    secret = Secret(file=file)
    async with provider(says(RESPONSES.whole)) as model, proxied(model.url, key=secret.read) as agent:
        await agent.ask(RESPONSES)
        file.write_text("another-key\n")
        await agent.ask(RESPONSES)

        assert [seen.headers["authorization"] for seen in model.seen] == ["Bearer first-key", "Bearer another-key"]


@each_form
async def test_a_key_that_cannot_be_read_is_an_error_of_authentication(form: Form, tmp_path: Path) -> None:
    secret = Secret(file=tmp_path / "nothing")
    async with provider(says({})) as model, proxied(model.url, key=secret.read) as agent:
        answer = await agent.ask(form)

        assert (answer.status_code, model.seen) == (401, [])
        assert "cannot be read" in answer.text
        assert str(tmp_path) not in answer.text
        assert agent.refusals == []


@pytest.mark.parametrize("key", ["two\r\nlines: canary", "canary-ü"])
async def test_a_key_that_is_no_header_is_shown_nowhere(key: str, logged: io.StringIO) -> None:
    async with provider(says({})) as model, proxied(model.url, key=lambda: key) as agent:
        answer = await agent.ask(RESPONSES)

        assert (answer.status_code, model.seen) == (401, [])
        assert "canary" not in answer.text + logged.getvalue()


@each_form
async def test_a_key_that_the_provider_echoes_does_not_come_through(form: Form, logged: io.StringIO) -> None:
    echo = sends(
        [f'{{"error": "the key {KEY[:7]}'.encode(), f'{KEY[7:]} is wrong: {KEY}"}}'.encode()],
        status=403,
        headers=(("content-type", "application/json"), ("x-request-id", KEY)),
    )
    async with provider(echo) as model, proxied(model.url) as agent:
        answer = await agent.ask(form)

        assert answer.json() == {"error": "the key [redacted] is wrong: [redacted]"}
        assert KEY not in f"{answer.headers}{agent.proxy.metered()}{agent.refusals}" + logged.getvalue()


async def test_a_provider_that_cannot_be_reached_shows_the_key_to_nobody(logged: io.StringIO) -> None:
    async with proxied("http://127.0.0.1:9/v1") as agent:
        answers = [await agent.ask(form) for form in FORMS]

        assert [answer.status_code for answer in answers] == [502] * 4
        assert KEY not in "".join(answer.text for answer in answers) + logged.getvalue()
        assert "could not be reached" in logged.getvalue(), "the logs are looked at"


@given(st.text("ab", min_size=1, max_size=5), st.lists(st.text("abc", max_size=6), max_size=12))
def test_a_key_is_taken_out_wherever_it_is_cut(secret: str, chunks: list[str]) -> None:
    scrubber = Scrubber(secret)

    passed = b"".join(scrubber.feed(chunk.encode()) for chunk in chunks) + scrubber.end()

    assert passed == "".join(chunks).encode().replace(secret.encode(), IN_ITS_PLACE)


def test_what_cannot_become_the_key_goes_through_at_once() -> None:
    scrubber = Scrubber("secret")

    assert scrubber.feed(b"data: x\n\n") == b"data: x\n\n"
    assert scrubber.feed(b"data: sec") == b"data: "
    assert scrubber.feed(b"ond") == b"second"
    assert Scrubber("").feed(b"x") == b"x"
