"""One request to the simulated Semaphore and its answer, apart from HTTP; and the three ways to say no."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from selfheald.simulator.faults import FaultKind
from selfheald.simulator.state import Organization, Pipeline, Project, Workflow
from selfheald.simulator.world import World

INTERNAL_ERROR = "Internal error"
"""What an overload and every unmapped error look like."""

GATEWAY_STATUS = {3: 400, 5: 404, 7: 403, 13: 500}
"""HTTP's status for gRPC's codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request past the edge: its sender is known."""

    world: World
    organization: Organization
    user: str
    operation: str
    host: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    """The query's pairs, in order."""
    body: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    """The named parts of the path."""
    fault: FaultKind | None = None
    """A fault that changes what is told rather than how it is sent."""

    @property
    def params(self) -> dict[str, Any]:
        """Query and body merged; the body wins, and the path over both."""
        return {**dict(self.query), **self.body, **self.segments}

    @property
    def project(self) -> Project | None:
        """The project of ``project_id``, if the token may see it."""
        project = self.organization.projects.get(str(self.params.get("project_id")))
        return project if project is not None and project.visible else None

    def workflow(self, workflow_id: object) -> Workflow | None:
        """A workflow, if the token may see it."""
        workflow = self.organization.workflows.get(str(workflow_id))
        return workflow if workflow is not None and workflow.project.visible else None

    def pipeline(self, pipeline_id: object) -> Pipeline | None:
        """A pipeline, if the token may see it."""
        pipeline = self.organization.pipelines.get(str(pipeline_id))
        return pipeline if pipeline is not None and pipeline.project.visible else None

    def once(self, act: Callable[[], "Answer"]) -> "Answer":
        """Act, and repeat the answer when the same ``request_token`` comes again; a refusal is not remembered."""
        token = self.params.get("request_token")
        if not token:
            return as_json("Missing required post parameter request_token.", status=400)
        key = f"{self.operation} {token}"
        if key not in self.organization.answers:
            answer = act()
            if answer.status != HTTPStatus.OK:
                return answer
            self.organization.answers[key] = answer
        remembered: Answer = self.organization.answers[key]
        return remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back. No header is added: most of Semaphore's answers have no Content-Type."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON value; errors of the pipelines' service are a bare JSON string."""
    return Answer(status=status, body=json.dumps(value, separators=(",", ":")).encode(), headers=headers or {})


def as_text(text: str, *, status: int) -> Answer:
    """Raw text, as the edge and the authorization plugs answer."""
    return Answer(status=status, body=text.encode())


def not_found() -> Answer:
    """Missing, foreign or forbidden: one answer for all of them."""
    return as_text("Not Found", status=404)


def internal_error() -> Answer:
    """The service gave up."""
    return as_json(INTERNAL_ERROR, status=500)


def as_message(text: str, *, status: int) -> Answer:
    """How the projects' service says no."""
    return as_json({"message": text}, status=status)


def as_gateway(value: object, *, status: int = 200) -> Answer:
    """The gateway's JSON, the only one with a Content-Type."""
    return as_json(value, status=status, headers={"content-type": "application/json"})


def as_grpc(code: int, message: str) -> Answer:
    """How the gateway says no."""
    return as_gateway({"code": code, "message": message, "details": []}, status=GATEWAY_STATUS[code])
