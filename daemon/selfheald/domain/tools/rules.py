"""How each of Semaphore's read tools is held to the failing workflow. What stands in no rule never leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfheald.domain.tools.reach import Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What of a tool's arguments is passed on, and how it is held."""

    ids: Mapping[str, Id] = field(default_factory=dict)
    """Arguments that are ids; each has to be within reach. Those of organization and project are filled in."""
    choices: Mapping[str, tuple[str, Id]] = field(default_factory=dict)
    """What ``scope`` may be, and which argument then is an id of what."""
    texts: tuple[str, ...] = ()
    """Other arguments that are passed on, in good form; see :mod:`selfheald.domain.tools.forms`."""
    required: frozenset[str] = frozenset()
    """Those of ``texts`` that may not be left out."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What is asked whatever the agent wants: the largest page; not only the token owner's workflows; an organization
    without its security settings."""
    window: str = ""
    """Which pages its answer has here: ``log`` (backward, by events), ``content`` (forward, by characters), or none."""


_ORGANIZATION = {"organization_id": Id.ORGANIZATION}
_PROJECT = {"project_id": Id.PROJECT, **_ORGANIZATION}
_ARTIFACTS = {"workflows": ("scope_id", Id.WORKFLOW), "jobs": ("scope_id", Id.JOB)}

RULES: Mapping[str, Rule] = {
    "artifact_job_logs": Rule(ids={"job_id": Id.JOB, **_ORGANIZATION}, window="content"),
    "artifacts_list": Rule(ids=_PROJECT, choices=_ARTIFACTS, texts=("path",)),
    "artifacts_signed_url": Rule(
        ids=_PROJECT, choices=_ARTIFACTS, texts=("path",), required=frozenset({"path"}), window="content"
    ),
    "docs_search": Rule(texts=("query", "limit", "version"), required=frozenset({"query"})),
    "get_test_results": Rule(
        choices={"job": ("job_id", Id.JOB), "pipeline": ("pipeline_id", Id.PIPELINE)}, window="content"
    ),
    "jobs_describe": Rule(ids={"job_id": Id.JOB, **_ORGANIZATION}, texts=("mode",)),
    "jobs_logs": Rule(ids={"job_id": Id.JOB}, window="log"),
    "organizations_list": Rule(fixed={"limit": 100, "mode": "summary"}),
    "pipeline_jobs": Rule(ids={"pipeline_id": Id.PIPELINE, **_ORGANIZATION}, texts=("mode",)),
    "pipelines_list": Rule(ids={"workflow_id": Id.WORKFLOW, **_PROJECT}, texts=("mode",), fixed={"limit": 100}),
    "projects_list": Rule(ids=_ORGANIZATION, texts=("mode",), fixed={"limit": 200}),
    "projects_search": Rule(ids=_ORGANIZATION, texts=("query", "repository_url", "mode"), fixed={"limit": 50}),
    "tasks_describe": Rule(ids={"task_id": Id.TASK, **_PROJECT}, texts=("mode",)),
    "tasks_list": Rule(ids=_PROJECT, texts=("mode",), fixed={"limit": 100}),
    "workflows_search": Rule(ids=_PROJECT, texts=("branch", "mode"), fixed={"limit": 100, "my_workflows_only": False}),
}

WRITE_TOOLS = frozenset({"tasks_run", "workflows_rerun", "workflows_run"})
"""Semaphore's tools that do not only read."""
