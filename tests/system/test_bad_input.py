"""Wrong configuration, wrong tokens, bad agents, refusals, a CI that does not answer: each has a named outcome."""

import json
import os
import signal
from pathlib import Path

import pytest
from tests.system.house import BROKEN, FILES, FIX, SLUG, House, agent, page, stop, until

from selfheald.cli.demo_daemon import Daemon
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason
from selfheald.simulator.runner import Outcome, Plan

pytestmark = pytest.mark.system


async def test_a_wrong_configuration_is_refused_with_every_mistake(house: House) -> None:
    house.settings["pol"] = {}
    house.settings["agents"]["fixer"]["timeout"] = "soon"
    house.settings["projects"][0]["organization"] = "nobody"

    done = await house.selfheald("run")

    assert (done.code, done.out) == (2, "")
    for mistake in ("pol:", "timeout:", "organization:"):
        assert mistake in done.err
    assert len([line for line in done.err.splitlines() if line.startswith(str(house.configuration))]) == 3


async def test_a_token_that_is_not_set_is_named(house: House) -> None:
    del house.environment["GITHUB_TOKEN"]

    done = await house.selfheald("run")

    assert done.code == 2
    assert "GITHUB_TOKEN" in done.err


async def test_a_wrong_semaphore_token_leaves_the_daemon_running_and_not_ready(house: House) -> None:
    house.environment["SEMAPHORE_API_TOKEN"] = "wrong-token"

    async with house.daemon() as running:
        await until(lambda: running.said("projects_not_listed"))
        assert await page(running, "/readyz") == (503, "not yet contacted: acme\n")
        assert (await page(running, "/healthz"))[0] == 200
        metrics = await running.metrics()
    checked = await house.selfheald("check")

    assert 'selfheald_api_requests_total{api="semaphore",operation="list_projects",status="401"}' in metrics
    assert checked.code == 1
    assert "no  organization acme" in checked.out
    assert "put a token in place" in checked.out
    assert "wrong-token" not in checked.out + checked.err + json.dumps(list(running.lines))


async def test_a_wrong_github_token_puts_the_decision_off_and_is_named_by_check(house: House) -> None:
    house.environment["GITHUB_TOKEN"] = "wrong-token"

    async with house.daemon() as running:
        await house.break_main()
        told = await until(lambda: running.said("branch_unreadable"))
        metrics = await until(lambda: put_off(running))
    checked = await house.selfheald("check")

    assert "401" in told["error"]
    assert not await house.cases()
    assert checked.code == 1
    assert f"no  repository {SLUG}" in checked.out
    assert "wrong-token" not in checked.out + metrics + json.dumps(list(running.lines))


async def test_a_project_that_does_not_exist_is_told_and_the_others_are_healed(house: House) -> None:
    house.settings["projects"].append({"name": "nowhere", "organization": "acme"})

    async with house.daemon() as running:
        await house.break_main()
        await house.case(CaseState.PROPOSED)
        told = running.said("project_not_found")
    checked = await house.selfheald("check")

    assert told
    assert told["project"] == "nowhere"
    assert checked.code == 1
    assert "no  project nowhere" in checked.out


async def put_off(running: Daemon) -> str | None:
    """The metrics, as soon as a decision was put off because something could not be read."""
    metrics = await running.metrics()
    return metrics if 'decision="defer",project="billing",reason="unavailable"' in metrics else None


async def test_a_repository_that_does_not_exist_puts_the_decision_off_and_is_named_by_check(house: House) -> None:
    house.settings["projects"][0]["repository"] = "acme/nowhere"

    async with house.daemon() as running:
        await house.break_main()
        told = await until(lambda: running.said("branch_unreadable"))
        await until(lambda: put_off(running))
    checked = await house.selfheald("check")

    assert "acme/nowhere" in told["error"]
    assert not await house.cases()
    assert checked.code == 1
    assert "no  repository acme/nowhere" in checked.out


BAD_AGENTS = {
    "crashes": (agent("echo broken >&2; exit 7"), "crashed", "exhausted", "agent_crashed"),
    "hangs": (agent("tail -f /dev/null", timeout="1s"), "timeout", "exhausted", "agent_timeout"),
    "changes nothing": (agent("echo I gave up"), "no_change", "not_fixable", "no_change"),
    "changes what is protected": (agent(f"{FIX}; rm -r .semaphore"), "blocked", "blocked", "protected_path"),
}
"""Agents, and how the attempt and the case end, and why."""


