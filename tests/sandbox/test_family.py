"""What a killed daemon left is found by its owner's mark."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfheald.sandbox.family import MARK, end_all_of, new_mark, owner_of


@contextmanager
def left_by(owner: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.defpath, MARK: new_mark(owner)}
    program = subprocess.Popen(["tail", "-f", "/dev/null"], env=environment)
    try:
        yield program
    finally:
        program.kill()
        program.wait(10)


async def test_all_of_an_owner_is_ended_and_nothing_else(tmp_path: Path) -> None:
    mine, other = owner_of(tmp_path / "mine"), owner_of(tmp_path / "other")
    with left_by(mine) as one, left_by(mine) as two, left_by(other) as three:
        ended = await end_all_of(mine)

        assert ended == 2
        assert (one.wait(10), two.wait(10), three.poll()) == (-9, -9, None)


async def test_nothing_left_is_nothing_ended(tmp_path: Path) -> None:
    assert await end_all_of(owner_of(tmp_path)) == 0


def test_an_owner_is_the_same_for_the_same_folder(tmp_path: Path) -> None:
    assert owner_of(tmp_path) == owner_of(tmp_path) != owner_of(tmp_path / "other")
    assert str(tmp_path) not in new_mark(owner_of(tmp_path))
