"""`selfheald cases` and `selfheald case`."""

import json
from io import StringIO

import pytest
from rich.console import Console
from tests.cli.conftest import Desk
from tests.system.house import SLUG, SUMMARY

from selfheald.cli import options


def test_without_a_case_it_says_what_would_become_one(desk: Desk) -> None:
    done = desk.selfheald("cases")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("No case so far")
    assert desk.selfheald("cases", "--json").json == []


def test_cases_are_listed_with_their_state_and_pull_request(healed: Desk) -> None:
    done = healed.selfheald("cases")

    (row,) = done.out.splitlines()[1:]
    assert row.split()[:2] == ["1", "billing"]
    assert "proposed" in row
    assert f"/{SLUG}/pull/1" in row


def test_what_a_narrow_terminal_has_no_room_for_is_not_cut_off() -> None:
    url = "https://github.example.com/acme/billing/pull/123"
    table = options.table("pull request")
    table.add_row(url)
    shown = StringIO()

    Console(width=30, file=shown, color_system=None).print(table)

    assert "".join(shown.getvalue().split()[2:]) == url


def test_cases_as_json(healed: Desk) -> None:
    (case,) = healed.selfheald("cases", "--json").json

    assert (case["id"], case["state"], case["summary"], case["pull_request"]) == (1, "proposed", SUMMARY, 1)
    assert case["branch"] == f"selfheal-{case['commit']}"
    assert healed.selfheald("cases", "--open", "--limit", "1", "--json").json == [case]


def test_a_case_is_shown_with_its_history_attempts_and_diff(healed: Desk) -> None:
    done = healed.selfheald("case", "1")

    assert done.code == 0
    for part in ("case 1  proposed", SLUG, SUMMARY, "history", "validating", "attempts", "fixer", "fixed", "+right"):
        assert part in done.out


def test_a_case_as_json(healed: Desk) -> None:
    shown = healed.selfheald("case", "1", "--json").json

    assert shown["case"]["state"] == "proposed"
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["fixed"]
    states = [event["after"] for event in shown["events"]]
    assert states == ["queued", "healing", "pushing", "validating", "publishing", "proposed"]


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--prompt", "FAILED: the answer is wrong"),
        ("--transcript", "The answer is right again."),
        ("--diff", "+++ b/answer.txt"),
    ],
)
def test_what_was_kept_of_an_attempt_is_printed(healed: Desk, option: str, part: str) -> None:
    done = healed.selfheald("case", "1", option)

    assert (done.code, done.err) == (0, "")
    assert part in done.out


def test_an_unknown_case_is_told_with_where_to_look(healed: Desk, desk: Desk) -> None:
    done = healed.selfheald("case", "7")

    assert (done.code, done.out) == (1, "")
    assert done.err == "selfheald: there is no case 7: `selfheald cases` lists them\n"
    never = desk.selfheald("case", "1")
    assert never.code == 1
    assert "`selfheald run` makes it at its first start" in never.err


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_limit_below_one_is_wrong_usage(desk: Desk, limit: str) -> None:
    done = desk.selfheald("cases", "--limit", limit)

    assert (done.code, done.out) == (2, "")
    assert f"{limit} is not in the range x>=1" in done.err


@pytest.mark.parametrize("command", [("cases",), ("case", "1"), ("cancel", "1")])
def test_a_folder_in_the_stores_place_is_told_with_what_to_do(desk: Desk, command: tuple[str, ...]) -> None:
    (desk.configuration.parent / "state" / "selfheald.sqlite").mkdir(parents=True)

    done = desk.selfheald(*command)

    assert (done.code, done.out) == (2, "")
    assert "selfheald.sqlite: it is a folder. Move it away" in done.err


def test_no_secret_is_in_what_is_shown(healed: Desk) -> None:
    shown = [healed.selfheald("case", "1", *option).out for option in ((), ("--json",), ("--prompt",))]

    assert not any(secret in json.dumps(shown) for secret in ("github-token", "semaphore-token"))
