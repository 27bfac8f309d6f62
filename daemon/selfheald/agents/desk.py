"""The folder of an attempt: the prompt, the transcript, and the private home while the agent works."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import RawIOBase
from pathlib import Path

from selfheald.domain.errors import TransientError
from selfheald.domain.redaction import REDACTED, Lines
from selfheald.ports import Redact

PROMPT = "prompt.md"
HOME = "home"

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600

TRANSCRIPT_LIMIT = 50 << 20
"""Bytes of a transcript: a long session has a few."""

END_MARK = b"selfheald: the transcript is full, the rest is left out\n"

CLEAN_SECONDS = 300.0
"""How long removing a home may take; package managers leave hundreds of thousands of files in one."""

LONGEST_LINE = 64 << 10
"""Bytes of a line that is redacted as a whole, which takes some hundredths of a second, and half a second if somebody
wants it to; of a longer one both ends are kept."""

SHORTEST_SECRET = 8
"""Characters; to replace something shorter would tear texts apart."""


class Redacted:
    """Takes secrets out of what an agent says, line by line: it may print whatever it finds, its environment too."""

    def __init__(self, redact: Redact, *, own: str) -> None:
        """``own`` is the agent's own secret, of no use to anybody but it: the passage's token."""
        self._redact = redact
        self._own = own if len(own) >= SHORTEST_SECRET else ""
        self._lines = Lines(self.text)

    def line(self, line: bytes) -> bytes:
        """Give the next line without secrets."""
        if len(line) > LONGEST_LINE:
            half = LONGEST_LINE // 2
            left_out = f" … {len(line) - 2 * half} bytes … ".encode()
            return self._line(line[:half]) + left_out + self._line(line[-half:])
        return self._line(line)

    def own(self, line: bytes) -> bytes:
        """Give a line without the agent's own secret; all else stays."""
        return line.replace(self._own.encode(), REDACTED.encode()) if self._own else line

    def _line(self, line: bytes) -> bytes:
        # What is no UTF-8 stays as it is.
        return self._lines(line.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def text(self, text: str) -> str:
        """Give a whole text without secrets."""
        return self._redact(text.replace(self._own, REDACTED) if self._own else text)


class Transcript:
    """What an agent wrote to standard output, line by line, up to a limit."""

    def __init__(self, file: RawIOBase, limit: int = TRANSCRIPT_LIMIT) -> None:
        self._file = file
        self._left = limit
        self.note = ""
        """Why its rest is missing, for people, when it could not be written."""

    def write(self, line: bytes) -> None:
        """Add a line; it can be read at once. A full disk ends the transcript, not the attempt."""
        if self._left < 0:
            return
        self._left -= len(line) + 1
        try:
            self._file.write(line + b"\n" if self._left >= 0 else END_MARK)
        except OSError as error:
            self._left = -1
            self.note = f"its transcript could not be written: {error.strerror}"


class Desk:
    """Where one agent works."""

    def __init__(self, folder: Path, transcript: Transcript) -> None:
        self.home = folder / HOME
        self.transcript = transcript
        self.note = ""
        """What could not be written or cleaned up, for people; known after the end."""


@asynccontextmanager
async def desk(folder: Path, *, prompt: str, transcript: str) -> AsyncIterator[Desk]:
    """Lay out an attempt's folder; the private home is removed at the end. Raises TransientError."""
    await _remove(folder / HOME)
    with _laid_out(folder, prompt, transcript) as file:
        made = Desk(folder, Transcript(file))
        try:
            yield made
        finally:
            removed = await _remove(made.home)
            left = "" if removed else "its private home could not be removed"
            made.note = "; ".join(filter(None, (made.transcript.note, left)))


def _laid_out(folder: Path, prompt: str, transcript: str) -> RawIOBase:
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(folder / PROMPT, prompt)
        (folder / HOME).mkdir(mode=PRIVATE_FOLDER)
        return open(folder / transcript, "wb", buffering=0, opener=_private)
    except OSError as error:
        raise TransientError(f"preparing the folder of an attempt: {error}") from error


def write_private(path: Path, text: str) -> None:
    """Write a file for nobody else to read, never through a link. Raises OSError."""
    with open(path, "w", encoding="utf-8", errors="replace", opener=_private) as file:
        file.write(text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, PRIVATE_FILE)


async def _remove(folder: Path) -> bool:
    """Remove a folder that untrusted programs wrote: by rm, which copes with any depth, never by a walk of ours."""
    if await _ran("rm", "-rf", "--", str(folder)):
        return True
    await _ran("chmod", "-R", "u+rwX", "--", str(folder))
    return await _ran("rm", "-rf", "--", str(folder))


async def _ran(program: str, *arguments: str) -> bool:
    found = shutil.which(program) or program
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        found,
        *arguments,
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,  # Ctrl-C at the terminal is for the daemon, which still cleans up then
    )
    try:
        async with asyncio.timeout(CLEAN_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
