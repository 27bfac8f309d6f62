"""Commands that look at the state folder alone need no secret."""

import pytest
from tests.cli.conftest import Desk


def test_cases_are_shown_to_who_has_no_token(healed: Desk) -> None:
    bare = healed.without_secrets()

    assert [case["id"] for case in bare.selfheald("cases", "--json").json] == [1]
    assert bare.selfheald("case", "1", "--json").json["case"]["state"] == "proposed"


@pytest.mark.parametrize("command", ["approve", "reject", "retry", "cancel"])
def test_cases_are_steered_by_who_has_no_token(desk: Desk, command: str) -> None:
    done = desk.without_secrets().selfheald(command, "7")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("selfheald: there is no case 7")


def test_check_offline_warns_of_secrets_that_are_not_set(desk: Desk) -> None:
    bare = desk.without_secrets()

    shown, told = bare.selfheald("check", "--offline"), bare.selfheald("check", "--offline", "--json")

    assert (shown.code, told.code) == (0, 0)
    assert "not set here: SEMAPHORE_API_TOKEN, GITHUB_TOKEN." in shown.out
    assert told.json["not_set"] == ["SEMAPHORE_API_TOKEN", "GITHUB_TOKEN"]
    assert "not set here" not in desk.selfheald("check", "--offline").out


@pytest.mark.parametrize("command", [("check",), ("once",), ("run",), ("explain", "x"), ("backtest",), ("heal", "x")])
def test_what_asks_the_outside_needs_its_secrets(desk: Desk, command: tuple[str, ...]) -> None:
    done = desk.without_secrets().selfheald(*command)

    assert (done.code, done.out) == (2, "")
    assert "the environment variable SEMAPHORE_API_TOKEN is not set" in done.err


def test_the_check_tells_mistakes_to_programs_too(desk: Desk) -> None:
    done = desk.without_secrets().selfheald("check", "--json")

    assert done.code == 2
    first = done.json["mistakes"][0]
    assert first["key"] == "organizations[0].token_env"
    assert first["where"] == f"{desk.configuration}:1"
    assert "SEMAPHORE_API_TOKEN is not set" in first["text"]
    assert f"{first['where']}: {first['key']}: {first['text']}\n" in done.err
