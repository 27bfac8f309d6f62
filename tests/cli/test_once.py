"""`selfheald once`, `selfheald explain` and `selfheald check`, in a town."""

import pytest
from tests.cli.conftest import PUSHED, proposed_by_once
from tests.system.house import PROJECT, SLUG, House, until

from selfheald.domain.checks import GUARDS, LAST, LIMITS, SETTINGS
from selfheald.simulator.faults import Fault, FaultKind

pytestmark = pytest.mark.system


async def test_calls_take_a_case_to_its_pull_request(house: House) -> None:
    commit = await house.break_main()

    (first,) = (await house.selfheald("once", "--json")).json
    await house.town.finished((await house.branches())[f"selfheal-{commit}"])
    await until(lambda: proposed_by_once(house))

    assert first["state"] in PUSHED
    assert [it.head for it in house.pull_requests] == [f"selfheal-{commit}"]
    assert house.leftovers == []


async def test_with_nothing_to_do_it_says_so(house: House) -> None:
    done = await house.selfheald("once")

    assert (done.code, done.out) == (0, "Nothing to do.\n")


@pytest.mark.parametrize("options", [(), ("--json",), ("--dry-run",)])
async def test_a_wrong_token_is_not_the_same_as_nothing_to_do(house: House, options: tuple[str, ...]) -> None:
    house.environment["SEMAPHORE_API_TOKEN"] = "wrong-token"

    done = await house.selfheald("once", *options)

    assert (done.code, done.out) == (1, "[]\n" if "--json" in options else "")
    assert "selfheald: organization acme did not say which projects it has\n" in done.err


async def test_an_organization_that_cannot_be_reached_is_told(house: House) -> None:
    house.settings["organizations"][0]["url"] = "http://127.0.0.1:9"

    done = await house.selfheald("once")

    assert (done.code, done.out) == (1, "")
    assert "selfheald: organization acme did not say which projects it has\n" in done.err


async def test_a_project_that_does_not_exist_is_told_and_the_others_are_healed(house: House) -> None:
    house.settings["projects"].append({**house.settings["projects"][0], "name": "biling"})
    await house.break_main()

    done = await house.selfheald("once", "--json")

    (case,) = done.json
    assert done.code == 1
    assert case["state"] in PUSHED
    assert "selfheald: project biling was not looked at: no such project in the organization" in done.err


async def test_a_sweep_that_fails_is_told(house: House) -> None:
    house.town.world.faults.add(Fault(kind=FaultKind.FALSE_NOT_FOUND, operation="list_pipelines", times=None))

    done = await house.selfheald("once")

    assert (done.code, done.out) == (1, "")
    assert f"selfheald: project {PROJECT} was not looked at (not_found)\n" in done.err


async def test_a_dry_run_writes_nothing_outside_and_the_next_real_one_heals(house: House) -> None:
    await house.break_main()

    dry = await house.selfheald("once", "--dry-run", "--json")

    assert dry.code == 0
    assert [case["state"] for case in dry.json] == ["pushing"]
    assert (await house.branches(), house.pull_requests, await house.cases()) == ({}, [], [])
    writing = [it.operation for it in house.town.hooks.requests if it.method != "GET" and it.operation != "fetch"]
    assert writing == []
    (real,) = (await house.selfheald("once", "--json")).json
    assert real["state"] in PUSHED
    assert len(await house.branches()) == 1


async def test_once_beside_a_daemon_is_refused(house: House) -> None:
    async with house.daemon() as running:
        done = await house.selfheald("once")

    assert (done.code, done.out) == (2, "")
    assert f"pid {running.process.pid}" in done.err


async def test_explain_tells_every_question_in_order(house: House) -> None:
    commit = await house.break_main()
    (pipeline,) = await house.town.finished(commit)

    told = await house.selfheald("explain", pipeline.id, "--json")
    shown = await house.selfheald("explain", pipeline.id)

    assert (told.code, shown.code) == (0, 0)
    assert (told.json["decision"], told.json["reason"], told.json["stored"]) == ("heal", None, None)
    assert all(check["allows"] for check in told.json["checks"])
    assert len(told.json["checks"]) == len((*GUARDS, *SETTINGS, *LIMITS, *LAST))
    assert "It would be healed." in shown.out
    positions = [shown.out.index(check["question"]) for check in told.json["checks"]]
    assert positions == sorted(positions)


