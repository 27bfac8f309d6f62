"""A small CI: takes pushes, runs their pipeline file for real, and tells the simulated Semaphore what happened."""

import asyncio
import contextlib
import fnmatch
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from selfheald.simulator import pipeline_file
from selfheald.simulator.bare import ZERO_SHA, GitFailedError, commit_message, run_git
from selfheald.simulator.pipeline_file import BlockFile, JobFile, MalformedError
from selfheald.simulator.semaphore_wire import job_variables
from selfheald.simulator.shell import run_commands
from selfheald.simulator.state import JobResult, Pipeline, Project, Workflow
from selfheald.simulator.world import World

JOB_SECONDS = 120.0
"""How long a job may take, unless told otherwise."""


class Outcome(StrEnum):
    """What becomes of a pipeline."""

    RUN = "run"
    """Its commands run, and it ends as they do."""
    PASS = "pass"  # noqa: S105 - no password
    """It passes, and nothing runs."""
    FAIL = "fail"
    """It fails, and nothing runs."""
    NEVER_START = "never_start"
    """It stays as it was created."""
    NEVER_END = "never_end"
    """It starts, and that is all."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What becomes of the pipelines of some branches."""

    branches: str = "*"
    """A pattern as of the shell, for Semaphore's ``branch_name``."""
    outcome: Outcome = Outcome.RUN
    delay_seconds: float = 0.0
    """How long they wait before they start."""
    times: int | None = None
    """For how many pipelines the plan holds; ``None`` is for all."""


