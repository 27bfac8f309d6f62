"""The operator's guide explains every word that users meet."""

import re

import pytest
from tests.house import guide, states
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

RUN = "run `python -m tests.house.guide`, and say what to do about new reasons"

LOGGED = {"reload_refused", "projects_not_listed", "project_not_found"}
"""Events of the log that the guide names."""


def test_every_reason_is_explained_with_its_own_meaning() -> None:
    assert [row[:2] for row in table(GUIDE, *guide.REASONS)] == guide.reason_rows(), RUN


def test_every_reason_says_what_to_do() -> None:
    assert [row for row in table(GUIDE, *guide.REASONS) if not row[2].endswith(".")] == []


def test_every_outcome_is_explained_with_its_own_meaning() -> None:
    assert table(GUIDE, *guide.OUTCOMES) == guide.outcome_rows(), RUN


def test_every_state_is_explained_with_its_own_meaning() -> None:
    assert table(GUIDE, *guide.STATES) == guide.state_rows(), RUN


def test_bringing_the_guide_up_to_date_keeps_what_people_wrote() -> None:
    assert guide.refreshed(GUIDE) == GUIDE


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
