"""What the house tests look at: the files of this checkout, the daemon's syntax trees, the tables of the documents."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "daemon" / "selfheald"
TESTS = ROOT / "tests"
README = ROOT / "README.md"
OPERATING = ROOT / "docs" / "operating.md"

FOLDERS = (".ci", ".github", ".semaphore", "config", "daemon", "deploy", "docs", "scripts", "tests")
"""The folders that are the project; whatever tools leave beside them is not."""

_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COLUMNS = re.compile(r"(?<!\\)\|")

Row = tuple[str, ...]


@cache
def files() -> tuple[Path, ...]:
    """Every text file of the project."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    found = [path for path in (*ROOT.iterdir(), *inside) if path.is_file() and "__pycache__" not in path.parts]
    return tuple(sorted(path for path in found if path.suffix != ".pyc" and not path.name.startswith(".coverage")))


def shown(path: Path) -> str:
    """Name a file as messages do."""
    return str(path.relative_to(ROOT))


def modules(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Each Python file below a folder, with its syntax tree."""
    for path in files():
        if path.suffix == ".py" and path.is_relative_to(root):
            yield path, _parsed(path)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def blocks(text: str, *languages: str) -> list[str]:
    """The fenced blocks of a document in one of these languages."""
    return [block for language, block in _FENCE.findall(text) if language in languages]


def tables(text: str) -> list[list[Row]]:
    """All tables of a document: for each its rows, the header first, without the line of dashes."""
    prose = _FENCE.sub("", text)
    return [_rows(table.splitlines()) for table in _TABLE.findall(prose)]


def table(text: str, *header: str) -> list[Row]:
    """The rows of the one table that has this header."""
    found = [rows[1:] for rows in tables(text) if rows[0] == header]
    assert len(found) == 1, f"{len(found)} tables with the header {header}"
    return found[0]


def _rows(lines: Sequence[str]) -> list[Row]:
    cells = [tuple(cell.strip().replace(r"\|", "|") for cell in _COLUMNS.split(line)[1:-1]) for line in lines]
    return [cells[0], *cells[2:]]


def code(cell: str) -> str:
    """A cell that is one piece of code, without its backticks."""
    assert re.fullmatch(r"`[^`]+`", cell), f"not one piece of code: {cell}"
    return cell[1:-1]
