"""The whole town: pushes run for real, and Semaphore tells how they ended."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from selfheald.simulator import example
from selfheald.simulator.__main__ import main
from selfheald.simulator.bare import run_git
from selfheald.simulator.runner import Outcome, Plan
from selfheald.simulator.state import Pipeline
from selfheald.simulator.town import Town, simulate

SLUG = "acme/billing"


def file_of(*commands: str, **blocks: list[str]) -> str:
    """A pipeline file with one block, or one for each keyword."""
    wanted = blocks or {"Tests": list(commands)}
    return yaml.safe_dump(
        {
            "name": "Build",
            "blocks": [
                {"name": name, "task": {"jobs": [{"name": f"{name} job", "commands": each}]}}
                for name, each in wanted.items()
            ],
        }
    )


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with simulate(tmp_path, job_seconds=20) as town:
        town.project("billing")
        yield town


async def built(town: Town, text: str, **more: str) -> Pipeline:
    """Push a pipeline file to a new repository and wait for its pipeline."""
    sha = await town.create_repository(SLUG, {".semaphore/semaphore.yml": text, **more})
    (pipeline,) = await town.finished(sha)
    return pipeline


def events(pipeline: Pipeline, kind: str) -> list[Any]:
    return [event for job in pipeline.jobs() for event in job.events if event["event"] == kind]


def output(pipeline: Pipeline) -> str:
    return "".join(event["output"] for event in events(pipeline, "cmd_output"))


async def test_a_push_runs_the_commands_of_its_commit(town: Town) -> None:
    pipeline = await built(
        town, file_of("checkout", "cat hello.txt", "sh -c 'exit 7'", "echo never"), **{"hello.txt": "hi"}
    )

    assert (pipeline.result, pipeline.reason, pipeline.name) == ("failed", "test", "Build")
    assert output(pipeline) == "hi"
    finished = events(pipeline, "cmd_finished")
    assert [(event["directive"], event["exit_code"]) for event in finished] == [
        ("checkout", 0),
        ("cat hello.txt", 0),
        ("sh -c 'exit 7'", 7),
    ]
    assert finished[0]["started_at"] <= finished[0]["finished_at"]
    assert events(pipeline, "job_finished")[0]["result"] == "failed"


async def test_the_result_is_told_by_the_api(town: Town) -> None:
    pipeline = await built(town, file_of("true"))

    headers = {"Authorization": f"Token {town.semaphore_token}"}
    async with httpx.AsyncClient(base_url=f"{town.semaphore_url}/api/v1alpha", headers=headers) as client:
        listed = (await client.get("/pipelines", params={"project_id": pipeline.project.id})).json()

    assert [(each["result"], each["commit_message"]) for each in listed] == [("PASSED", "Begin")]
    assert town.hooks.count("list_pipelines") == 1


async def test_commands_share_one_shell_and_a_small_environment(town: Town) -> None:
    os.environ["SELFHEALD_TEST_CANARY"] = "canary"
    try:
        pipeline = await built(town, file_of("mkdir a && cd a", "export X=1", "pwd; echo $X; env"))
    finally:
        del os.environ["SELFHEALD_TEST_CANARY"]

    written = output(pipeline)
    assert "/work/a\n1\n" in written
    assert "canary" not in written
    assert f"SEMAPHORE_GIT_SHA={pipeline.workflow.commit_sha}" in written


async def test_blocks_stop_at_the_first_that_fails(town: Town) -> None:
    pipeline = await built(town, file_of(Lint=["true"], Tests=["false"], Deploy=["touch deployed"]))

    assert [(block.name, block.result) for block in pipeline.blocks] == [
        ("Lint", "passed"),
        ("Tests", "failed"),
        ("Deploy", "canceled"),
    ]
    assert [job.name for job in pipeline.jobs()] == ["Lint job", "Tests job"]


async def test_a_shell_that_exits_ends_its_command(town: Town) -> None:
    pipeline = await built(town, file_of("echo before; exit 3", "echo after"))

    assert output(pipeline) == "before\n"
    assert [event["exit_code"] for event in events(pipeline, "cmd_finished")] == [3]


async def test_long_output_comes_whole(town: Town) -> None:
    pipeline = await built(town, file_of("seq 1 30000", "printf 'no end of line: é'"))

    numbers = "".join(f"{number}\n" for number in range(1, 30001))
    assert output(pipeline) == f"{numbers}no end of line: é"


async def test_what_takes_too_long_is_killed_with_all_its_children(town: Town) -> None:
    town.runner.job_seconds = 0.3

    pipeline = await built(town, file_of("sleep 300 & sleep 300"))

    assert pipeline.result == "failed"
    assert events(pipeline, "cmd_finished")[0]["exit_code"] == 124


async def test_a_job_without_commands_passes(town: Town) -> None:
    assert (await built(town, file_of(Tests=[]))).result == "passed"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- a", "not a mapping"),
        ("a: [", "not YAML"),
        ("name: x", "blocks"),
        ("blocks: {}", "blocks"),
        ("blocks: {a: 1}", "blocks"),
        ("blocks: [1]", "blocks"),
        ("blocks: [{task: {jobs: 7}}]", "jobs"),
        ("blocks: [{name: x}]", "task"),
    ],
)
async def test_a_file_that_cannot_be_run_is_malformed(town: Town, text: str, why: str) -> None:
    pipeline = await built(town, text)

    assert (pipeline.result, pipeline.reason) == ("failed", "malformed")
    assert why in pipeline.error


async def test_a_commit_without_the_file_has_no_pipeline(town: Town) -> None:
    sha = await town.create_repository(SLUG, {"README.md": "nothing to run"})

    assert await town.finished(sha) == []


async def test_a_push_by_git_over_http_runs_too(town: Town, tmp_path: Path) -> None:
    await built(town, file_of("test -f fixed"))
    work = tmp_path / "clone"
    address = town.git_url.replace("//", f"//x-access-token:{town.github_token}@")
    await run_git(tmp_path, "clone", "--quiet", f"{address}/{SLUG}.git", str(work))
    await run_git(work, "checkout", "--quiet", "-b", "selfheal-1234567")
    (work / "fixed").touch()
    await run_git(work, "add", "fixed")
    await run_git(work, "commit", "--quiet", "-m", "Fix")

    await run_git(work, "push", "--quiet", "origin", "HEAD")

    sha = (await run_git(work, "rev-parse", "HEAD")).strip()
    (pipeline,) = await town.finished(sha)
    assert (pipeline.workflow.ref, pipeline.result) == ("selfheal-1234567", "passed")
    await run_git(work, "push", "--quiet", "origin", ":selfheal-1234567")
    assert len(pipeline.project.pipelines) == 2


async def test_files_are_added_changed_and_deleted_on_branches(town: Town) -> None:
    await town.create_repository(SLUG, {"a": "1", "b": "1"})

    sha = await town.push_files(SLUG, "dev", {"a": None, "b": "2", "bin/run": "#!/bin/sh\n"}, "Change")

    tree = await run_git(town.github.path(SLUG), "ls-tree", "-r", sha)
    assert [(line.split()[0], line.split("\t")[1]) for line in tree.splitlines()] == [
        ("100644", "b"),
        ("100755", "bin/run"),
    ]


@pytest.mark.parametrize(
    ("outcome", "state", "result"),
    [
        (Outcome.PASS, "done", "passed"),
        (Outcome.FAIL, "done", "failed"),
        (Outcome.NEVER_START, "initializing", ""),
        (Outcome.NEVER_END, "running", ""),
    ],
)
async def test_a_plan_decides_what_becomes_of_a_branch(town: Town, outcome: Outcome, state: str, result: str) -> None:
    town.runner.plans.append(Plan(branches="mai*", outcome=outcome, times=1))

    pipeline = await built(town, file_of("true"))

    assert (pipeline.state, pipeline.result) == (state, result)
    sha = await town.push_files(SLUG, "main", {"more": "x"}, "More")
    assert [each.result for each in await town.finished(sha)] == ["passed"]


async def test_a_plan_can_start_late(town: Town) -> None:
    town.runner.plans.append(Plan(delay_seconds=0.05))

    pipeline = await built(town, file_of("true"))

    assert pipeline.running_at is not None
    assert (pipeline.running_at - pipeline.created_at).total_seconds() >= 0.05


async def test_a_pipeline_that_is_asked_to_end_ends(town: Town) -> None:
    town.runner.plans.append(Plan(outcome=Outcome.NEVER_END, times=1))
    running = await built(town, file_of("sleep 300"))
    sha = await town.push_files(SLUG, "main", {"more": "x"}, "More")
    waiting = running.project.pipelines[-1]

    town.world.terminate(running)
    town.world.terminate(waiting)

    assert (await town.finished(sha))[0] is waiting
    assert (running.result, running.reason) == ("stopped", "user")
    assert (waiting.result, waiting.reason) == ("canceled", "user")


async def test_a_rebuild_runs_only_what_had_not_passed(town: Town) -> None:
    pipeline = await built(town, file_of(Lint=["true"], Tests=["false"]))

    again = town.world.partial_rebuild(pipeline)
    await town.finished(pipeline.workflow.commit_sha)

    assert (again.state, again.result) == ("done", "failed")
    first, second = ([job.id for job in each.jobs()] for each in (pipeline, again))
    assert first[0] == second[0]
    assert first[1] != second[1]


async def test_a_run_by_the_api_takes_the_head_of_its_branch(town: Town) -> None:
    pushed = await built(town, file_of("true"))
    project = pushed.project
    body = {"project_id": project.id, "reference": "main"}
    headers = {"Authorization": f"Bearer {town.semaphore_token}"}

    async with httpx.AsyncClient(base_url=town.semaphore_url, headers=headers) as client:
        for reference in ("main", "nowhere"):
            await client.post("/api/v1alpha/plumber-workflows", json={**body, "reference": reference})
    run, lost = project.pipelines[1:]
    for pipeline in (run, lost):
        await town.runner.settled(pipeline.workflow.commit_sha)

    assert (run.result, run.workflow.commit_sha) == ("passed", pushed.workflow.commit_sha)
    assert (lost.result, lost.reason) == ("failed", "stuck")


async def test_a_promotion_without_a_file_is_malformed(town: Town) -> None:
    pipeline = await built(town, file_of("true"))

    child = town.world.promote(pipeline, "Production")
    await town.finished(pipeline.workflow.commit_sha)

    assert (child.result, child.reason) == ("failed", "malformed")


async def test_leaving_the_town_ends_what_runs(tmp_path: Path) -> None:
    async with simulate(tmp_path) as town:
        project = town.project("billing")
        await town.create_repository(SLUG, {".semaphore/semaphore.yml": file_of("sleep 300")})

    assert project.pipelines[0].state != "done"


async def test_the_github_of_the_town_sees_what_was_pushed(town: Town) -> None:
    sha = await town.create_repository(SLUG, {"a": "1"})

    headers = {"Authorization": f"token {town.github_token}"}
    async with httpx.AsyncClient(headers=headers) as client:
        branch = (await client.get(f"{town.github_url}/repos/{SLUG}/branches/main")).json()

    assert branch["commit"]["sha"] == sha


async def test_the_example_fails_and_its_first_commit_passes(tmp_path: Path) -> None:
    async with simulate(tmp_path) as town:
        town.project(example.PROJECT, repository=example.SLUG)
        good = await town.create_repository(example.SLUG, example.FILES)
        bad = await town.push_files(example.SLUG, "main", example.BROKEN, example.MESSAGE)
        results = [(await town.finished(sha))[0] for sha in (good, bad)]

    assert [pipeline.result for pipeline in results] == ["passed", "failed"]
    assert "expected 5" in output(results[1])


async def started(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """The program, and what it printed first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "selfheald.simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        printed = await process.stdout.readuntil(b"organization: acme}\n")
    return process, printed.decode()


async def test_the_program_prints_a_configuration_and_ends_by_a_signal(tmp_path: Path) -> None:
    for _ in range(2):  # the second time the folder is there already
        process, printed = await started("--folder", str(tmp_path))
        try:
            configuration = yaml.safe_load(printed[printed.index("organizations:") :])
            url = configuration["organizations"][0]["url"]
            async with httpx.AsyncClient(headers={"Authorization": "Token semaphore-token"}) as client:
                projects = (await client.get(f"{url}/api/v1alpha/projects")).json()
        finally:
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(60):
                _, errors = await process.communicate()

        assert [each["metadata"]["name"] for each in projects] == ["example"]
        assert (process.returncode, errors) == (0, b"")


def test_a_taken_port_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--semaphore-port", "1", "--folder", "/dev/null/none"]) == 1

    assert capsys.readouterr().err.startswith("the simulator cannot start: ")
