"""Where an agent's own program is.

npm installs a launcher and, in a package of its own per platform, the program. The program is started without the
launcher: no node is needed, and one process is easier to end than two. What is a script for node is started by node.
"""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from selfheald.domain.errors import NotFoundError

ELF = b"\x7fELF"
SHEBANG = re.compile(rb"#!\S*[/ ]node\b")
NODE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An agent as npm has it."""

    program: str
    """What it is called on PATH."""
    name: str
    """npm's name."""
    tested: str
    """The version with which every promise about this kind was tested."""
    natives: Mapping[str, str] = field(default_factory=dict)
    """Machine: npm's package for it and the program's path in there."""
    tools: str = ""
    """A folder beside the program's own one, with further programs for PATH."""
    node: int = 0
    """The lowest major version of node that runs it, where it is a script."""

    @property
    def advice(self) -> str:
        """How to install it."""
        return f"install it by `npm install --global {self.name}@{self.tested}`, or set its path as `binary`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A program and what must be seen beside it."""

    argv: tuple[str, ...]
    """The program, or node and the script."""
    mounts: tuple[Path, ...]
    """The program with its companions."""
    tools: Path | None = None
    """A folder with further programs for PATH."""


def find(package: Package, binary: Path | None, path: str, machine: str | None = None) -> Installed:
    """Find what is behind ``binary``, or behind the program's name on a search path. Raises NotFoundError."""
    named = shutil.which(str(binary) if binary else package.program, path=path)
    if named is None:
        raise NotFoundError(f"{package.program} is not installed: {package.advice}")
    real = Path(named).resolve()
    if package.natives and not _begins(real).startswith(ELF):
        native = next(filter(Path.is_file, _natives(package, real, machine or platform.machine())), None)
        if native is None and SHEBANG.match(_begins(real)):
            raise NotFoundError(f"{named} is npm's launcher, and its program is not beside it: {package.advice}")
        return _program(package, native or real)
    if package.node and SHEBANG.match(_begins(real)):
        return Installed(argv=(str(_node(package, path)), str(real)), mounts=(_companions(real), _node(package, path)))
    return _program(package, real)


def _natives(package: Package, launcher: Path, machine: str) -> Iterator[Path]:
    """Where npm may have put the program of a launcher: beside its package, or in it."""
    inner = package.natives.get(machine)
    if inner is None:
        return
    root = _package_of(launcher)
    scope = root.parent.parent if "/" in package.name else root.parent
    yield from (root / "node_modules" / inner, scope / inner, root / Path(*Path(inner).parts[_parts(inner) :]))


def _parts(inner: str) -> int:
    return 2 if inner.startswith("@") else 1


def _package_of(script: Path) -> Path:
    """The package of a script in ``PACKAGE/FOLDER/SCRIPT``."""
    return script.parent.parent


def _companions(script: Path) -> Path:
    """What a script needs to see: its package; of one that somebody put into a folder of programs no more than itself.

    Two folders above such a one may be somebody's home.
    """
    package = _package_of(script)
    return package if (package / "package.json").is_file() else script


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _program(package: Package, program: Path) -> Installed:
    tools = program.parent.parent / package.tools
    if package.tools and tools.is_dir():
        return Installed(argv=(str(program),), mounts=(program.parent.parent,), tools=tools)
    return Installed(argv=(str(program),), mounts=(program,))


def _node(package: Package, path: str) -> Path:
    found = shutil.which("node", path=path)
    if found is None:
        raise NotFoundError(f"{package.program} needs node {package.node} or newer, which is not installed")
    node = Path(found).resolve()
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=NODE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFoundError(f"asking {node} for its version: {error}") from error
    version = re.match(r"v(\d+)", said.stdout)
    if version is None or int(version[1]) < package.node:
        raise NotFoundError(f"{package.program} needs node {package.node} or newer; {node} is {said.stdout.strip()}")
    return node
