"""Words and calls that have no place here."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.house.checkout import ROOT, SOURCE, TESTS, files, modules, shown

REGISTRIES = tuple(
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("proxy", "golang", "org"),
        ("static", "crates", "io"),
    )
)
"""Where packages are downloaded from is the business of each machine's package managers."""

# The one home that is named is the agent's, inside the sandbox.
HOMES = re.compile(r"(?<![\w.~])/(?:home|Users)/(?!agent\b)\w+")
LEFT_OVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")

POLLING = frozenset({"eventually"})
"""Functions of tests that may sleep: they look again and again, until a deadline."""

BROAD = {
    "daemon/selfheald/engine/casework.py": 1,
    "daemon/selfheald/engine/dispatch.py": 1,
    "daemon/selfheald/engine/heal.py": 1,
    "daemon/selfheald/engine/sweep.py": 1,
    "daemon/selfheald/semaphore/mcp.py": 1,
    "daemon/selfheald/semaphore/tools/upstream.py": 2,
}
"""Where an `except Exception` stands, and how many: once per unit of work, and at a library that wraps its errors."""

EVERYTHING = {"BaseException", "CancelledError"}


def test_no_file_names_a_path_of_this_machine() -> None:
    assert [
        f"{where}: {line}" for where, line in lines() if HOMES.search(line) or f"{ROOT}/" in line or f"{ROOT} " in line
    ] == []


def test_no_file_names_a_package_registry() -> None:
    assert [f"{where}: {host}" for where, line in lines() for host in REGISTRIES if host in line] == []


def test_no_note_is_left_over() -> None:
    assert [f"{where}: {line}" for where, line in lines() if LEFT_OVER.search(line)] == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    words = {"skip", "skipif", "xfail", "importorskip"}
    marks = {f"{owner}.{word}" for owner in ("pytest", "pytest.mark") for word in words}
    found = [
        f"{shown(path)}:{node.lineno}"
        for path, tree in modules(TESTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in marks
    ]

    assert found == []


def test_tests_wait_for_conditions_and_do_not_sleep() -> None:
    sleeping = [
        f"{shown(path)}:{call.lineno}"
        for path, tree in modules(TESTS)
        for call in calls_outside(tree, POLLING)
        if _called(call) == "sleep" and not _is_zero(call)
    ]

    assert sleeping == []


def test_tests_use_real_parts_and_fakes_but_no_patches() -> None:
    words = {"mock", "monkeypatch", "MagicMock", "AsyncMock", "mocker"}

    assert [where for where, name in names_in(TESTS) if name in words] == []


def test_broad_excepts_stand_only_where_they_are_listed() -> None:
    found = Counter(
        shown(path)
        for path, tree in modules(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and "Exception" in _caught(node)
    )

    assert found == BROAD


def test_whoever_catches_everything_raises_in_the_end() -> None:
    swallowing = [
        f"{shown(path)}:{node.lineno}"
        for path, tree in modules(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and EVERYTHING & _caught(node)
        and not isinstance(node.body[-1], ast.Raise)
    ]

    assert swallowing == []


def lines() -> Iterator[tuple[str, str]]:
    """Every line of every file, with its place."""
    for path in files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            yield f"{shown(path)}:{number}", line


def names_in(root: Path) -> Iterator[tuple[str, str]]:
    """Every name, attribute, argument and import below a folder."""
    for path, tree in modules(root):
        for node in ast.walk(tree):
            for name in _names(node):
                yield f"{shown(path)}:{getattr(node, 'lineno', 0)} {name}", name


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.Import(names=names):
            yield from (part for alias in names for part in alias.name.split("."))
        case ast.ImportFrom(module=module, names=names):
            yield from (module or "").split(".")
            yield from (alias.name for alias in names)


def calls_outside(tree: ast.AST, allowed: frozenset[str]) -> Iterator[ast.Call]:
    """Every call that does not stand in one of the allowed functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in allowed:
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from calls_outside(node, allowed)


def _called(call: ast.Call) -> str:
    return next(_names(call.func), "")


def _is_zero(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"BaseException"}
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {name for error in caught for name in _names(error)}
