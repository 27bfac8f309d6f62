"""The world behind the simulated Semaphore: what a script does to it, and what the API does to it."""

import secrets
from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from selfheald.simulator.faults import Faults
from selfheald.simulator.hooks import Hooks
from selfheald.simulator.state import (
    DEFAULT_FILE,
    Block,
    Clock,
    Organization,
    Pipeline,
    Project,
    Promotion,
    PullRequestHead,
    Workflow,
    new_id,
)

AUTO_PROMOTION = "Pipeline Done request"
"""What Semaphore names as the trigger of an automatic promotion."""


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class World:
    """All organizations. One event loop owns it; every change is a plain call without awaiting."""

    clock: Clock = utc_now
    hooks: Hooks = field(default_factory=Hooks)
    faults: Faults = field(default_factory=Faults)
    organizations: dict[str, Organization] = field(default_factory=dict)
    on_terminate: list[Callable[[Pipeline], None]] = field(default_factory=list)
    """Told of each pipeline that somebody asks to end."""
    on_new_pipeline: list[Callable[[Pipeline], None]] = field(default_factory=list)
    """Told of each new pipeline that no push made: a run by the API, a rerun, a rebuild, a promotion."""

    def add_organization(self, name: str, *, tokens: Sequence[str] = ("semaphore-token",)) -> Organization:
        """A new organization whose API accepts these tokens."""
        organization = Organization(name=name, tokens={token: new_id() for token in tokens})
        self.organizations[name] = organization
        return organization

    def add_project(
        self,
        organization: Organization,
        name: str,
        *,
        owner: str = "acme",
        repo: str | None = None,
        pipeline_file: str = DEFAULT_FILE,
        run_on: Sequence[str] = ("branches", "tags", "pull_requests"),
        integration_type: str = "github_app",
    ) -> Project:
        """A new project; its repository's name is the project's unless told otherwise."""
        project = Project(
            name=name,
            organization=organization,
            owner=owner,
            repo=repo or name,
            pipeline_file=pipeline_file,
            run_on=run_on,
            integration_type=integration_type,
            created_at=self.clock(),
        )
        organization.projects[project.id] = project
        return project

    def project(self, name: str, *, organization: str | None = None) -> Project:
        """The project of this name; raises ``KeyError`` when there is none."""
        for candidate in self.organizations.values():
            if organization in {None, candidate.name}:
                for project in candidate.projects.values():
                    if project.name == name:
                        return project
        raise KeyError(name)

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """The pipeline of this id; raises ``KeyError`` when there is none."""
        for candidate in self.organizations.values():
            if pipeline_id in candidate.pipelines:
                return candidate.pipelines[pipeline_id]
        raise KeyError(pipeline_id)

    def push(  # noqa: PLR0913 - each is a fact of a push, and all have names
        self,
        project: Project,
        *,
        branch: str = "main",
        tag: str | None = None,
        pull_request: PullRequestHead | None = None,
        commit_sha: str | None = None,
        message: str = "Change something",
        author: str = "octocat",
        triggered_by: str = "hook",
        created_at: datetime | None = None,
        name: str = "Pipeline",
        file: str | None = None,
        targets: Mapping[str, Sequence[str]] | None = None,
        env_vars: Mapping[str, str] | None = None,
    ) -> Workflow:
        """What a push does: a workflow with its initial pipeline, which is still ``initializing``.

        A pull request wins over a tag, a tag over a branch. ``targets`` are the pipeline's promotions with their
        parameters' names. Without ``commit_sha`` one is made up.
        """
        workflow = Workflow(
            project=project,
            ref=branch_name(branch, tag, pull_request),
            commit_sha=commit_sha or secrets.token_hex(20),
            message=message,
            author=author,
            requester_id=next(iter(project.organization.tokens.values()), new_id()),
            created_at=created_at or self.clock(),
            triggered_by=triggered_by,
            head=pull_request,
        )
        self._open(workflow)
        pipeline = self._pipeline(workflow, name=name, file=file or project.pipeline_file, targets=targets or {})
        pipeline.env_vars = dict(env_vars or {})
        return workflow

    def partial_rebuild(self, pipeline: Pipeline, *, user: str = "") -> Pipeline:
        """A new pipeline of the same workflow that keeps the passed blocks, jobs and all."""
        again = self._pipeline(
            pipeline.workflow, name=pipeline.name, file=pipeline.file, targets=pipeline.targets, at=self.clock()
        )
        again.partial_rerun_of = pipeline.id
        again.partially_rerun_by = user or pipeline.workflow.requester_id
        again.blocks = [_copied(block) for block in pipeline.blocks if block.result == "passed"]
        return self.announce(again)

    def rerun(self, workflow: Workflow, *, user: str = "") -> Workflow:
        """A new workflow for the same commit."""
        again = Workflow(
            project=workflow.project,
            ref=workflow.ref,
            commit_sha=workflow.commit_sha,
            message=workflow.message,
            author=workflow.author,
            requester_id=user or workflow.requester_id,
            created_at=self.clock(),
            triggered_by=workflow.triggered_by,
            rerun_of=workflow.id,
            head=workflow.head,
            hook_id=workflow.hook_id,
            branch_id=workflow.branch_id,
        )
        self._open(again)
        first = workflow.pipeline
        self.announce(self._pipeline(again, name=first.name, file=first.file, targets=first.targets))
        return again

    def promote(
        self,
        pipeline: Pipeline,
        name: str,
        *,
        user: str | None = None,
        override: bool = False,
        parameters: Mapping[str, str] | None = None,
        file: str | None = None,
    ) -> Pipeline:
        """Trigger a promotion: a new pipeline of the same workflow. Without a ``user`` it is an automatic one."""
        file = file or f".semaphore/{name.lower().replace(' ', '-')}.yml"
        child = self._pipeline(pipeline.workflow, name=name, file=file, targets={}, at=self.clock())
        child.promotion_of, child.auto_promoted = pipeline.id, user is None
        child.env_vars = dict(parameters or {})
        triggered_by = AUTO_PROMOTION if user is None else user
        pipeline.promotions.append(
            Promotion(name=name, pipeline=child, triggered_by=triggered_by, override=override, at=child.created_at)
        )
        return self.announce(child)

    def announce(self, pipeline: Pipeline) -> Pipeline:
        """Tell :attr:`on_new_pipeline` of a pipeline."""
        for listener in self.on_new_pipeline:
            listener(pipeline)
        return pipeline

    def terminate(self, pipeline: Pipeline) -> bool:
        """Ask a pipeline to end; it is over when the script (or the runner) finishes it. ``False``: it was done."""
        if pipeline.state == "done":
            return False
        if pipeline.running_at is None:
            pipeline.terminate_request = "cancel"
        else:
            pipeline.terminate_request, pipeline.state = "stop", "stopping"
            pipeline.stopping_at = pipeline.stopping_at or self.clock()
        for listener in self.on_terminate:
            listener(pipeline)
        return True

    def _open(self, workflow: Workflow) -> None:
        insort(workflow.project.workflows, workflow, key=lambda known: known.created_at)
        workflow.project.organization.workflows[workflow.id] = workflow

    def _pipeline(
        self,
        workflow: Workflow,
        *,
        name: str,
        file: str,
        targets: Mapping[str, Sequence[str]],
        at: datetime | None = None,
    ) -> Pipeline:
        return workflow.add(
            Pipeline(
                name=name,
                file=file,
                workflow=workflow,
                clock=self.clock,
                created_at=at or workflow.created_at,
                targets=targets,
                switch_id=new_id() if targets else "",
            )
        )


def branch_name(branch: str, tag: str | None, pull_request: PullRequestHead | None) -> str:
    """Semaphore's ``branch_name`` for what is built: a pull request wins over a tag, a tag over a branch."""
    if pull_request is not None:
        return f"pull-request-{pull_request.number}"
    return f"refs/tags/{tag}" if tag is not None else branch


def _copied(block: Block) -> Block:
    """A passed block as a partial rebuild shows it: an own id, the same jobs with the same ids."""
    return Block(
        id=new_id(),
        build_id=block.build_id,
        name=block.name,
        state="done",
        result="passed",
        reason=block.reason,
        jobs=list(block.jobs),
    )
