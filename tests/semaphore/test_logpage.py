"""One page of a log, of events and of lines."""

import json

from hypothesis import given
from hypothesis import strategies as st

from selfheald.semaphore.tools.logpage import LINE_LIMIT, PAGE, LogPage


def page(outputs: list[str], cursor: int | None = None, *, self_hosted: bool = True) -> dict[str, object]:
    made = LogPage(cursor)
    for output in outputs:
        made.add({"event": "cmd_output", "output": output})
    return made.told("j", self_hosted=self_hosted)


def test_a_line_comes_in_pieces_and_the_last_one_may_be_open() -> None:
    assert page(["a", "b\nc", "\n", "\nopen"])["preview"] == ["ab", "c", "", "open"]


def test_what_is_no_event_is_passed_on_and_makes_no_line() -> None:
    made = LogPage(None)
    for event in (7, "text", None, ["x"], {"event": "cmd_output", "output": 7}):
        made.add(event)

    assert made.told("j", self_hosted=True) == {"jobId": "j", "source": "loghub2", "downloadEmpty": True}
    assert made.told("j", self_hosted=False)["preview"] == [
        "7",
        '"text"',
        "null",
        '["x"]',
        '{"event":"cmd_output","output":7}',
    ]


def test_an_endless_line_keeps_its_end() -> None:
    ends = page(["x" * LINE_LIMIT, "y" * LINE_LIMIT, "end\n"])["preview"]
    event = page(["x" * (2 * LINE_LIMIT) + "end"], self_hosted=False)["preview"]

    assert isinstance(ends, list)
    assert isinstance(event, list)
    assert ends[0].endswith("yend")
    assert len(ends[0]) <= LINE_LIMIT + 3
    assert json.loads(event[0])["output"].endswith("xend")
    assert len(event[0]) < LINE_LIMIT + 100


@given(st.integers(0, 3 * PAGE), st.booleans())
def test_whoever_follows_the_cursors_has_read_all_of_it(total: int, self_hosted: bool) -> None:  # noqa: FBT001 - drawn
    outputs = [f"{number}\n" for number in range(total)]
    read: dict[int, str] = {}
    cursor: int | None = None

    while True:
        told = page(outputs, cursor, self_hosted=self_hosted)
        start, preview = told.get("startLine", 0), told.get("preview", [])
        assert isinstance(start, int)
        assert isinstance(preview, list)
        read |= {start + at: line for at, line in enumerate(preview)}
        if "nextCursor" not in told:
            break
        cursor = int(str(told["nextCursor"]))

    assert sorted(read) == list(range(total))
    assert all(str(number) in line for number, line in read.items())
