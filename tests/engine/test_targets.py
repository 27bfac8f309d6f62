"""Which projects are looked at."""

from dataclasses import replace

import pytest
from tests import builders as make
from tests.fakes.ci import FakeCI

from selfheald.domain.errors import TransientError
from selfheald.domain.ids import OrganizationName, ProjectName, Slug
from selfheald.domain.policy import Mode
from selfheald.engine.targets import Targets

ORGANIZATION = make.project().organization


@pytest.fixture
def ci() -> FakeCI:
    return FakeCI()


async def test_a_project_takes_its_repository_from_semaphore(ci: FakeCI) -> None:
    targets = Targets([make.project(repository=None)], {ORGANIZATION: ci})

    await targets.refresh(ORGANIZATION)

    target = targets.get(make.PROJECT)
    assert target
    assert (target.repository, target.project_id) == (make.REPOSITORY, "project-1")
    assert targets.by_id("project-1") == target
    assert targets.of(ORGANIZATION) == [target]


async def test_the_configured_repository_wins(ci: FakeCI) -> None:
    targets = Targets([make.project(repository=Slug("other/name"))], {ORGANIZATION: ci})

    await targets.refresh(ORGANIZATION)

    target = targets.get(make.PROJECT)
    assert target
    assert target.repository == "other/name"


async def test_a_project_that_semaphore_does_not_list_has_a_problem(ci: FakeCI) -> None:
    targets = Targets([make.project(name=ProjectName("ghost"))], {ORGANIZATION: ci})

    await targets.refresh(ORGANIZATION)

    assert "no such project" in targets.problems[ProjectName("ghost")]
    assert targets.get(ProjectName("ghost")) is None


async def test_a_project_without_a_known_repository_says_what_to_do(ci: FakeCI) -> None:
    ci.listed = [replace(ci.listed[0], repository=None)]
    targets = Targets([make.project(repository=None)], {ORGANIZATION: ci})

    await targets.refresh(ORGANIZATION)

    assert "set `repository: owner/name`" in targets.problems[make.PROJECT]


async def test_an_empty_list_may_be_an_outage_and_forgets_nothing(ci: FakeCI) -> None:
    targets = Targets([make.project()], {ORGANIZATION: ci})
    await targets.refresh(ORGANIZATION)
    ci.listed = []

    await targets.refresh(ORGANIZATION)

    assert targets.get(make.PROJECT)
    assert not targets.problems


async def test_an_organization_is_contacted_once_it_answered(ci: FakeCI) -> None:
    targets = Targets([make.project()], {ORGANIZATION: ci})
    ci.fail_next(TransientError("down"))

    await targets.refresh(ORGANIZATION)
    assert targets.not_contacted == [ORGANIZATION]

    await targets.refresh(ORGANIZATION)
    assert targets.not_contacted == []


async def test_new_settings_are_taken_over_at_once(ci: FakeCI) -> None:
    targets = Targets([make.project()], {ORGANIZATION: ci})
    await targets.refresh(ORGANIZATION)

    targets.replace([make.project(mode=Mode.OBSERVE, repository=None)])
    target = targets.get(make.PROJECT)
    assert target
    assert (target.project.mode, target.repository) == (Mode.OBSERVE, make.REPOSITORY)

    targets.replace([make.project(mode=Mode.OFF)])
    assert targets.get(make.PROJECT) is None
    assert targets.of(ORGANIZATION) == []
    assert targets.by_id("project-1"), "to be explained"


async def test_a_project_that_is_new_or_has_moved_is_awaited(ci: FakeCI) -> None:
    other = OrganizationName("other")
    targets = Targets([make.project()], {ORGANIZATION: ci, other: FakeCI()})
    await targets.refresh(ORGANIZATION)
    await targets.refresh(other)
    assert not targets.wanting(ORGANIZATION)

    targets.replace([make.project(organization=other), make.project(name=ProjectName("new"))])

    assert targets.get(make.PROJECT) is None, "its ids are those of the former organization"
    assert targets.wanting(other)
    assert targets.wanting(ORGANIZATION)
    await targets.refresh(ORGANIZATION)
    assert not targets.wanting(ORGANIZATION), "it was asked for, and is a problem now"


async def test_a_project_that_is_off_and_does_not_exist_is_no_problem(ci: FakeCI) -> None:
    targets = Targets([make.project(name=ProjectName("ghost"), mode=Mode.OFF)], {ORGANIZATION: ci})

    await targets.refresh(ORGANIZATION)

    assert not targets.problems
    assert not targets.wanting(ORGANIZATION)
