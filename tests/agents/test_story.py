"""What agents tell, in shared words, and what their ends mean."""

from datetime import timedelta
from typing import Any

import pytest

from selfheald.agents.ends import outcome_of
from selfheald.agents.story import MESSAGE_LIMIT, WAITS_LIMIT, Story, told
from selfheald.agents.words import Did, Done, Failed, Said, Spent, Trouble, Turn, Word, event_of, lines_of
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.limits import Limit
from selfheald.ports import Exit

WAITS = Trouble("Reconnecting... waiting for network", waits=True)


def story(*words: Word) -> Story:
    return told(Story(usage=Usage(model="m")), words)


def ended(code: int | None = 0, *, timed_out: bool = False, stderr: str = "", limit: Limit | None = None) -> Exit:
    return Exit(code=code, timed_out=timed_out, seconds=12.3, stderr=stderr, limit=limit)


def test_who_says_that_it_is_done_is_believed_with_a_good_exit_only() -> None:
    known = story(Said("Running."), Trouble("again"), Said("Fixed."), Done())

    assert known.message == "Fixed."
    assert outcome_of(known, ended()) == (AttemptOutcome.FIXED, "")
    assert outcome_of(known, ended(101))[0] is AttemptOutcome.CRASHED


def test_an_exit_without_a_final_word_is_a_crash_whatever_its_code() -> None:
    outcome, note = outcome_of(story(Said("Fixed.")), ended(0, stderr="\x1b[31mpanicked\x1b[0m\n"))

    assert (outcome, note) == (AttemptOutcome.CRASHED, "it ended without a result, exit code 0. panicked")


def test_a_crash_without_last_words_tells_the_last_trouble() -> None:
    assert outcome_of(story(Trouble("no luck")), ended(1))[1].endswith("exit code 1. no luck")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("unexpected status 401 Unauthorized: no key, url: http://x", AttemptOutcome.AUTH_ERROR),
        ("unexpected status 403 Forbidden", AttemptOutcome.AUTH_ERROR),
        ("Missing environment variable: `KEY`", AttemptOutcome.AUTH_ERROR),
        ('[API Error: {"error":{"code":403,"message":"no"}}]', AttemptOutcome.AUTH_ERROR),
        ("Failed to authenticate. API Error: 401 no", AttemptOutcome.AUTH_ERROR),
        ("Not logged in", AttemptOutcome.AUTH_ERROR),
        ("exceeded retry limit, last status: 429 Too Many Requests", AttemptOutcome.RATE_LIMITED),
        ("API Error: Request rejected (429)", AttemptOutcome.RATE_LIMITED),
        ("Quota exceeded. Check your plan and billing details.", AttemptOutcome.RATE_LIMITED),
        ("Rate limit reached for requests", AttemptOutcome.RATE_LIMITED),
        ("unexpected status 500 Internal Server Error", AttemptOutcome.MODEL_DOWN),
        ("exceeded retry limit, last status: 503 Service Unavailable", AttemptOutcome.MODEL_DOWN),
        ("API Error: 529 Overloaded", AttemptOutcome.MODEL_DOWN),
        ("stream closed before response.completed", AttemptOutcome.MODEL_DOWN),
        ("idle timeout waiting for SSE", AttemptOutcome.MODEL_DOWN),
        ("Connection failed: error sending request", AttemptOutcome.MODEL_DOWN),
        ("exception TypeError: fetch failed", AttemptOutcome.MODEL_DOWN),
        ("The model does not exist or you do not have access", AttemptOutcome.MODEL_DOWN),
        ("Invalid prompt: flagged as potentially violating our usage policy", AttemptOutcome.REFUSED),
        ("Opus 5.5's safeguards flagged this message", AttemptOutcome.REFUSED),
        ("Codex ran out of room in the model's context window", AttemptOutcome.CRASHED),
        ("status 400: bad", AttemptOutcome.CRASHED),
    ],
)
def test_a_failure_is_named_by_its_words(text: str, outcome: AttemptOutcome) -> None:
    assert outcome_of(story(WAITS, Said("x"), Failed(text)), ended(1)) == (
        outcome if outcome is not AttemptOutcome.CRASHED else AttemptOutcome.MODEL_DOWN,
        text,
    )
    assert outcome_of(story(Failed(text)), ended(1)) == (outcome, text)


def test_a_failure_without_words_of_its_own_is_named_by_what_came_before() -> None:
    assert (
        outcome_of(story(Trouble("failed with status 429"), Failed("no")), ended(1))[0] is AttemptOutcome.RATE_LIMITED
    )


@pytest.mark.parametrize("why", [None, {}, "", 7])
def test_a_failure_without_a_reason_is_a_crash(why: object) -> None:
    assert outcome_of(story(Failed(why)), ended(1)) == (AttemptOutcome.CRASHED, "no reason given")


