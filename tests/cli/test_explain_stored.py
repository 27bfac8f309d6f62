"""`selfheald explain` of a pipeline that Semaphore no longer has: what the store knows of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests import builders as make
from tests.system.house import SLUG, House
from tests.system.house import house as built

from selfheald.domain.ids import PipelineId, Sha
from selfheald.simulator.bare import branches
from selfheald.store.open import FILE_NAME, open_store

pytestmark = pytest.mark.system

GONE = PipelineId("6e5a1b1c-7a4e-4a53-9b51-0c8f3a9a0f11")
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose store has a failed pipeline that Semaphore does not have."""
    async with built(tmp_path) as house:
        house.state.mkdir()
        head = (await branches(house.town.github.path(SLUG)))["main"]
        gone = make.pipeline(id=GONE, ref=make.branch("main"), commit=Sha(head))
        async with await open_store(house.state / FILE_NAME) as store:
            await store.journal.record(make.PROJECT, [gone], cursor=None, now=make.NOW)
        yield house


async def test_a_pipeline_that_semaphore_no_longer_has_is_explained_out_of_the_store(house: House) -> None:
    told = await house.selfheald("explain", GONE, "--json")
    shown = await house.selfheald("explain", GONE)

    assert (told.code, told.json["source"], told.json["decision"]) == (0, "store", "heal")
    assert [check["reason"] for check in told.json["checks"]][:2] == ["not_failed", "details_pending"]
    assert "As selfheald stored it" in shown.out
    assert "It would be healed." in shown.out


async def test_today_s_rules_are_asked_about_the_stored_pipeline(house: House) -> None:
    house.settings["defaults"]["when"] = "branch = 'develop'"

    told = await house.selfheald("explain", GONE, "--json")

    assert (told.code, told.json["reason"]) == (1, "condition_false")


async def test_a_pipeline_that_semaphore_has_is_taken_from_there_unless_told_otherwise(house: House) -> None:
    commit = await house.break_main()
    house.settings["defaults"]["mode"] = "observe"
    await house.selfheald("once")
    (pipeline,) = await house.town.finished(commit)

    live = await house.selfheald("explain", pipeline.id, "--json")
    stored = await house.selfheald("explain", pipeline.id, "--stored", "--json")

    assert (live.json["source"], stored.json["source"]) == ("semaphore", "store")
    assert [check["saw"] for check in live.json["checks"]] == [check["saw"] for check in stored.json["checks"]]
    assert stored.json["stored"]["reason"] == "observe_only"


@pytest.mark.parametrize(
    ("flags", "words"),
    [((), "no configured organization has a pipeline"), (("--stored",), "the store has no pipeline")],
)
async def test_a_pipeline_that_nobody_has_is_told(house: House, flags: tuple[str, ...], words: str) -> None:
    told = await house.selfheald("explain", NOBODY, *flags)

    assert told.code == 1
    assert words in told.err


async def test_a_project_that_is_configured_no_more_is_told(house: House) -> None:
    house.settings["projects"] = [{"name": "other", "organization": "acme"}]

    told = await house.selfheald("explain", GONE)

    assert told.code == 1
    assert f"pipeline {GONE} is of billing, which is not configured any more" in told.err


@pytest.mark.parametrize(("repository", "code"), [(SLUG, 0), (None, 1)])
async def test_it_works_without_semaphore_when_the_repository_is_configured(
    house: House, repository: str | None, code: int
) -> None:
    house.environment["SEMAPHORE_API_TOKEN"] = "wrong"
    house.settings["projects"][0]["repository"] = repository

    told = await house.selfheald("explain", GONE, "--stored")

    assert told.code == code, told.err
    assert ("set `repository: owner/name`" in told.err) is (code == 1)
