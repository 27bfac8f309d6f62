"""Libraries stay in their rooms, and the domain stays pure. Which room may use which: `[tool.importlinter]`."""

import ast
import sys
from collections.abc import Iterator

import pytest
from tests.house.checkout import SOURCE, modules

ROOMS = {
    "apscheduler": ("engine/schedule.py",),
    "github": ("github/",),
    "httpx": ("semaphore/", "sandbox/model/"),
    "httpx2": ("semaphore/",),
    "kingfisher_sdk": ("redaction/library.py",),
    "mcp": ("semaphore/", "sandbox/"),
    "sqlite3": ("store/",),
}

PURE = SOURCE / "domain"
GUESTS = {"lark": "domain/conditions/", "regex": "domain/conditions/", "tree_sitter": "domain/guards/"}
"""Libraries that compute and do nothing else, and the one room of the domain that each may be used in."""
IMPURE = {
    *("asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil"),
    *("signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time"),
}
"""Modules of the standard library that look at the world, change it, or differ from run to run."""


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_is_imported_only_in_its_room(library: str) -> None:
    strangers = [place for place, imported in imports() if imported == library and not place.startswith(ROOMS[library])]

    assert strangers == []


@pytest.mark.parametrize("library", ROOMS)
def test_every_room_that_is_named_is_lived_in(library: str) -> None:
    assert any(imported == library and place.startswith(ROOMS[library]) for place, imported in imports())


def test_the_domain_imports_itself_and_the_standard_library() -> None:
    foreign = {
        f"{place}: {imported}"
        for place, imported in domain_imports()
        if imported not in sys.stdlib_module_names | {"selfheald"}
        and not (imported in GUESTS and place.startswith(GUESTS[imported]))
    }

    assert foreign == set()


def test_the_domain_imports_nothing_that_touches_the_world() -> None:
    assert {f"{place}: {imported}" for place, imported in domain_imports() if imported in IMPURE} == set()


def imports() -> Iterator[tuple[str, str]]:
    """Every import of the daemon, those within functions too: place and top-level module."""
    for path, tree in modules(SOURCE):
        for imported in _imported(tree):
            yield str(path.relative_to(SOURCE)), imported


def domain_imports() -> set[tuple[str, str]]:
    """Every import of the domain."""
    return {(place, imported) for place, imported in imports() if (SOURCE / place).is_relative_to(PURE)}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
