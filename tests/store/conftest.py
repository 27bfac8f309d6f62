"""Stores for the tests of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.store import FakeStore
from tests.store.drive import AnyStore

from selfheald.store.database import Database
from selfheald.store.open import Store, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store's file is, or will be."""
    return tmp_path / "state" / "selfheald.sqlite"


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[Store]:
    """The real store."""
    async with await open_store(path) as one:
        yield one


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """The file alone."""
    one = await Database.open(path)
    yield one
    await one.close()


@pytest.fixture(params=["fake", "sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AnyStore]:
    """The fake, then the real one."""
    one: AnyStore = FakeStore() if request.param == "fake" else await open_store(path)
    yield one
    await one.close()
