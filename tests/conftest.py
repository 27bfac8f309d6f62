"""For all tests."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("house")  # how long something takes is for benchmarks to tell
settings.load_profile("house")


@pytest.fixture(autouse=True)
def logs_as_lines() -> Iterator[None]:
    """Keep what the code logs short: a plain line each, whatever a test before has configured."""
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(key_order=["event"])])
    yield
    structlog.reset_defaults()