async def test_explain_says_why_not_with_exit_status_1(house: House) -> None:
    (passed,) = await house.town.finished(await house.town.push_files(SLUG, "main", {"a.txt": "a"}, "Add a"))

    told = await house.selfheald("explain", passed.id, "--json")
    shown = await house.selfheald("explain", passed.id)

    assert (told.code, shown.code) == (1, 1)
    assert (told.json["decision"], told.json["reason"]) == ("skip", "not_failed")
    assert "It would not be healed: not_failed. The pipeline did not fail." in shown.out


@pytest.mark.parametrize("which", ["00000000-0000-4000-8000-000000000000", "nonsense", "../projects"])
async def test_explain_of_an_unknown_pipeline_is_told(house: House, which: str) -> None:
    done = await house.selfheald("explain", which)

    assert (done.code, done.out) == (1, "")
    assert f"no configured organization has a pipeline {which}" in done.err


async def test_explain_of_a_project_that_is_not_configured_names_it(house: House) -> None:
    commit = await house.break_main()
    (pipeline,) = await house.town.finished(commit)
    house.settings["projects"][0]["name"] = "other"

    done = await house.selfheald("explain", pipeline.id)

    assert (done.code, done.out) == (1, "")
    assert f"its project {pipeline.project.id} is not configured" in done.err


async def test_check_says_that_all_is_well(house: House) -> None:
    shown = await house.selfheald("check")
    told = await house.selfheald("check", "--json")

    assert (shown.code, told.code) == (0, 0)
    for what in ("sandbox", "agent fixer", "organization acme", f"project {PROJECT}", f"repository {SLUG}"):
        assert f"ok  {what}" in shown.out
    assert all(finding["ok"] for finding in told.json["findings"])
    (project,) = told.json["projects"]
    assert (project["name"], project["limits"]["attempts_per_case"]) == (PROJECT, 3)
    assert (project["limits"]["cost_usd_per_day"], project["guards"]["tries"]) == (20, 1)


async def test_check_says_which_agents_no_budget_holds(house: House) -> None:
    free = await house.selfheald("check", "--json")
    house.settings["agents"]["fixer"]["prices"] = {"input": 1, "cached_input": 1, "output": 1}
    priced = await house.selfheald("check", "--json")

    told = [
        [one["found"] for one in done.json["findings"] if one["what"] == "budget of fixer"] for done in (free, priced)
    ]
    assert "cost counts as 0" in told[0][0]
    assert told[1] == ["by its prices"]


async def test_check_says_what_agents_may_reach(house: House) -> None:
    nothing = await house.selfheald("check", "--json")
    house.settings["egress"] = ["registry.example.com:443", "[::1]:4873"]
    something = await house.selfheald("check", "--json")
    house.settings["sandbox"] = "none"
    everything = await house.selfheald("check", "--json")

    first, second, third = (
        next(one["found"] for one in done.json["findings"] if one["what"] == "egress")
        for done in (nothing, something, everything)
    )
    assert (first, second) == ("no host", "registry.example.com:443, [::1]:4873")
    assert third.startswith("whatever this machine reaches")


async def test_check_offline_asks_nobody(house: House) -> None:
    done = await house.selfheald("check", "--offline")

    assert done.code == 0
    assert PROJECT in done.out
    assert list(house.town.hooks.requests) == []


async def test_check_as_json_is_json_also_when_something_is_broken(house: House) -> None:
    house.environment["SEMAPHORE_API_TOKEN"] = "wrong-token"

    done = await house.selfheald("check", "--json")

    assert done.code == 1
    broken = {finding["what"] for finding in done.json["findings"] if not finding["ok"]}
    assert broken == {"organization acme", f"project {PROJECT}"}


async def test_check_leaves_projects_alone_that_are_switched_off(house: House) -> None:
    house.settings["projects"][0]["mode"] = "off"

    done = await house.selfheald("check", "--json")

    assert done.code == 0
    assert not any(finding["what"].startswith("project") for finding in done.json["findings"])
