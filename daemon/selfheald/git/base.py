"""The files of a commit, as git lists them."""

import os
from dataclasses import dataclass

from selfheald.domain.ids import Sha
from selfheald.git.mirror import Mirror

LINK = "120000"
SUBMODULE = "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFile:
    """One path of the base commit."""

    mode: str
    blob: str
    """git's id of the content, or of the submodule's commit."""
    size: int
    """Bytes; 0 for a submodule."""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.mode.startswith("100")

    @property
    def is_executable(self) -> bool:
        """Whether its owner may run it."""
        return self.is_file and bool(int(self.mode, 8) & 0o100)


Base = dict[str, BaseFile]
"""By path; bytes that are not UTF-8 are kept as surrogates."""


async def base_of(mirror: Mirror, commit: Sha) -> Base:
    """List the files of a commit. Raises as :meth:`GitProgram.run` does."""
    listed = await mirror.run(mirror.call(f"listing {commit}", "ls-tree", "-r", "-l", "-z", "--full-tree", commit))
    return dict(_entry(line) for line in listed.stdout.split(b"\0") if line)


def _entry(line: bytes) -> tuple[str, BaseFile]:
    about, path = line.split(b"\t", 1)
    mode, _, blob, size = about.decode().split()
    return os.fsdecode(path), BaseFile(mode=mode, blob=blob, size=0 if size == "-" else int(size))
