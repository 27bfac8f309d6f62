"""Fixtures of the GitHub adapter's tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.simulated_github import SimulatedGitHub, commit_on, simulated_github
from tests.github.opening import HEAD, OTHER, REPOSITORY, Opened, main_of


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_github() -> AsyncIterator[SimulatedGitHub]:
        async with simulated_github(tmp_path, REPOSITORY, OTHER) as simulated:
            await commit_on(simulated.world, REPOSITORY, HEAD, "Heal", parent=await main_of(simulated))
            yield simulated

    return open_github()
