"""What a simulated Semaphore knows: plain records with the few moves of their own life.

Times are aware and in UTC; ``None`` is "not yet". Enumerations are the words of Semaphore's API in lower case. The
meaning of the fields is Semaphore's public API v1alpha as implemented.
"""

from __future__ import annotations

import posixpath
import uuid
from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Clock = Callable[[], datetime]

LogEvent = dict[str, Any]
"""One event of a job's log, as the agent writes it; its ``timestamp`` is in Unix seconds."""

DEFAULT_FILE = ".semaphore/semaphore.yml"

FEATURES = ("artifacts_api", "mcp_server_artifacts_tools", "mcp_server_read_tools")
"""What an organization has at first of what Semaphore switches on by organization."""


def new_id() -> str:
    """A fresh UUID."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestHead:
    """What Semaphore knows about a pull request whose test-merge commit it builds."""

    number: int
    sha: str
    """The pull request's head, which is not the commit that is built."""
    branch: str
    target: str = "main"
    slug: str = ""
    """The head repository as ``owner/name``; empty means the project's own, another one makes it a fork's."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """One finished job, as a script tells it."""

    name: str
    block: str = "Tests"
    result: str = "passed"
    """``passed``, ``failed`` or ``stopped``."""
    log_text: str = ""
    """Becomes the output of one command; ``events`` wins."""
    events: Sequence[LogEvent] = ()
    command: str = "make test"
    self_hosted: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A job of a block."""

    id: str = field(default_factory=new_id)
    name: str
    index: int = 0
    pipeline: Pipeline = field(repr=False)
    block: str
    state: str = "pending"
    """``pending``, ``queued``, ``running`` or ``finished``."""
    result: str = "none"
    """``none`` until finished."""
    commands: Sequence[str] = ()
    events: list[LogEvent] = field(default_factory=list, repr=False)
    self_hosted: bool = False
    restricted: bool = False
    """A restricted job hides its environment from the API."""
    artifacts: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What it uploaded, by path."""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def start(self) -> None:
        """An agent has taken the job."""
        self.state, self.started_at = "running", self.pipeline.clock()
        self.write({"event": "job_started"})

    def write(self, event: LogEvent) -> None:
        """Append an event to the log; a missing ``timestamp`` is the present."""
        now = self.pipeline.clock()
        self.updated_at = now
        self.events.append({"timestamp": int(now.timestamp()), **event})

    def finish(self, result: str) -> None:
        """The job ended: ``passed``, ``failed`` or ``stopped``. A job that never started keeps an empty log."""
        if self.started_at is not None:
            self.write({"event": "job_finished", "result": result})
        self.state, self.result = "finished", result
        self.finished_at = self.updated_at = self.pipeline.clock()


@dataclass(slots=True, kw_only=True, eq=False)
class Block:
    """A block of a pipeline. Its jobs appear when it starts."""

    id: str = ""
    """Empty until it starts."""
    build_id: str = ""
    name: str
    state: str = "waiting"
    result: str = ""
    reason: str = ""
    jobs: list[Job] = field(default_factory=list)

    def start(self) -> None:
        """The block's turn has come."""
        self.state, self.id, self.build_id = "running", new_id(), new_id()

    def finish(self) -> None:
        """Every job ended; the result follows from theirs."""
        results = {job.result for job in self.jobs}
        self.state, self.reason = "done", "test"
        self.result = next((result for result in ("failed", "stopped") if result in results), "passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One trigger of a promotion's target."""

    name: str
    pipeline: Pipeline = field(repr=False)
    """The pipeline that the promotion started."""
    triggered_by: str
    """A user's id, or ``Pipeline Done request`` for an automatic one."""
    override: bool
    at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Pipeline:
    """One run of one pipeline file."""

    id: str = field(default_factory=new_id)
    name: str = "Pipeline"
    file: str = DEFAULT_FILE
    workflow: Workflow = field(repr=False)
    clock: Clock = field(repr=False)
    created_at: datetime
    state: str = "initializing"
    result: str = ""
    reason: str = ""
    error: str = ""
    pending_at: datetime | None = None
    queuing_at: datetime | None = None
    running_at: datetime | None = None
    stopping_at: datetime | None = None
    done_at: datetime | None = None
    blocks: list[Block] = field(default_factory=list)
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Its promotions: each target's name with the names of its parameters."""
    switch_id: str = ""
    promotions: list[Promotion] = field(default_factory=list)
    promotion_of: str = ""
    auto_promoted: bool = False
    partial_rerun_of: str = ""
    partially_rerun_by: str = ""
    terminate_request: str = ""
    env_vars: Mapping[str, str] = field(default_factory=dict)
    """Parameters of a promotion or of an API run."""
    has_after_task: bool = False

    @property
    def project(self) -> Project:
        """The project that it belongs to."""
        return self.workflow.project

    @property
    def fresh(self) -> bool:
        """Whether Semaphore has not yet put together what it knows about the commit."""
        return self.state == "initializing"

    def jobs(self) -> Iterable[Job]:
        """The jobs of all blocks, in order."""
        return (job for block in self.blocks for job in block.jobs)

    def queue(self) -> None:
        """Initialized, and waiting for a place."""
        self.pending_at = self.queuing_at = self.clock()
        self.state = "queuing"

    def start(self, blocks: Sequence[str] = ()) -> None:
        """It runs. ``blocks`` names the blocks of its file, in order; none of them has started."""
        if self.queuing_at is None:
            self.queue()
        self.state, self.running_at = "running", self.clock()
        self.blocks += [Block(name=name) for name in blocks]

    def block(self, name: str) -> Block:
        """The block of this name; a new one, started, if there is none."""
        found = next((block for block in self.blocks if block.name == name), None)
        if found is None:
            found = Block(name=name)
            self.blocks.append(found)
        if found.state == "waiting":
            found.start()
        return found

    def add_job(self, name: str, *, block: str, commands: Sequence[str] = (), self_hosted: bool = False) -> Job:
        """A new job of a block, enqueued."""
        jobs, now = self.block(block).jobs, self.clock()
        job = Job(
            name=name,
            index=len(jobs),
            pipeline=self,
            block=block,
            state="queued",
            commands=commands,
            self_hosted=self_hosted,
            created_at=now,
            updated_at=now,
        )
        jobs.append(job)
        self.project.organization.jobs[job.id] = job
        return job

    def stamp_done(self, at: datetime | None = None) -> None:
        """Write ``done_at`` while the state is still what it was: Semaphore does so for a moment."""
        self.done_at = at or self.clock()

    def finish(
        self,
        result: str = "passed",
        reason: str = "test",
        *,
        jobs: Sequence[JobResult] = (),
        done_at: datetime | None = None,
        error: str = "",
        stamped: bool = True,
    ) -> None:
        """It is done. A ``done_at`` in the past is a row that became visible late.

        ``stamped=False`` leaves ``done_at`` as it is, so the state is done first: what Semaphore's watchdog does.
        """
        if self.running_at is None and result not in {"canceled", ""} and reason != "malformed":
            self.start()
        for told in jobs:
            self._add_finished(told)
        for block in self.blocks:
            self._close(block, result)
        if stamped:
            self.done_at = done_at or self.done_at or self.clock()
        self.state, self.result, self.reason, self.error = "done", result, reason, error

    def _add_finished(self, told: JobResult) -> None:
        job = self.add_job(told.name, block=told.block, commands=(told.command,), self_hosted=told.self_hosted)
        job.start()
        for event in told.events or text_events(told):
            job.write(event)
        if told.events and told.events[-1].get("event") == "job_finished":
            job.events.pop()
        job.finish(told.result)

    def _close(self, block: Block, result: str) -> None:
        if block.state == "done":
            return
        if block.state == "waiting":
            block.state, block.result, block.reason = "done", "canceled", "strategy"
            return
        for job in block.jobs:
            if job.state != "finished":
                job.finish("stopped" if result != "passed" else "passed")
        block.finish()


def text_events(told: JobResult) -> Sequence[LogEvent]:
    """The log of a job that ran one command with this output."""
    code = 0 if told.result == "passed" else 1
    return (
        {"event": "cmd_started", "directive": told.command},
        {"event": "cmd_output", "output": told.log_text},
        {"event": "cmd_finished", "directive": told.command, "exit_code": code},
    )


@dataclass(slots=True, kw_only=True, eq=False)
class Workflow:
    """All pipelines of one trigger."""

    id: str = field(default_factory=new_id)
    project: Project = field(repr=False)
    ref: str
    """Semaphore's ``branch_name``: ``main``, ``refs/tags/v1`` or ``pull-request-7``."""
    commit_sha: str
    message: str
    author: str
    requester_id: str
    created_at: datetime
    triggered_by: str = "hook"
    """``hook``, ``schedule``, ``api`` or ``manual_run``."""
    rerun_of: str = ""
    head: PullRequestHead | None = None
    hook_id: str = field(default_factory=new_id)
    branch_id: str = field(default_factory=new_id)
    pipelines: list[Pipeline] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What its jobs put there, by path."""

    @property
    def pipeline(self) -> Pipeline:
        """The initial pipeline."""
        return self.pipelines[0]

    @property
    def kind(self) -> str:
        """``branch``, ``tag`` or ``pr``."""
        return "tag" if self.ref.startswith("refs/tags/") else "pr" if self.head else "branch"

    @property
    def label(self) -> str:
        """The reference without its prefix."""
        return self.ref.removeprefix("refs/tags/").removeprefix("pull-request-" if self.head else "")

    def add(self, pipeline: Pipeline) -> Pipeline:
        """Make a pipeline known to its workflow, project and organization."""
        self.pipelines.append(pipeline)
        insort(self.project.pipelines, pipeline, key=lambda known: known.created_at)
        self.project.organization.pipelines[pipeline.id] = pipeline
        return pipeline


@dataclass(slots=True, kw_only=True, eq=False)
class Project:
    """A project and the repository behind it."""

    id: str = field(default_factory=new_id)
    name: str
    organization: Organization = field(repr=False)
    owner: str
    repo: str
    repository_id: str = field(default_factory=new_id)
    pipeline_file: str = DEFAULT_FILE
    integration_type: str = "github_app"
    run_on: Sequence[str] = ("branches", "tags", "pull_requests")
    visible: bool = True
    """Whether the organization's tokens may see it."""
    created_at: datetime
    pipelines: list[Pipeline] = field(default_factory=list, repr=False)
    """Oldest creation first."""
    workflows: list[Workflow] = field(default_factory=list, repr=False)
    """Oldest creation first."""

    @property
    def slug(self) -> str:
        """The repository as ``owner/name``."""
        return posixpath.join(self.owner, self.repo)


@dataclass(slots=True, kw_only=True, eq=False)
class Organization:
    """An organization: its tokens, and everything in it by id."""

    id: str = field(default_factory=new_id)
    name: str
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """Each accepted token with its user's id."""
    projects: dict[str, Project] = field(default_factory=dict, repr=False)
    workflows: dict[str, Workflow] = field(default_factory=dict, repr=False)
    pipelines: dict[str, Pipeline] = field(default_factory=dict, repr=False)
    jobs: dict[str, Job] = field(default_factory=dict, repr=False)
    """Oldest creation first."""
    features: set[str] = field(default_factory=lambda: set(FEATURES))
    """What is switched on."""
    answers: dict[str, Any] = field(default_factory=dict, repr=False)
    """What was answered to each ``request_token``, so that the same one does nothing twice."""