def test_a_failure_that_names_its_outcome_is_believed() -> None:
    known = story(Failed("status 401", AttemptOutcome.TURNS_USED_UP))

    assert outcome_of(known, ended(1))[0] is AttemptOutcome.TURNS_USED_UP


def test_an_end_after_a_failure_undoes_it() -> None:
    assert outcome_of(story(Failed("stream closed"), Done()), ended())[0] is AttemptOutcome.FIXED
    assert outcome_of(story(Done(), Failed("stream closed")), ended())[0] is AttemptOutcome.MODEL_DOWN


def test_the_time_limit_and_silence_are_told() -> None:
    assert outcome_of(story(), ended(None, timed_out=True)) == (AttemptOutcome.TIMEOUT, "it was ended after 12 s.")
    assert outcome_of(story(Trouble("hm")), ended(None), idle=timedelta(minutes=2)) == (
        AttemptOutcome.TIMEOUT,
        "it said nothing for 120 s. hm",
    )


def test_a_result_before_the_time_limit_counts() -> None:
    assert outcome_of(story(Done()), ended(None, timed_out=True))[0] is AttemptOutcome.FIXED


def test_a_limit_of_the_sandbox_ends_it_by_name() -> None:
    known = outcome_of(story(Done()), ended(None, limit=Limit.MEMORY))

    assert known == (AttemptOutcome.LIMIT_REACHED, "it reached its limit: `sandbox_limits.memory`")


def test_waiting_for_the_model_again_and_again_is_hopeless() -> None:
    known = story(*[WAITS] * WAITS_LIMIT)

    assert known.hopeless
    assert outcome_of(known, ended(None))[0] is AttemptOutcome.MODEL_DOWN
    limited = story(*[Trouble("rate limit reached", waits=True)] * WAITS_LIMIT)
    assert outcome_of(limited, ended(None))[0] is AttemptOutcome.RATE_LIMITED


@pytest.mark.parametrize("progress", [Did(), Said("x")])
def test_any_progress_gives_new_hope(progress: Word) -> None:
    nearly = [WAITS] * (WAITS_LIMIT - 1)

    assert not story(*nearly, progress, *nearly, Turn(), progress, *nearly).hopeless


def test_a_text_in_pieces_is_one_message_until_something_else_happens() -> None:
    pieces = (Said("All ", more=True), Said("is well.", more=True))

    assert story(*pieces).message == "All is well."
    assert story(*pieces, Did("$ ls"), Said("Done", more=True)).message == "Done"


def test_the_final_message_is_plain_and_bounded() -> None:
    known = story(Said("\x1b[31m" + "x" * 20_000 + "end"))

    assert len(known.message) == MESSAGE_LIMIT
    assert known.message.endswith("end")


def test_usage_is_added_up_or_taken_as_the_sum() -> None:
    added = story(Spent(10, 4, 2), Spent(-1, None, 3), Spent("x", 1.5, 0))
    summed = story(Spent(10, 4, 2), Spent(12, 5, 6, so_far=True))

    assert added.usage == Usage(model="m", input_tokens=10, cached_input_tokens=4, output_tokens=5)
    assert summed.usage == Usage(model="m", input_tokens=12, cached_input_tokens=5, output_tokens=6)


def test_a_figure_of_usage_is_bounded() -> None:
    assert story(Spent(10**40, 0, 1)).usage == Usage(model="m", input_tokens=10**12, output_tokens=1)


def test_a_program_that_could_not_be_started_is_missing() -> None:
    assert outcome_of(story(), ended(127, stderr="sh: not found"))[0] is AttemptOutcome.AGENT_MISSING
    assert outcome_of(story(Said("x")), ended(127))[0] is AttemptOutcome.CRASHED


def test_turns_are_counted() -> None:
    assert story(Turn(), Did(), Turn()).turns == 2


@pytest.mark.parametrize("line", [b"", b"plain text", b"[1]", b"7", b'{"type": ', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_event_stays_text(line: bytes) -> None:
    assert event_of(line) == {"plain": line.decode(errors="replace")}


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (Did("$ pytest\n-q"), ["$ pytest -q"]),
        (Said("On it.\nNow."), ["On it. Now."]),
        (Failed("no"), ["no"]),
        (Failed(None), []),
        (WAITS, ["Reconnecting... waiting for network"]),
        (Did(), []),
        (Done(), []),
        (Spent(1, 1, 1), []),
        (Said("x" * 500), ["x" * 199 + "…"]),
    ],
)
def test_progress_is_told_in_short_lines(word: Word, line: list[str]) -> None:
    assert list(lines_of([word])) == line


def test_a_failure_that_is_final_is_known_as_such() -> None:
    known: Any = story(Failed("no tools", AttemptOutcome.ERROR, final=True))

    assert known.over
