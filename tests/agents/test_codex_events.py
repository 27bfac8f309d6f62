"""How Codex's events are read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheald.agents.codex_events import MESSAGE_LIMIT, WAITS_LIMIT, Story, event_of, line_about, outcome_of, told
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.limits import Limit
from selfheald.ports import Exit

USAGE = {"input_tokens": 6000, "cached_input_tokens": 2560, "cache_write_input_tokens": 0, "output_tokens": 210}
STARTED: list[dict[str, Any]] = [{"type": "thread.started", "thread_id": "01a2"}, {"type": "turn.started"}]
DONE = {"type": "turn.completed", "usage": USAGE}
NOT_FATAL = {"type": "item.completed", "item": {"type": "error", "message": "Model metadata for x not found"}}
RECONNECTING = {"type": "error", "message": "Reconnecting... 1/5 (stream disconnected before completion)"}
NO_NETWORK = {"type": "error", "message": "Reconnecting... waiting for network (error sending request)"}


def message(text: str) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": text}}


def changed(*changes: Any) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"type": "file_change", "changes": list(changes)}}


def over(limit: Limit) -> Exit:
    return Exit(code=None, timed_out=False, seconds=12.3, stderr="", limit=limit)


def failed(text: str) -> dict[str, Any]:
    return {"type": "turn.failed", "error": {"message": text}}


def story(*events: Any) -> Story:
    known = Story(usage=Usage(model="gpt-5.5"))
    for event in (*STARTED, *events):
        known = told(known, event)
    return known


def ended(code: int | None = 0, *, timed_out: bool = False, stderr: str = "") -> Exit:
    return Exit(code=code, timed_out=timed_out, seconds=12.3, stderr=stderr)


def test_a_limit_of_the_sandbox_ends_it_by_name() -> None:
    known = outcome_of(story(DONE), over(Limit.MEMORY))

    assert known == (AttemptOutcome.LIMIT_REACHED, "it reached its limit: `sandbox_limits.memory`")


def test_a_completed_turn_is_done_with_the_last_message_and_its_usage() -> None:
    known = story(message("Running the tests."), NOT_FATAL, RECONNECTING, message("Fixed add()."), DONE)

    assert outcome_of(known, ended()) == (AttemptOutcome.FIXED, "")
    assert known.message == "Fixed add()."
    assert known.usage == Usage(model="gpt-5.5", input_tokens=6000, cached_input_tokens=2560, output_tokens=210)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("unexpected status 401 Unauthorized: no key, url: http://x", AttemptOutcome.AUTH_ERROR),
        ("unexpected status 403 Forbidden", AttemptOutcome.AUTH_ERROR),
        ("Missing environment variable: `KEY`", AttemptOutcome.AUTH_ERROR),
        ("exceeded retry limit, last status: 429 Too Many Requests", AttemptOutcome.RATE_LIMITED),
        ("Quota exceeded. Check your plan and billing details.", AttemptOutcome.RATE_LIMITED),
        ("unexpected status 500 Internal Server Error", AttemptOutcome.MODEL_DOWN),
        ("exceeded retry limit, last status: 503 Service Unavailable", AttemptOutcome.MODEL_DOWN),
        ("stream closed before response.completed", AttemptOutcome.MODEL_DOWN),
        ("idle timeout waiting for SSE", AttemptOutcome.MODEL_DOWN),
        ("Connection failed: error sending request", AttemptOutcome.MODEL_DOWN),
        ("Invalid prompt: your prompt was flagged as potentially violating our usage policy", AttemptOutcome.REFUSED),
        ("Codex ran out of room in the model's context window", AttemptOutcome.CRASHED),
    ],
)
def test_a_failed_turn_tells_its_kind(text: str, outcome: AttemptOutcome) -> None:
    assert outcome_of(story(RECONNECTING, failed(text)), ended(1)) == (outcome, text)


@pytest.mark.parametrize("error", [None, {}, {"message": ""}, {"message": 7}, "text"])
def test_a_failed_turn_without_a_reason_is_a_crash(error: object) -> None:
    assert outcome_of(story({"type": "turn.failed", "error": error}), ended(1)) == (
        AttemptOutcome.CRASHED,
        "no reason given",
    )


def test_an_exit_without_a_final_event_is_a_crash_whatever_its_code() -> None:
    outcome, note = outcome_of(story(message("Fixed.")), ended(0, stderr="\x1b[31mpanicked at\x1b[0m main.rs\n"))

    assert outcome is AttemptOutcome.CRASHED
    assert note == "it ended without a result, exit code 0. panicked at main.rs"


def test_a_crash_without_last_words_tells_the_last_trouble() -> None:
    _, note = outcome_of(story(RECONNECTING), ended(101))

    assert note.endswith("exit code 101. Reconnecting... 1/5 (stream disconnected before completion)")


def test_a_completed_turn_with_a_bad_exit_is_not_believed() -> None:
    assert outcome_of(story(DONE), ended(101))[0] is AttemptOutcome.CRASHED


def test_the_time_limit_is_told() -> None:
    outcome, note = outcome_of(story(), ended(None, timed_out=True))

    assert (outcome, note) == (AttemptOutcome.TIMEOUT, "it was ended after 12 s.")


def test_a_result_before_the_time_limit_counts() -> None:
    assert outcome_of(story(DONE), ended(None, timed_out=True))[0] is AttemptOutcome.FIXED


def test_waiting_for_the_network_again_and_again_is_hopeless() -> None:
    known = story(*[NO_NETWORK] * WAITS_LIMIT)

    assert known.hopeless
    assert outcome_of(known, ended(None))[0] is AttemptOutcome.MODEL_DOWN


def test_any_progress_gives_new_hope() -> None:
    step = {"type": "item.started", "item": {"type": "command_execution", "command": "ls"}}

    nearly = [NO_NETWORK] * (WAITS_LIMIT - 1)

    assert not story(*nearly, step, *nearly, message("x"), *nearly).hopeless


def test_a_second_turn_adds_to_the_usage_and_undoes_a_failure() -> None:
    known = story(failed("stream closed"), DONE, {"type": "turn.completed", "usage": {**USAGE, "input_tokens": -1}})

    assert known.usage.output_tokens == 420
    assert known.usage.input_tokens == 6000
    assert outcome_of(known, ended())[0] is AttemptOutcome.FIXED


def test_a_turn_without_usage_counts_nothing() -> None:
    assert story({"type": "turn.completed"}).usage == Usage(model="gpt-5.5")


def test_the_final_message_is_plain_and_bounded() -> None:
    known = story(message("\x1b[31m" + "x" * 20_000 + "end"))

    assert len(known.message) == MESSAGE_LIMIT
    assert known.message.endswith("end")


@pytest.mark.parametrize("line", [b"", b"plain text", b"[1]", b"7", b'{"type": ', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_event_is_passed_over(line: bytes) -> None:
    assert event_of(line) == {}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"type": "item.started", "item": {"type": "command_execution", "command": "pytest\n-q"}}, "$ pytest -q"),
        ({"type": "item.completed", "item": {"type": "command_execution", "exit_code": 3}}, "exit code 3"),
        ({"type": "item.completed", "item": {"type": "command_execution", "exit_code": 0}}, ""),
        ({"type": "item.completed", "item": {"type": "command_execution", "exit_code": None}}, ""),
        (message("On it.\nNow."), "On it. Now."),
        (
            {
                "type": "item.completed",
                "item": {"type": "file_change", "changes": [{"path": "/tree/a", "kind": "add"}]},
            },
            "add /tree/a",
        ),
        (NO_NETWORK, "Reconnecting... waiting for network (error sending request)"),
        (failed("no"), "no"),
        (DONE, ""),
        ({}, ""),
    ],
)
def test_progress_is_told_in_short_lines(event: dict[str, Any], line: str) -> None:
    assert line_about(event) == line


WORDS = ["type", "item", "message", "text", "usage", "error", "changes", "command", "exit_code", "input_tokens"]
TYPES = ["item.completed", "item.started", "turn.completed", "turn.failed", "error", "agent_message", "file_change"]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(WORDS), JSON | st.sampled_from(TYPES)))
def test_no_event_upsets_the_reader(event: dict[str, Any]) -> None:
    read = event_of(json.dumps(event).encode())

    assert isinstance(told(Story(), read), Story)
    assert len(line_about(read)) <= 200