@pytest.mark.parametrize("which", BAD_AGENTS)
async def test_an_agent_that_does_not_fix_ends_the_case_by_name(house: House, which: str) -> None:
    house.settings["agents"]["fixer"], outcome, state, reason = BAD_AGENTS[which]
    house.settings["defaults"] = {"limits": {"attempts_per_case": 1}}

    async with house.daemon() as running:
        await house.break_main()
        await house.case(CaseState(state))
        finished = await until(lambda: running.said("attempt_finished"))
    shown = (await house.selfheald("case", "1", "--json")).json

    assert (shown["case"]["state"], shown["case"]["reason"]) == (state, reason)
    assert [attempt["outcome"] for attempt in shown["attempts"]] == [finished["outcome"]] == [outcome]
    assert await house.branches() == {}
    assert house.leftovers == []


async def test_an_agent_that_is_missing_costs_no_attempt(house: House) -> None:
    house.settings["agents"] = {"fixer": {**agent(""), "command": ["no-such-agent", "{prompt_file}"]}}

    async with house.daemon() as running:
        await house.break_main()
        finished = await until(lambda: running.said("attempt_finished"))
    checked = await house.selfheald("check")

    assert (finished["outcome"], finished["state"]) == ("agent_missing", "queued")
    assert checked.code == 1
    assert "no  agent fixer" in checked.out
    assert "install it" in checked.out


async def test_without_a_commit_message_the_summary_names_the_failed_jobs(house: House) -> None:
    house.settings["agents"] = {"fixer": agent("echo right > answer.txt")}

    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.PROPOSED)

    assert "Unit tests" in case.summary
    assert house.pull_requests[0].title == f"Selfheal CI: {case.summary}"


async def test_a_push_that_is_refused_ends_the_case(house: House) -> None:
    hook = house.town.github.path(SLUG) / "hooks" / "pre-receive"
    await house.town.push_files(SLUG, "main", BROKEN, "Break main")
    hook.write_text("#!/bin/sh\necho 'no branch from outside' >&2\nexit 1\n")
    hook.chmod(0o755)

    async with house.daemon():
        case = await house.case(CaseState.FAILED)

    assert case.reason is Reason.PUSH_REFUSED
    assert await house.branches() == {}
    assert "no branch from outside" in str((await house.history())[1][-1].note)


@pytest.mark.parametrize("outcome", [Outcome.NEVER_START, Outcome.NEVER_END])
async def test_a_ci_that_does_not_end_ends_the_case(house: House, outcome: Outcome) -> None:
    house.town.runner.plans.append(Plan(branches="selfheal-*", outcome=outcome))
    house.settings["defaults"]["validation"] = {"timeout": "2s", "start_timeout": "1s"}

    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.WITHDRAWN)

    assert case.reason is Reason.CI_TIMEOUT
    assert house.pull_requests == []


async def test_a_ci_that_makes_no_pipeline_ends_the_case(house: House) -> None:
    house.settings["defaults"]["validation"] = {"start_timeout": "2s"}

    async with house.daemon():
        await house.break_main()
        house.project.pipeline_file = ".semaphore/other.yml"
        case = await house.case(CaseState.NO_CI)

    assert case.reason is Reason.CI_NOT_STARTED


async def test_a_pull_request_that_is_there_already_is_taken_over(house: House) -> None:
    house.town.runner.plans.append(Plan(branches="selfheal-*", outcome=Outcome.NEVER_END))

    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.VALIDATING)
        house.town.github.add_pull_request(SLUG, head=case.branch, head_sha=case.pushed or "", title="By hand")
        (pipeline,) = await house.town.finished(case.pushed or "")
        pipeline.finish("passed")
        case = await house.case(CaseState.PROPOSED)

    assert len(house.pull_requests) == case.pull_request == 1


async def test_a_branch_of_somebody_else_is_left_alone(house: House) -> None:
    commit = await house.break_main()
    theirs = await house.town.push_files(SLUG, f"selfheal-{commit}", {"notes.txt": "mine\n"}, "My own branch")

    async with house.daemon():
        case = await house.case(CaseState.WITHDRAWN)

    assert case.reason is Reason.BRANCH_TAKEN
    assert await house.branches() == {f"selfheal-{commit}": theirs}
    assert house.pull_requests == []


def without_bubblewrap(folder: Path) -> Path:
    """A folder with every program of this machine but bubblewrap."""
    folder.mkdir()
    for program in [path for search in ("/usr/bin", "/bin") for path in Path(search).iterdir()]:
        if program.name != "bwrap" and not (folder / program.name).is_symlink():
            (folder / program.name).symlink_to(program)
    return folder


async def test_without_bubblewrap_the_start_is_refused(house: House, tmp_path: Path) -> None:
    programs = without_bubblewrap(tmp_path / "bin")
    house.environment["PATH"] = str(programs)

    done = await house.selfheald("run")
    checked = await house.selfheald("check")

    assert done.code == 2
    assert "write `sandbox: none`" in done.err
    assert checked.code == 1
    assert "no  sandbox" in checked.out


@pytest.mark.parametrize("command", ["run", "once", "check", "explain x"])
async def test_a_state_folder_that_cannot_be_made_is_told(house: House, command: str) -> None:
    house.settings["state_dir"] = "/dev/null/state"

    done = await house.selfheald(*command.split())

    assert done.code == 2
    assert "/dev/null/state" in done.err
    assert len(done.err.splitlines()) == 1


