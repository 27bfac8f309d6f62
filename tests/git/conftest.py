from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from selfheald.git.repositories import GitRepositories
from tests.git.origin import Origin, serve_origin


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with serve_origin(tmp_path / "origin") as origin:
        yield origin


@pytest.fixture
async def repositories(origin: Origin, tmp_path: Path) -> AsyncIterator[GitRepositories]:
    repositories = origin.repositories(tmp_path / "state")
    yield repositories
    await repositories.aclose()
