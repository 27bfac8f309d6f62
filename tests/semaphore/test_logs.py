import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.semaphore import payloads
from tests.semaphore.payloads import finished, output, started

from selfheald.semaphore.logs import LINE_LIMIT, LogTail, log_end
from selfheald.semaphore.terminal import shown

pieces = st.text(st.sampled_from("ab\n\r\b\x1b[0;31mK]8\x07é\ud800\x00") | st.characters(), max_size=40)


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("plain\ttext é", "plain\ttext é"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%", "100%"),
        ("downloading\rdone", "doneloading"),
        ("downloading\r\x1b[Kdone", "done"),
        ("downloading\r\x1b[2Kdone", "done"),
        ("abc\b\bX", "aXc"),
        ("abcdef\b\b\x1b[1KX", "    Xf"),
        ("a\x00b\x7fc\ud800d", "abcd"),
        ("done\r", "done"),
        ("\x1b", ""),
        ("\x1b[31", "31"),
        ("\x1b(Bx", "x"),
    ],
)
def test_a_line_is_what_a_terminal_shows(printed: str, seen: str) -> None:
    assert shown(printed).rstrip() == seen.rstrip()


def test_the_text_ends_at_the_command_that_failed() -> None:
    end = log_end(payloads.failing_log())

    assert end.text.splitlines() == [
        "$ checkout",
        "HEAD is now at 9b1c",
        "$ bundle exec rspec",
        "1 example, 1 failure",
        "[exit code 1]",
    ]
    assert end.left_out == 0
    assert end.note == f"left out: {end.after} characters after the failing command"


def test_without_a_failing_command_the_end_of_the_log_is_kept() -> None:
    end = log_end([started("sleep 9999"), output("waiting\n"), output("still waiting")])

    assert end.text == "$ sleep 9999\nwaiting\nstill waiting"
    assert (end.left_out, end.after, end.note) == (0, 0, "")


def test_the_beginning_goes_first_and_is_counted() -> None:
    end = log_end([started("make"), *(output(f"line {n}\n") for n in range(100)), finished("make", 2)], budget=40)

    assert end.text == "line 97\nline 98\nline 99\n[exit code 2]", "no line without its beginning"
    assert end.text.endswith("line 98\nline 99\n[exit code 2]")
    whole = log_end([started("make"), *(output(f"line {n}\n") for n in range(100)), finished("make", 2)])
    assert end.left_out == len(whole.text) - len(end.text)
    assert end.note == f"left out: {end.left_out} characters at the beginning"


def test_a_long_epilogue_does_not_push_the_failure_out() -> None:
    epilogue = [started("upload"), *(output("noise\n") for _ in range(10_000)), finished("upload")]

    end = log_end([started("make"), output("boom\n"), finished("make", 2), *epilogue], budget=100)

    assert end.text == "$ make\nboom\n[exit code 2]"
    assert end.after > 60_000


def test_the_last_of_several_failing_commands_is_kept() -> None:
    between = [output("noise\n") for _ in range(100)]

    end = log_end([output("first\n"), finished("a", 1), *between, output("second\n"), finished("b", 3)], budget=60)

    assert end.text.endswith("second\n[exit code 3]")
    assert end.text.startswith("noise\nnoise\n")


def test_a_failing_command_that_says_nothing_keeps_what_came_before() -> None:
    end = log_end([output("one\n"), finished("a", 1), finished("b", 2)])

    assert end.text == "one\n[exit code 1]\n[exit code 2]"
    assert end.left_out == 0


def test_output_comes_in_pieces_that_are_no_lines() -> None:
    end = log_end([output("\x1b[3"), output("1mred"), output("\x1b[0m\r"), output("\n\n"), output("end")])

    assert end.text == "red\n\nend"


def test_a_command_ends_an_open_line() -> None:
    assert log_end([output("no line end"), started("next")]).text == "no line end\n$ next"


def test_a_huge_line_keeps_both_its_ends_in_bounded_memory() -> None:
    tail = LogTail()
    tail.add(output("start"))
    for _ in range(300):
        tail.add(output("x" * 65_536))
    tail.add(output("stop\nnext\n"))

    first, second = tail.end().text.splitlines()

    assert first.startswith("startxxx")
    assert first.endswith("xxxstop")
    assert "characters" in first
    assert len(first) < LINE_LIMIT + 50
    assert second == "next"


def test_a_progress_bar_of_any_length_shows_its_last_state() -> None:
    events = [output(f"\r{number:6} of 99999 fetched") for number in range(100_000)]

    assert log_end([*events, output("\n")]).text == " 99999 of 99999 fetched"


def test_a_line_that_is_too_long_only_because_of_its_colours_is_told_once() -> None:
    end = log_end([output("\x1b[31m" * 20_000 + "red\n")])

    assert end.text.count("red") == 1


def test_what_is_no_event_known_here_is_passed_over() -> None:
    strange: list[object] = [None, 7, [], {"event": "cmd_output"}, {"event": "new", "output": "x"}, {"output": "y"}]

    assert log_end(strange).text == ""


def test_a_remark_joins_the_note() -> None:
    end = log_end([])

    assert end.note == ""
    assert type(end)(text="", left_out=1, after=0, remark="cut").note == "left out: 1 characters at the beginning; cut"


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        log_end([], budget=0)


@given(pieces)
def test_what_is_shown_has_no_control_characters(text: str) -> None:
    line = shown(text.replace("\n", ""))

    assert not any(ord(character) < 32 and character != "\t" for character in line)
    line.encode()


@given(st.lists(st.tuples(st.sampled_from("osf"), pieces, st.integers(0, 2)), max_size=30), st.integers(1, 200))
def test_any_log_has_an_end_within_the_budget(parts: list[tuple[str, str, int]], budget: int) -> None:
    events = [
        output(text) if kind == "o" else started(text) if kind == "s" else finished(text, code)
        for kind, text, code in parts
    ]

    end = log_end(events, budget)

    assert len(end.text) <= budget
    assert end.left_out >= 0
    assert end.after >= 0
