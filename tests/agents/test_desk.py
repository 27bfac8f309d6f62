"""The folder of an attempt."""

import subprocess
import sys
from pathlib import Path

import pytest

from selfheald.agents.desk import END_MARK, LONGEST_LINE, Redacted, Transcript, desk
from selfheald.domain.errors import TransientError

DEEP = """
import os
os.makedirs("closed/inner")
os.chmod("closed", 0)
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
"""


async def test_prompt_home_and_transcript_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "cases" / "7" / "1"

    async with desk(folder, prompt="Fix it ä", transcript="transcript.txt") as place:
        place.transcript.write(b"line")
        modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}

        assert modes == {"1": 0o700, "home": 0o700, "prompt.md": 0o600, "transcript.txt": 0o600}
        assert (folder / "prompt.md").read_text(encoding="utf-8") == "Fix it ä"
        assert (folder / "transcript.txt").read_bytes() == b"line\n"


async def test_the_home_is_removed_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    async with desk(tmp_path / "a", prompt="", transcript="t") as place:
        subprocess.run([sys.executable, "-c", DEEP], cwd=place.home, check=True)  # noqa: ASYNC221 - set-up

    assert place.note == ""
    assert not place.home.exists()


async def test_the_home_of_an_interrupted_run_is_removed_first(tmp_path: Path) -> None:
    old = tmp_path / "a" / "home" / "old"
    old.mkdir(parents=True)

    async with desk(tmp_path / "a", prompt="", transcript="t") as place:
        assert list(place.home.iterdir()) == []


async def test_a_link_in_the_home_is_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")

    async with desk(tmp_path / "a", prompt="", transcript="t") as place:
        (place.home / "link").symlink_to(kept)

    assert (kept / "file").exists()


async def test_a_folder_that_cannot_be_made_is_our_trouble(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")

    with pytest.raises(TransientError, match="preparing the folder"):
        async with desk(tmp_path / "a", prompt="", transcript="t"):
            pass


async def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "prompt.md").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(TransientError):
        async with desk(tmp_path / "a", prompt="x", transcript="t"):
            pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_transcript_is_bounded_and_says_so(tmp_path: Path) -> None:
    with (tmp_path / "t").open("wb", buffering=0) as file:
        transcript = Transcript(file, limit=10)
        for _ in range(4):
            transcript.write(b"1234")

    assert (tmp_path / "t").read_bytes() == b"1234\n1234\n" + END_MARK


def test_a_full_disk_costs_the_transcript_and_says_so() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        transcript = Transcript(full)
        for _ in range(2):
            transcript.write(b"x")

    assert transcript.note == "its transcript could not be written: No space left on device"


async def test_a_transcript_that_could_not_be_written_is_noted_at_the_end(tmp_path: Path) -> None:
    async with desk(tmp_path / "a", prompt="", transcript="/dev/full") as place:
        place.transcript.write(b"x")

    assert place.note == "its transcript could not be written: No space left on device"


def test_the_agents_own_secret_is_taken_out_and_a_short_one_is_left() -> None:
    assert Redacted(str, own="sk-12345678").line(b"key=sk-12345678.") == b"key=[redacted]."
    assert Redacted(str, own="abc").text("abc") == "abc"
    assert Redacted(str, own="").text("a/b") == "a/b"


def test_of_a_very_long_line_both_ends_are_kept_without_secrets() -> None:
    redacted = Redacted(lambda text: text.replace("secret", "[redacted]"), own="")
    line = b"secret" + b"x" * 300_000 + b"secret"

    shown = redacted.line(line)

    assert shown.startswith(b"[redacted]x")
    assert shown.endswith(b"x[redacted]")
    assert f"x … {len(line) - LONGEST_LINE} bytes … x".encode() in shown
    assert len(shown) < LONGEST_LINE + 100
