"""`selfheald backtest`, in a simulated town: rules are judged before they are in force."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.system.house import House
from tests.system.house import house as built

from selfheald.simulator.faults import Fault, FaultKind

pytestmark = pytest.mark.system


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house in which main failed once, by a change of ``answer.txt``."""
    async with built(tmp_path) as house:
        await house.break_main()
        yield house


async def test_it_tells_what_would_have_been_healed(house: House) -> None:
    told = await house.selfheald("backtest", "--json")

    assert told.code == 0, told.err
    (project,) = told.json["projects"]
    assert (project["project"], project["failed"], project["cases"]) == ("billing", 1, 1)
    assert [case["ref"] for case in project["healed"]] == ["main"]
    assert told.json["assumptions"]
    assert not house.state.exists()


async def test_a_rule_is_judged_before_it_is_made(house: House) -> None:
    house.settings["defaults"]["branches"] = {"include": ["release/**"]}

    told = await house.selfheald("backtest", "--since", "7d")

    assert told.code == 0
    assert "billing: 1 pipelines ended, 1 failed, 0 cases" in told.out
    assert "branch_excluded" in told.out
    assert "Taken for granted" in told.out


@pytest.mark.parametrize(
    ("paths", "cases", "skipped"),
    [("/answer.txt", 1, {}), ("/docs/", 0, {"condition_false": 1})],
)
async def test_changed_files_are_read_from_the_repository(
    house: House, paths: str, cases: int, skipped: dict[str, int]
) -> None:
    house.settings["defaults"]["when"] = f"result = 'failed' and change_in('{paths}', {{default_branch: 'main'}})"

    (project,) = (await house.selfheald("backtest", "--json")).json["projects"]

    assert (project["cases"], project["skipped"]) == (cases, skipped)


async def test_a_project_that_is_off_is_replayed_when_it_is_named(house: House) -> None:
    house.settings["projects"][0]["mode"] = "off"

    assert (await house.selfheald("backtest", "--json")).json["projects"] == []
    named = await house.selfheald("backtest", "--project", "billing")
    assert "1 failed, 1 case\n" in named.out
    assert "would be healed" in named.out


async def test_a_project_that_semaphore_does_not_have_is_told(house: House) -> None:
    house.settings["projects"].append({"name": "gone", "organization": "acme"})

    told = await house.selfheald("backtest")

    assert told.code == 1
    assert "gone: not read: no such project" in told.out
    assert "1 failed, 1 case\n" in told.out


async def test_a_project_whose_pipelines_cannot_be_listed_is_told_and_the_others_are_replayed(house: House) -> None:
    other = house.town.project("other", repository="acme/billing")
    house.settings["projects"].append({"name": "other", "organization": "acme"})
    fault = Fault(
        kind=FaultKind.FALSE_NOT_FOUND,
        operation="list_pipelines",
        times=None,
        when=lambda _path, query: other.id in query,
    )
    house.town.world.faults.add(fault)

    told = await house.selfheald("backtest", "--json")

    assert told.code == 1
    assert [one["project"] for one in told.json["projects"]] == ["billing"]
    assert list(told.json["problems"]) == ["other"]


async def test_what_still_waits_is_told_with_its_meaning(house: House) -> None:
    house.settings["defaults"]["limits"] = {"cases_per_project": "1 per 24h"}
    await house.break_main("feature")

    told = await house.selfheald("backtest", "--since", "1d")

    assert "2 failed, 1 case\n" in told.out
    assert "would still wait" in told.out
    assert "`limits.cases_per_project` is reached." in told.out


@pytest.mark.parametrize(
    ("arguments", "limits", "reason"),
    [
        (("--unfixed",), {"cooldown": "2h"}, "cooldown"),
        (("--open-for", "1d"), {"open_pull_requests": 1}, "open_pull_requests"),
        (("--cost", "0.5"), {"cost_usd_per_day": 0.5}, "cost_per_day"),
    ],
)
async def test_what_cases_come_to_may_be_assumed(
    house: House, arguments: tuple[str, ...], limits: dict[str, object], reason: str
) -> None:
    house.settings["defaults"]["limits"] = limits
    await house.town.finished(await house.break_main())

    (freely,) = (await house.selfheald("backtest", "--json")).json["projects"]
    (held_back,) = (await house.selfheald("backtest", "--json", *arguments)).json["projects"]

    assert (freely["cases"], freely["waiting"]) == (2, {})
    assert (held_back["cases"], held_back["waiting"]) == (1, {reason: 1})


async def test_a_semaphore_that_does_not_answer_is_told(house: House) -> None:
    house.environment["SEMAPHORE_API_TOKEN"] = "wrong"

    told = await house.selfheald("backtest", "--json")

    assert told.code == 1
    assert told.json["problems"] == {"billing": "the organization acme did not answer"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--project", "nobody"), "there is no project nobody; configured are billing"),
        (("--since", "soon"), "30s, 5m"),
        (("--cost", "nan"), "'nan' is no amount of dollars, such as 2.50"),
    ],
)
async def test_wrong_usage_is_told(house: House, arguments: tuple[str, ...], words: str) -> None:
    told = await house.selfheald("backtest", *arguments)

    assert told.code == 2
    assert words in told.err
