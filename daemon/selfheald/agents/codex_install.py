"""Where Codex's own program is.

npm installs a launcher for node and, in a package of its own per platform, the program. The program is started without
the launcher: no node is needed, and one process is easier to end than two.
"""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CODEX_TESTED = "0.169.0"
"""The version with which every promise about Codex was tested."""

INSTALL = f"install it by `npm install --global @openai/codex@{CODEX_TESTED}`, or set its path as `binary`"

TARGETS = {
    "x86_64": ("codex-linux-x64", "x86_64-unknown-linux-musl"),
    "aarch64": ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
}
"""Machine: npm's package, and the folder in it."""

ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A program and what must be seen beside it."""

    program: Path
    folder: Path
    """Mounted: the program with its companions."""
    tools: Path | None
    """A folder with further programs for PATH (ripgrep)."""


def find_codex(binary: Path | None, path: str, machine: str | None = None) -> Installed | None:
    """Find the native program behind ``binary``, or behind ``codex`` on a search path; ``None``: there is none."""
    named = shutil.which(str(binary) if binary else "codex", path=path)
    if named is None:
        return None
    real = Path(named).resolve()
    if _is_program(real):
        return _installed(real)
    natives = (native for native in _natives(real, machine or platform.machine()) if native.is_file())
    return next((_installed(native) for native in natives), None)


def _natives(launcher: Path, machine: str) -> Iterator[Path]:
    """Where npm may have put the program of a launcher ``…/@openai/codex/bin/codex.js``."""
    if machine not in TARGETS:
        return
    package, triple = TARGETS[machine]
    launcher_package = launcher.parent.parent
    inner = Path("vendor", triple, "bin", "codex")
    yield launcher_package / "node_modules" / "@openai" / package / inner
    yield launcher_package.parent / package / inner
    yield launcher_package / inner


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ELF)) == ELF


def _installed(program: Path) -> Installed:
    vendor = program.parent.parent
    tools = vendor / "codex-path"
    if program.parent.name == "bin" and tools.is_dir():
        return Installed(program=program, folder=vendor, tools=tools)
    return Installed(program=program, folder=program, tools=None)
