"""The page on Semaphore's tools names every tool as it is held, and the figures that hold."""

import re

import pytest
from tests.house.checkout import ROOT, Row, code, table

from selfheald.domain.tools.rules import RULES, WRITE_TOOLS, Rule
from selfheald.sandbox.tools.allowance import Limits
from selfheald.sandbox.tools.bounds import ANSWER_LIMIT, CONTENT_LIMIT, LOG_LIMIT
from selfheald.semaphore.tools.contents import TEXT_LIMIT
from selfheald.semaphore.tools.tools import REST_FOR, REST_FOR_WHEN_OFF

TEXT = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
PLAIN = " ".join(TEXT.split())


ROWS = table(TEXT, "tool", "held by", "passed on")


def passed_on(rule: Rule) -> set[str]:
    """The arguments of a tool that are no ids and leave."""
    return {*rule.texts, *(["cursor"] if rule.window == "log" else [])}


def test_every_tool_is_explained() -> None:
    assert {code(row[0]) for row in ROWS} == RULES.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: code(row[0]))
def test_what_is_passed_on_is_what_the_rule_says(row: Row) -> None:
    assert set(re.findall(r"`(\w+)`", row[2])) == passed_on(RULES[code(row[0])])


def test_the_tools_that_write_are_named() -> None:
    assert all(f"`{name}`" in TEXT for name in WRITE_TOOLS)


@pytest.mark.parametrize(
    "told",
    [
        f"at most {ANSWER_LIMIT:,} characters; a log {LOG_LIMIT:,} of them, a content {CONTENT_LIMIT:,}",
        f"{Limits().calls} calls and {Limits().requests} requests to Semaphore",
        f"after {REST_FOR / 60:g} minutes ({REST_FOR_WHEN_OFF / 60:g} when it is switched off)",
    ],
)
def test_the_figures_are_those_that_hold(told: str) -> None:
    assert told in PLAIN


def test_the_figures_in_words_are_those_that_hold() -> None:
    assert (TEXT_LIMIT, Limits().per_second) == (1_000_000, 2.0)
    assert "at most a million characters" in PLAIN
    assert "on average two a second" in PLAIN
