"""Names for identifiers, so that one kind cannot be passed for another."""

from typing import NewType

OrganizationName = NewType("OrganizationName", str)
"""An organization's name in the configuration."""

ProjectName = NewType("ProjectName", str)
"""A Semaphore project's name."""

AgentName = NewType("AgentName", str)
"""An agent's name in the configuration."""

PipelineId = NewType("PipelineId", str)
WorkflowId = NewType("WorkflowId", str)
JobId = NewType("JobId", str)

CaseId = NewType("CaseId", int)
AttemptId = NewType("AttemptId", int)

Sha = NewType("Sha", str)
"""A full git commit id, 40 lower-case hexadecimal characters."""

Slug = NewType("Slug", str)
"""A GitHub repository as ``owner/name``."""
