"""`selfheald explain` of a condition with `change_in`: the ranges, the files' number, and each answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.system.house import BROKEN, SLUG, House
from tests.system.house import house as built

pytestmark = pytest.mark.system


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with everything in place and nothing broken yet."""
    async with built(tmp_path) as house:
        yield house


async def explained(house: House, when: str) -> dict[str, object]:
    """What is told about the condition for a branch that changed two files."""
    commit = await house.town.push_files(SLUG, "feature", {**BROKEN, "docs/guide.md": "hello\n"}, "Break it")
    (pipeline,) = await house.town.finished(commit)
    house.settings["defaults"]["when"] = when
    checks = (await house.selfheald("explain", pipeline.id, "--json")).json["checks"]
    (told,) = [check for check in checks if "`when`" in check["question"]]
    return {**told, "saw": told["saw"].replace(commit, "COMMIT")}


@pytest.mark.parametrize(("path", "answer", "allows"), [("/docs/", "yes", True), ("/lib/", "no", False)])
async def test_the_changed_files_are_counted_and_the_answer_told(
    house: House,
    path: str,
    answer: str,
    allows: bool,  # noqa: FBT001 - a table's column
) -> None:
    told = await explained(house, f"change_in('{path}', {{default_branch: 'main'}})")

    assert told["allows"] is allows
    assert str(told["saw"]).endswith(f"; main...COMMIT: 2 changed files; change_in of {path}: {answer}")


async def test_a_default_branch_that_does_not_exist_is_named(house: House) -> None:
    told = await explained(house, "change_in('/docs/')")

    assert told["reason"] == "condition_error"
    assert str(told["saw"]).endswith("Function 'change_in' returned error: Unknown git reference 'master'.")


async def test_while_the_repository_cannot_be_read_the_answer_waits(house: House) -> None:
    house.environment["GITHUB_TOKEN"] = "wrong"

    told = await explained(house, "change_in('/docs/', {default_branch: 'main'})")

    assert told["reason"] == "unavailable"
    assert "the changed files could not be read" in str(told["saw"])
