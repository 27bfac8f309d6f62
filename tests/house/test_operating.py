"""The operator's guide explains every word that users meet."""

import ast
import re
from enum import StrEnum
from inspect import getsource

import pytest
from tests.house import states
from tests.house.checkout import OPERATING, table

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason

GUIDE = OPERATING.read_text(encoding="utf-8")

BAD_INPUTS = (
    "the configuration is wrong",
    "the Semaphore token is wrong",
    "the GitHub token is wrong",
    "the project does not exist, or the token may not see it",
    "the repository does not exist, or the token may not see it",
    "the agent is missing",
    "the agent crashes",
    "the agent hangs",
    "the agent changes nothing",
    "the agent writes no commit message",
    "the push is refused",
    "CI never starts on our branch",
    "CI never ends on our branch",
    "a pull request of the branch exists already",
    "the branch exists already with other commits",
)

WORDS = {str(member) for kind in (Reason, AttemptOutcome, CaseState) for member in kind}

LOGGED = {"reload_refused", "projects_not_listed", "project_not_found"}
"""Events of the log that the guide names."""


def test_every_reason_is_explained_with_its_own_meaning() -> None:
    rows = table(GUIDE, "reason", "meaning", "what to do")

    assert [row[:2] for row in rows] == [(f"`{reason}`", reason.meaning) for reason in Reason]


def test_every_reason_says_what_to_do() -> None:
    assert [row for row in table(GUIDE, "reason", "meaning", "what to do") if not row[2].endswith(".")] == []


def test_every_outcome_is_explained_with_its_own_meaning() -> None:
    rows = table(GUIDE, "outcome", "meaning", "counts")
    meanings = explained(AttemptOutcome)

    assert rows == [
        (f"`{outcome}`", meanings[outcome], "yes" if outcome.counts else "no") for outcome in AttemptOutcome
    ]


def test_every_state_is_explained_with_its_own_meaning() -> None:
    rows = table(GUIDE, "state", "meaning", "kind")
    meanings = explained(CaseState)

    assert rows == [(f"`{state}`", meanings[state], "end" if state.is_end else "open") for state in CaseState]


@pytest.mark.parametrize("problem", BAD_INPUTS)
def test_every_bad_input_has_an_outcome_and_a_way_out(problem: str) -> None:
    rows = {row[0]: row[1:] for row in table(GUIDE, "what is wrong", "outcome", "what to do")}

    assert all(rows[problem])


def test_outcomes_of_bad_inputs_are_words_that_exist() -> None:
    outcomes = [row[1] for row in table(GUIDE, "what is wrong", "outcome", "what to do")]
    said = {word for outcome in outcomes for word in re.findall(r"`([a-z_]+)`", outcome)}

    assert said <= WORDS | LOGGED


def test_the_page_of_states_is_current() -> None:
    assert states.PAGE.read_text(encoding="utf-8") == states.page(), "run `python -m tests.house.states`"


def explained(kind: type[StrEnum]) -> dict[str, str]:
    """Each member's meaning: the text that stands below it in the source."""
    definition = ast.parse(getsource(kind)).body[0]
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for member, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            found[ast.literal_eval(member.value)] = ast.literal_eval(text.value).replace("``", "`")
    assert found.keys() == {str(member) for member in kind}
    return found
