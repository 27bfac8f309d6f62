"""What a request is made of: so many parts that reading them would hold the daemon up."""

import json
import time

import pytest

from selfheald.domain.prices import PriceTable
from selfheald.sandbox.model.asking import read_request
from selfheald.sandbox.model.forms import Form, Route
from selfheald.sandbox.model.problems import Problem

ROUTE = Route(form=Form.RESPONSES, metered=True)
HOSTILE = 15_000_000
"""Bytes."""


@pytest.mark.parametrize("piece", ["[]", "{}", "1", '"a"', '{"type": "x"}', '{"content": [{"source": {}}]}'])
def test_too_many_do_not_hold_the_daemon_up(piece: str) -> None:
    parts = ",".join([piece] * (HOSTILE // (len(piece) + 1)))
    raw = f'{{"model": "big", "tools": [{parts}]}}'.encode()
    started = time.process_time()

    with pytest.raises(Problem, match="parts"):
        read_request(ROUTE, raw, PriceTable())

    assert time.process_time() - started < 1


@pytest.mark.parametrize("end", ["", '"', '\\"', "\\", "\n"])
def test_strings_that_do_not_end_neither(end: str) -> None:
    raw = f"[{',' * 200_000}{chr(34)}{(chr(92) + chr(34)) * (HOSTILE // 2)}{end}".encode()
    started = time.process_time()

    with pytest.raises(Problem):
        read_request(ROUTE, raw, PriceTable())

    assert time.process_time() - started < 1


def test_what_is_written_in_a_prompt_is_no_part() -> None:
    said = json.dumps({"a": [1, "b, {c}", {}]}) * 50_000

    asked = read_request(ROUTE, json.dumps({"model": "big", "input": said}).encode(), PriceTable())

    assert json.loads(asked.body)["input"] == said