async def test_a_port_that_is_taken_is_told(house: House) -> None:
    house.settings["listen"] = house.town.git_url.removeprefix("http://")

    done = await house.selfheald("run")

    assert done.code == 2
    assert f"listen: {house.settings['listen']} cannot be had" in done.err


async def test_a_second_daemon_on_the_same_state_folder_is_refused(house: House) -> None:
    async with house.daemon() as running:
        done = await house.selfheald("run")
        assert (await page(running, "/healthz"))[0] == 200

    assert done.code == 2
    assert f"in use by another selfheald (pid {running.process.pid})" in done.err


async def test_a_bad_file_is_refused_by_a_reload_and_a_good_one_taken_over(house: House) -> None:
    house.settings["projects"][0]["mode"] = "observe"
    async with house.daemon() as running:
        house.configuration.write_text("projects: [")
        running.process.send_signal(signal.SIGHUP)
        refused = await until(lambda: running.said("reload_refused"))
        pipeline = house.town.world.pipeline((await house.town.finished(await house.break_main()))[0].id)
        assert await house.skipped(pipeline.id) is Reason.OBSERVE_ONLY

        house.settings["projects"][0]["mode"] = "heal"
        house.write()
        running.process.send_signal(signal.SIGHUP)
        await until(lambda: running.said("reloaded"))
        await house.town.push_files(SLUG, "main", {"answer.txt": "still wrong\n"}, "Break it again")
        await house.case(CaseState.PROPOSED)

    assert str(house.configuration) in refused["error"]


async def test_a_reload_that_needs_a_new_agent_is_refused_and_the_daemon_goes_on(house: House) -> None:
    """Agents and organizations are made at the start only."""
    async with house.daemon() as running:
        house.settings["agents"]["new"] = agent(FIX)
        house.settings["projects"][0]["agent"] = "new"
        house.write()
        running.process.send_signal(signal.SIGHUP)
        refused = await until(lambda: running.said("reload_refused"))
        await house.break_main()
        await house.case(CaseState.PROPOSED)

    assert "need a restart: billing" in refused["error"]


async def test_a_project_that_a_reload_adds_is_looked_at_soon(house: House) -> None:
    house.town.project("late", repository="acme/late")
    await house.town.create_repository("acme/late", FILES)
    async with house.daemon() as running:
        await until(lambda: running.said("pipeline_decided") or house.town.hooks.count("list_pipelines"))
        house.settings["projects"].append({"name": "late", "organization": "acme"})
        house.write()
        running.process.send_signal(signal.SIGHUP)
        await until(lambda: running.said("reloaded"))
        await house.town.push_files("acme/late", "main", BROKEN, "Break it")
        assert (await house.case(CaseState.PROPOSED)).project == "late"


async def test_a_stop_lets_an_attempt_finish_within_the_drain_timeout(house: House) -> None:
    house.settings["drain_timeout"] = "20s"
    house.settings["agents"] = {"fixer": agent(f"echo began; timeout 1 tail -f /dev/null; {FIX}")}

    async with house.daemon() as running:
        await house.break_main()
        await until(lambda: running.said("agent_progress"))
        assert await stop(running) == 0

    (attempt,) = (await house.history())[0]
    assert attempt.outcome is AttemptOutcome.FIXED
    assert running.said("stopped")


async def test_an_attempt_that_a_stop_cuts_off_does_not_count(house: House) -> None:
    house.settings["agents"] = {"fixer": agent("echo began; exec tail -f /dev/null", timeout="5m")}

    async with house.daemon() as running:
        await house.break_main()
        await until(lambda: running.said("agent_progress"))
        assert await stop(running) == 0
    (attempt,) = (await house.history())[0]
    assert attempt.outcome is AttemptOutcome.INTERRUPTED
    assert ((await house.cases())[0].state, house.leftovers) == (CaseState.QUEUED, [])

    house.settings["agents"] = {"fixer": agent(FIX)}
    async with house.daemon():
        await house.case(CaseState.PROPOSED)


async def test_a_second_signal_ends_it_at_once(house: House) -> None:
    house.settings["drain_timeout"] = "5m"
    house.settings["agents"] = {"fixer": agent("echo began; exec tail -f /dev/null", timeout="5m")}

    async with house.daemon() as running:
        await house.break_main()
        await until(lambda: running.said("agent_progress"))
        os.kill(running.process.pid, signal.SIGTERM)
        await until(lambda: running.said("draining"))
        assert await stop(running) == 1


async def test_agents_that_are_not_confined_are_told_at_every_start(house: House) -> None:
    house.settings |= {"sandbox": "none"}

    async with house.daemon() as running:
        assert running.said("sandbox_none")
