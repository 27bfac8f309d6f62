"""A large repository to be healed: made by ``git fast-import``, so that it costs seconds."""

import asyncio
import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

HISTORY = 30
"""Commits on top of the first."""
CHANGED = 20
"""Files that each of them changes."""
CHANGED_BY_A_PUSH = 3
LINES = 45
"""A file has about so many, of some 40 characters each."""
GIT_SECONDS = 300
BRANCH = "main"

PIPELINE_FILE = ".semaphore/semaphore.yml"
PIPELINE = "name: Tests\nblocks: [{name: Tests, task: {jobs: [{name: Unit tests, commands: [make test]}]}}]\n"


class Origin:
    """The bare repository behind the git server."""

    def __init__(self, repository: Path, files: int) -> None:
        self._repository = repository
        self._files = files
        self._random = random.Random(files)  # noqa: S311 - the same repository each time
        self._lines = [self._line() for _ in range(3_000)]
        self._commits = 0

    async def fill(self) -> None:
        """Write all files and a little history, packed as a code host keeps it."""
        everything = b"".join([_file(PIPELINE_FILE, PIPELINE), *self._written(range(self._files))])
        await self._commit(everything)
        for _ in range(HISTORY):
            await self.change(CHANGED)
        await self._git("repack", "-a", "-d", "-q", "--write-bitmap-index")

    async def change(self, files: int = CHANGED_BY_A_PUSH) -> str:
        """Change some files of the branch; gives the new commit."""
        chosen = self._random.sample(range(self._files), min(files, self._files))
        return await self._commit(b"".join(self._written(chosen)))

    async def _commit(self, changes: bytes) -> str:
        self._commits += 1
        head = f"commit refs/heads/{BRANCH}\ncommitter Dev <dev@example.com> {1_700_000_000 + self._commits} +0000\n"
        parent = f"from refs/heads/{BRANCH}^0\n" if self._commits > 1 else ""
        message = f"Change number {self._commits}"
        stream = f"{head}data {len(message)}\n{message}\n{parent}".encode() + changes
        await self._git("fast-import", "--quiet", stdin=stream)
        return await self._git("rev-parse", f"refs/heads/{BRANCH}")

    def _written(self, numbers: Iterable[int]) -> Iterator[bytes]:
        for number in numbers:
            content = "".join(self._random.choices(self._lines, k=LINES))
            yield _file(f"src/part{number % 200:03}/module{number:05}.py", content)

    def _line(self) -> str:
        words = (self._random.randbytes(self._random.randint(1, 4)).hex() for _ in range(6))
        return f"    {' '.join(words)}\n"

    async def _git(self, *arguments: str, stdin: bytes = b"") -> str:
        command = ["git", "-C", str(self._repository), *arguments]
        ended = await asyncio.to_thread(
            subprocess.run, command, input=stdin, check=True, capture_output=True, timeout=GIT_SECONDS
        )
        return ended.stdout.decode().strip()


def _file(path: str, content: str) -> bytes:
    return f"M 100644 inline {path}\ndata {len(content)}\n{content}\n".encode()
