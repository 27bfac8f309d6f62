"""A simulated Semaphore with a failed workflow, and the tools on top of it."""

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from selfheald.domain.events import ApiRequest
from selfheald.domain.zone import Scope
from selfheald.ports import ToolAnswer
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.client import SemaphoreClient
from selfheald.semaphore.tools.tools import SemaphoreTools, make_tools
from selfheald.simulator.semaphore import semaphore_app
from selfheald.simulator.serving import serve
from selfheald.simulator.state import Job, JobResult, Organization, Pipeline, Project
from selfheald.simulator.world import World

TOKEN = "semaphore-token"
OTHER_TOKEN = "other-token"

JUNIT = '<testsuite failures="1"><testcase name="adds"><failure>1 != 2</failure></testcase></testsuite>'
SUMMARY = json.dumps({"failed": [{"name": "adds"}]})


async def at_once(_: float) -> None:
    """Wait for nothing."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """A failed workflow, another one beside it, and another organization."""

    world: World
    organization: Organization
    project: Project
    failed: Pipeline
    other: Pipeline
    """Another workflow of the same project."""
    foreign: Pipeline
    """A workflow of another organization, whose token is another one."""
    url: str
    client: SemaphoreClient
    tools: SemaphoreTools
    observed: list[ApiRequest] = field(default_factory=list)

    @property
    def job(self) -> Job:
        """The failed job."""
        return next(iter(self.failed.jobs()))

    @property
    def scope(self) -> Scope:
        """What an attempt knows at its start."""
        return Scope(
            organization_id=self.organization.id,
            project_id=self.project.id,
            workflow_ids=frozenset({self.failed.workflow.id}),
            pipeline_ids=frozenset({self.failed.id}),
            job_ids=frozenset({self.job.id}),
        )

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids that tools are asked with."""
        return {"organization_id": self.organization.id, "project_id": self.project.id}

    async def call(self, name: str, **arguments: object) -> ToolAnswer:
        """Ask a tool, as the gateway does."""
        return await self.tools.call(name, arguments)

    async def told(self, name: str, **arguments: object) -> Mapping[str, Any]:
        """What a tool says."""
        answer = await self.call(name, **arguments)
        assert not answer.is_error, answer.text
        assert answer.structured is not None
        return answer.structured


def _failed(world: World, project: Project, log: str = "1 failure\n") -> Pipeline:
    pipeline = world.push(project, message="Break the totals").pipeline
    pipeline.start(["Tests"])
    jobs = [
        JobResult(name="Unit", result="failed", log_text=log),
        JobResult(name="Far", result="failed", log_text="far 1\nfar 2\n", self_hosted=True),
        JobResult(name="Lint"),
    ]
    pipeline.finish("failed", jobs=jobs)
    unit = next(iter(pipeline.jobs()))
    unit.artifacts["test-results/junit.xml"] = JUNIT.encode()
    unit.artifacts["agent/job_logs.txt.gz"] = gzip.compress(b"the whole log\n")
    unit.artifacts["image.png"] = b"\x89PNG\x00\x00"
    pipeline.workflow.artifacts[f"test-results/{pipeline.id}-summary.json"] = gzip.compress(SUMMARY.encode())
    return pipeline


@asynccontextmanager
async def scene(*, mcp: bool, mcp_path: str = "/mcp") -> AsyncIterator[Scene]:
    """The scene, with or without Semaphore's MCP server."""
    world, observed = World(), list[ApiRequest]()
    organization = world.add_organization("acme", tokens=[TOKEN])
    stranger = world.add_organization("umbrella", tokens=[OTHER_TOKEN])
    project = world.add_project(organization, "billing")
    world.add_project(organization, "storefront")
    foreign = _failed(world, world.add_project(stranger, "virus"), log="their secret\n")
    other = _failed(world, project)
    failed = _failed(world, project)
    async with serve(semaphore_app(world)) as url:
        bucket = TokenBucket(1000, burst=1000)
        async with SemaphoreClient(url, lambda: TOKEN, bucket=bucket, observe=observed.append, sleep=at_once) as client:
            mcp_url = url + mcp_path if mcp else None
            tools = make_tools("acme", client, mcp_url=mcp_url, token=lambda: TOKEN, observe=observed.append)
            try:
                yield Scene(
                    world=world,
                    organization=organization,
                    project=project,
                    failed=failed,
                    other=other,
                    foreign=foreign,
                    url=url,
                    client=client,
                    tools=tools,
                    observed=observed,
                )
            finally:
                await tools.aclose()
