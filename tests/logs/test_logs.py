"""Logs in one form, without secrets."""

import io
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from selfheald.domain.redaction import REDACTED
from selfheald.logs import configure
from selfheald.redaction.redactor import Redactor

SECRETS = ["canary-token/1", "short", "-----BEGIN KEY-----\ncanary-line\n-----END KEY-----"]

Lines = Callable[[], list[dict[str, Any]]]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("selfheald").setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def lines() -> Lines:
    stream = io.StringIO()
    configure("auto", "info", Redactor(lambda: SECRETS), stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def log() -> Any:
    return structlog.get_logger("selfheald.test")


def test_an_event_is_one_line_of_json_with_its_time_level_and_origin(lines: Lines) -> None:
    log().info("case_opened", case=7, project="billing")

    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "case_opened",
        "level": "info",
        "logger": "selfheald.test",
        "case": 7,
        "project": "billing",
    }


def test_bound_context_is_on_every_line_of_ours_and_of_libraries(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(attempt_id=3):
        log().info("agent_started")
        logging.getLogger("urllib3").warning("slow %s", "answer")

    assert [line["attempt_id"] for line in lines()] == [3, 3]
    assert lines()[1]["event"] == "slow answer"


def test_libraries_are_heard_from_warning_on(lines: Lines) -> None:
    for name in ("uvicorn", "apscheduler", "httpx", "github"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")

    assert [line["event"] for line in lines()] == ["trouble"] * 4


def test_the_level_holds_for_our_own_events(lines: Lines) -> None:
    log().debug("hidden")
    log().info("shown")

    assert [line["event"] for line in lines()] == ["shown"]


def test_a_second_configuration_takes_the_place_of_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("json", "info", Redactor(list), stream=first)
    configure("json", "debug", Redactor(list), stream=second)

    log().debug("shown")

    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_a_terminal_gets_colours_and_everything_else_json() -> None:
    terminal, forced = Terminal(), io.StringIO()
    configure("auto", "info", Redactor(list), stream=terminal)
    log().info("shown")
    configure("console", "info", Redactor(list), stream=forced)
    log().info("shown")

    assert "\x1b[" in terminal.getvalue()
    assert "\x1b[" not in forced.getvalue()
    assert "shown" in forced.getvalue()
    assert not forced.getvalue().startswith("{")


@pytest.mark.parametrize(
    "value",
    [
        "canary-token/1",
        "https://x/?q=canary-token%2F1",
        b"bytes of canary-token/1",
        ["a", {"b": ("canary-token/1",)}],
        {"canary-token/1": "x"},
        ValueError("refused canary-token/1"),
        "key: canary-line",
        b64encode(b"x-access-token:canary-token/1").decode(),
        [[[[[[[["canary-token/1"]]]]]]]],
    ],
)
def test_a_known_secret_never_shows_in_any_form(lines: Lines, value: object) -> None:
    log().info("event", value=value)

    (line,) = lines()
    assert "canary" not in json.dumps(line)
    assert b64encode(b"x-access-token:canary").decode()[:20] not in json.dumps(line)


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" + "canary" * 5,
        "github_pat_" + "canary_" * 5,
        "sk-proj-" + "canary" * 5,
        "https://user:canary@github.com/a/b.git",
        "Authorization: Bearer canarycanarycanary==",
        "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncanary",
    ],
)
def test_what_looks_like_a_token_is_hidden_though_nobody_knows_it(lines: Lines, text: str) -> None:
    log().info(text, value=text)
    logging.getLogger("httpx").error("sent %s", text)

    assert "canary" not in json.dumps(lines())


@pytest.mark.parametrize("key", ["token", "api_key", "github_token", "Authorization", "private-key", "password"])
def test_a_value_under_a_telling_key_is_hidden(lines: Lines, key: str) -> None:
    log().info("event", **{key: "plain", "inner": {key: "plain"}})

    (line,) = lines()
    assert line[key] == line["inner"][key] == REDACTED


def test_counts_of_tokens_and_short_words_stay_readable(lines: Lines) -> None:
    log().info("a short summary", input_tokens=12, tokens="12", token=3, ok=True, nothing=None)

    (line,) = lines()
    assert (line["event"], line["input_tokens"], line["tokens"], line["token"]) == ("a short summary", 12, "12", 3)


def test_an_exception_is_told_without_the_secret(lines: Lines) -> None:
    try:
        raise ValueError("refused canary-token/1")  # noqa: TRY301 - an exception with a traceback is the point
    except ValueError:
        log().exception("sweep_broke")
        logging.getLogger("asyncio").exception("task broke")

    assert len(lines()) == 2
    for line in lines():
        assert "Traceback" in line["exception"]
        assert "canary" not in json.dumps(line)


def test_console_output_carries_exceptions_too() -> None:
    stream = io.StringIO()
    configure("console", "info", Redactor(lambda: SECRETS), stream=stream)
    try:
        raise ValueError("refused canary-token/1")  # noqa: TRY301 - an exception with a traceback is the point
    except ValueError:
        log().exception("sweep_broke")

    assert "Traceback" in stream.getvalue()
    assert "canary" not in stream.getvalue()


def test_long_values_are_cut_and_terminals_are_not_obeyed(lines: Lines) -> None:
    log().info("event", excerpt="x" * 5_000, name="\x1b[2Jred\x9b\nnext")

    (line,) = lines()
    assert line["excerpt"].endswith("… (3000 more)")
    assert line["name"] == "\\x1b[2Jred\\x9b\nnext"
