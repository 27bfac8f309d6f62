"""The thread that owns a connection, where the database cannot show it."""

import asyncio
import gc
import sqlite3
import threading
from pathlib import Path
from typing import Any

from selfheald.domain.errors import NotFoundError
from selfheald.store.lane import Lane


async def test_an_opening_that_fails_after_its_caller_has_left_is_no_complaint(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))

    def connect() -> sqlite3.Connection:
        begun.set()
        go.wait(10)
        raise NotFoundError("there is no such file")

    opening = asyncio.create_task(Lane(tmp_path / "store", connect, doing="reading").open())
    await asyncio.to_thread(begun.wait, 10)
    opening.cancel()
    asyncio.get_running_loop().call_soon(go.set)
    await asyncio.wait([opening])
    assert opening.cancelled()

    del opening
    gc.collect()
    assert complaints == []
