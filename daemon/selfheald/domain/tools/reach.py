"""The ids that an attempt may ask for: the failing workflow's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from selfheald.domain.zone import Members, Scope


class Id(StrEnum):
    """What an id is of."""

    ORGANIZATION = "organization"
    PROJECT = "project"
    WORKFLOW = "workflow"
    PIPELINE = "pipeline"
    JOB = "job"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Reach:
    """The ids within reach, by kind: as they are compared, and as Semaphore writes them."""

    ids: Mapping[Id, Mapping[str, str]]

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """What is known when the attempt starts."""
        return cls({kind: {} for kind in Id}).joined(
            {
                Id.ORGANIZATION: (scope.organization_id,),
                Id.PROJECT: (scope.project_id,),
                Id.WORKFLOW: scope.workflow_ids,
                Id.PIPELINE: scope.pipeline_ids,
                Id.JOB: scope.job_ids,
            }
        )

    def joined(self, more: Mapping[Id, Iterable[str]]) -> Self:
        """Give the reach with these ids too."""
        return type(self)(
            {kind: {**known, **_compared(more.get(kind, ()))} for kind, known in self.ids.items()},
        )

    def with_members(self, members: Members) -> Self:
        """Give the reach with a workflow's pipelines and jobs too."""
        return self.joined({Id.PIPELINE: members.pipeline_ids, Id.JOB: members.job_ids})

    def find(self, kind: Id, value: str) -> str | None:
        """Give the id as Semaphore writes it, whatever the case and the space around it; ``None``: out of reach."""
        return self.ids[kind].get(comparable(value))

    def has(self, kind: Id, value: object) -> bool:
        """Whether this is an id within reach."""
        return isinstance(value, str) and self.find(kind, value) is not None

    def all_of(self, kind: Id) -> tuple[str, ...]:
        """Give the ids of a kind, in order."""
        return tuple(sorted(self.ids[kind].values()))

    def holds(self, value: str) -> bool:
        """Whether this is an id within reach, of whatever."""
        return any(self.find(kind, value) is not None for kind in Id)


def comparable(value: str) -> str:
    """Give an id as ids are compared: Semaphore takes upper case and space around it for the same id."""
    return value.strip().lower()


def _compared(values: Iterable[str]) -> Mapping[str, str]:
    return {comparable(value): value for value in values if value.strip()}