@dataclass(slots=True, kw_only=True)
class Runner:
    """Runs every new pipeline of a world whose repository is under ``git_root``."""

    world: World
    git_root: Path
    job_seconds: float = JOB_SECONDS
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """What the organization's secrets put into the environment of every job."""
    plans: list[Plan] = field(default_factory=list)
    """The first one that fits is taken."""
    _tasks: dict[Pipeline, asyncio.Task[None]] = field(default_factory=dict)

    async def on_push(self, slug: str, branch: str, old: str, new: str) -> None:  # noqa: ARG002 - the git server's call
        """Start a pipeline in each project of the repository if the pushed commit has its pipeline file."""
        if new == ZERO_SHA:
            return
        projects = [
            project
            for organization in self.world.organizations.values()
            for project in organization.projects.values()
            if project.slug == slug
        ]
        for project in projects:
            known = await commit_message(self._repository(project), new)
            if known is not None and await self._file(project, new, project.pipeline_file) is not None:
                workflow = self.world.push(project, branch=branch, commit_sha=new, message=known[1])
                self.launch(workflow.pipeline)

    def launch(self, pipeline: Pipeline) -> None:
        """Begin to run a pipeline, by the plan for its branch."""
        plan = self._plan(pipeline.workflow.ref)
        if plan.outcome is not Outcome.NEVER_START:
            name = f"simulator-pipeline-{pipeline.id}"
            # Not a TaskGroup: a pipeline must not end with the request that started it.
            task = asyncio.create_task(self._carry_out(pipeline, plan), name=name)
            self._tasks[pipeline] = task
            task.add_done_callback(lambda ended: self._forget(pipeline, ended))

    def _forget(self, pipeline: Pipeline, ended: asyncio.Task[None]) -> None:
        """Let go of a task, unless it has something to tell when the runner stops."""
        if ended.cancelled() or ended.exception() is None:
            self._tasks.pop(pipeline, None)

    def end(self, pipeline: Pipeline) -> None:
        """End a pipeline that somebody asked to end."""
        task = self._tasks.get(pipeline)
        if task is not None:
            task.cancel()
        pipeline.finish("canceled" if pipeline.running_at is None else "stopped", "user")

    async def settled(self, commit_sha: str) -> Sequence[Pipeline]:
        """Wait until nothing runs for a commit any more; gives its pipelines, oldest creation first."""
        mine = [task for pipeline, task in self._tasks.items() if pipeline.workflow.commit_sha == commit_sha]
        if mine:
            await asyncio.wait(mine)
        return [
            pipeline
            for organization in self.world.organizations.values()
            for project in organization.projects.values()
            for pipeline in project.pipelines
            if pipeline.workflow.commit_sha == commit_sha
        ]

    async def stop(self) -> None:
        """End everything that runs. Raises what went wrong in the runner itself, if anything did."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _carry_out(self, pipeline: Pipeline, plan: Plan) -> None:
        await asyncio.sleep(plan.delay_seconds)
        match plan.outcome:
            case Outcome.NEVER_END:
                pipeline.start(["Tests"])
            case Outcome.PASS | Outcome.FAIL:
                result = "passed" if plan.outcome is Outcome.PASS else "failed"
                pipeline.start(["Tests"])
                pipeline.finish(result, jobs=[JobResult(name="Decided beforehand", result=result)])
            case _:
                await self._run(pipeline)

    async def _resolve(self, workflow: Workflow) -> bool:
        """Find the commit of a run by the API, which names a branch only; ``False``: there is none."""
        repository = self._repository(workflow.project)
        found = await commit_message(repository, workflow.commit_sha)
        if found is None and workflow.triggered_by == "api":
            found = await commit_message(repository, f"refs/heads/{workflow.ref}")
        if found is not None:
            workflow.commit_sha, workflow.message = found
        return found is not None

    async def _run(self, pipeline: Pipeline) -> None:
        if not await self._resolve(pipeline.workflow):
            pipeline.finish("failed", "stuck")
            return
        sha = pipeline.workflow.commit_sha
        text = await self._file(pipeline.project, sha, pipeline.file)
        if text is None:
            pipeline.finish("failed", "malformed", error=f"there is no file {pipeline.file} at {sha}")
            return
        try:
            wanted = pipeline_file.parse(text)
        except MalformedError as error:
            pipeline.finish("failed", "malformed", error=str(error))
            return
        pipeline.name = wanted.name
        passed = {block.name for block in pipeline.blocks}
        to_do = [block for block in wanted.blocks if block.name not in passed]
        pipeline.start([block.name for block in to_do])
        for block in to_do:
            if not await self._run_block(pipeline, block):
                pipeline.finish("failed")
                return
        pipeline.finish("passed")

    async def _run_block(self, pipeline: Pipeline, wanted: BlockFile) -> bool:
        block = pipeline.block(wanted.name)
        for job in wanted.jobs:
            await self._run_job(pipeline, wanted.name, job)
        block.finish()
        return block.result == "passed"

    async def _run_job(self, pipeline: Pipeline, block: str, wanted: JobFile) -> None:
        job = pipeline.add_job(wanted.name, block=block, commands=wanted.commands)
        async with self._checkout(pipeline) as folder:
            job.start()
            code = 0
            if wanted.commands:
                variables = {**job_variables(job), **self.secrets}
                code = await run_commands(
                    job, wanted.commands, folder=folder, variables=variables, seconds=self.job_seconds
                )
            job.finish("passed" if code == 0 else "failed")

    @asynccontextmanager
    async def _checkout(self, pipeline: Pipeline) -> AsyncIterator[Path]:
        """The commit's files with a ``.git`` of their own, in a folder that is gone afterwards."""
        # What a job left running may still write for a moment after its end.
        with tempfile.TemporaryDirectory(prefix="selfheald-job-", ignore_cleanup_errors=True) as folder:
            repository = str(self._repository(pipeline.project))
            await run_git(Path(folder), "clone", "--quiet", "--no-checkout", "--shared", repository, "work")
            work = Path(folder, "work")
            await run_git(work, "checkout", "--quiet", "--detach", pipeline.workflow.commit_sha)
            yield work

    async def _file(self, project: Project, sha: str, path: str) -> str | None:
        with contextlib.suppress(GitFailedError):
            return await run_git(self._repository(project), "show", f"{sha}:{path}")
        return None

    def _repository(self, project: Project) -> Path:
        return self.git_root / f"{project.slug}.git"

    def _plan(self, ref: str) -> Plan:
        for plan in self.plans:
            if plan.times != 0 and fnmatch.fnmatchcase(ref, plan.branches):
                if plan.times is not None:
                    plan.times -= 1
                return plan
        return Plan()


@asynccontextmanager
async def running(world: World, git_root: Path, *, job_seconds: float = JOB_SECONDS) -> AsyncIterator[Runner]:
    """A runner for a world; leaving the context ends whatever runs."""
    runner = Runner(world=world, git_root=git_root, job_seconds=job_seconds)
    world.on_new_pipeline.append(runner.launch)
    world.on_terminate.append(runner.end)
    try:
        yield runner
    finally:
        world.on_new_pipeline.remove(runner.launch)
        world.on_terminate.remove(runner.end)
        await runner.stop()
