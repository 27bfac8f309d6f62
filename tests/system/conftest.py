"""For the tests of the whole product."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.system.house import House
from tests.system.house import house as built


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with everything in place and nothing broken yet."""
    async with built(tmp_path) as house:
        yield house
