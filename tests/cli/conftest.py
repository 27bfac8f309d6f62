"""For the tests of the command line: commands are run as processes, in a real town, on a real store."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.system.house import PROJECT, SLUG, Done, House, run_selfheald, until
from tests.system.house import house as built

from selfheald.domain.case import CaseState

CONFIGURATION = f"""\
organizations: [{{name: acme, url: http://127.0.0.1:9, token_env: SEMAPHORE_API_TOKEN}}]
github: {{api_url: http://127.0.0.1:9, git_url: http://127.0.0.1:9, token_env: GITHUB_TOKEN}}
agents: {{fixer: {{kind: command, command: [sh, -c, "true"]}}}}
state_dir: state
projects: [{{name: {PROJECT}, organization: acme, repository: {SLUG}}}]
"""

#: Where `once` may leave a case that it healed: CI may be done before `once` is.
PUSHED = ("validating", "publishing", "proposed")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with everything in place and nothing broken yet."""
    async with built(tmp_path) as house:
        yield house


@dataclass(slots=True, kw_only=True)
class Desk:
    """A configuration and a state folder, with nobody at the other end."""

    configuration: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {**os.environ, "SEMAPHORE_API_TOKEN": "one-token", "GITHUB_TOKEN": "other-token"}
    )

    def selfheald(self, *arguments: str) -> Done:
        """A command with the configuration in the environment."""
        given = {**self.environment, "SELFHEALD_CONFIG": str(self.configuration)}
        return asyncio.run(run_selfheald(*arguments, environment=given))

    def without_secrets(self) -> "Desk":
        """The same, for a user who has no token."""
        bare = {name: value for name, value in self.environment.items() if not name.endswith("_TOKEN")}
        return Desk(configuration=self.configuration, environment=bare)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """No daemon has ever run here."""
    configuration = tmp_path / "selfheald.yaml"
    configuration.write_text(CONFIGURATION)
    return Desk(configuration=configuration)


async def proposed_by_once(house: House) -> bool:
    """Call `once` as cron would: a look at CI may be put off for `poll.follow`."""
    await house.selfheald("once")
    return (await house.cases())[0].state is CaseState.PROPOSED


@pytest.fixture(scope="session")
def healed(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """One case, taken to its pull request by `selfheald once`; the town is gone. Only to be read."""

    async def heal(folder: Path) -> None:
        async with built(folder) as house:
            commit = await house.break_main()
            (first,) = (await house.selfheald("once", "--json")).json
            assert first["state"] in PUSHED
            await house.town.finished((await house.branches())[f"selfheal-{commit}"])
            await until(lambda: proposed_by_once(house))

    folder = tmp_path_factory.mktemp("healed")
    asyncio.run(heal(folder))
    return Desk(configuration=folder / "selfheald.yaml")
