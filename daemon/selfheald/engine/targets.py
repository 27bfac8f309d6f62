"""Which Semaphore project and which repository stand behind each configured project."""

from collections.abc import Mapping, Sequence

import structlog

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.ids import OrganizationName, ProjectName
from selfheald.domain.policy import Mode, Project, Target
from selfheald.ports import CI, SemaphoreProject

log = structlog.get_logger()


class Targets:
    """The configured projects that Semaphore knows; asked for again from time to time."""

    def __init__(self, projects: Sequence[Project], cis: Mapping[OrganizationName, CI]) -> None:
        self._projects = {project.name: project for project in projects}
        self._cis = cis
        self._targets: dict[ProjectName, Target] = {}
        self._problems: dict[ProjectName, str] = {}
        self._contacted: set[OrganizationName] = set()

    def replace(self, projects: Sequence[Project]) -> None:
        """Take over new settings; projects that went, or moved to another organization, are not known any more."""
        before, self._projects = self._projects, {project.name: project for project in projects}
        self._problems = {name: problem for name, problem in self._problems.items() if name in self._projects}
        self._targets = {
            name: Target(
                project=self._projects[name],
                project_id=known.project_id,
                organization_id=known.organization_id,
                repository=self._projects[name].repository or known.repository,
            )
            for name, known in self._targets.items()
            if name in self._projects and self._projects[name].organization == before[name].organization
        }

    def of(self, organization: OrganizationName) -> Sequence[Target]:
        """The organization's projects that are to be looked at: not those whose mode is off."""
        ours = (target for target in self._targets.values() if target.project.organization == organization)
        return [target for target in ours if target.project.mode is not Mode.OFF]

    def get(self, name: ProjectName) -> Target | None:
        """One project by name, unless its mode is off: its cases rest meanwhile."""
        target = self._targets.get(name)
        return target if target and target.project.mode is not Mode.OFF else None

    def by_id(self, project_id: str) -> Target | None:
        """One project by Semaphore's id, whatever its mode."""
        return next((target for target in self._targets.values() if target.project_id == project_id), None)

    @property
    def problems(self) -> Mapping[ProjectName, str]:
        """Configured projects that cannot be looked at, and why."""
        return self._problems

    @property
    def not_contacted(self) -> Sequence[OrganizationName]:
        """Organizations that have not answered yet."""
        return [name for name in self._cis if name not in self._contacted]

    def wanting(self, organization: OrganizationName) -> bool:
        """Whether the organization has to be asked soon: it has not answered yet, or a project is new."""
        ours = (
            project.name
            for project in self._projects.values()
            if project.organization == organization and project.mode is not Mode.OFF
        )
        new = any(name not in self._targets and name not in self._problems for name in ours)
        return new or organization not in self._contacted

    async def refresh(self, organization: OrganizationName) -> None:
        """Ask Semaphore for the organization's projects.

        A project that is missing from the answer keeps what was known: a list can be empty because of an outage.
        """
        wanted = [project for project in self._projects.values() if project.organization == organization]
        try:
            listed = {project.name: project for project in await self._cis[organization].projects()}
        except SelfhealdError as error:
            log.warning("projects_not_listed", organization=organization, error=error.message)
            return
        self._contacted.add(organization)
        for project in wanted:
            self._settle(project, listed.get(project.name))

    def _settle(self, project: Project, found: SemaphoreProject | None) -> None:
        repository = project.repository or (found.repository if found else None)
        if found and repository:
            self._problems.pop(project.name, None)
            self._targets[project.name] = Target(
                project=project,
                project_id=found.project_id,
                organization_id=found.organization_id,
                repository=repository,
            )
        elif project.name not in self._targets and project.mode is not Mode.OFF:
            problem = (
                "Semaphore does not say which repository it has: set `repository: owner/name`"
                if found
                else "no such project in the organization, or the token may not see it"
            )
            if self._problems.get(project.name) != problem:
                log.warning("project_not_found", project=project.name, problem=problem)
            self._problems[project.name] = problem
