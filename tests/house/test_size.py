"""Files and functions stay small enough to be read at once."""

import ast

from tests.house.checkout import SOURCE, files, modules, shown

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40

WRITTEN_BY_HAND = {".css", ".html", ".md", ".py", ".sh", ".sql", ".svg", ".toml", ".tpl", ".yaml", ".yml"}


def test_no_file_is_too_long() -> None:
    lengths = {
        shown(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in files()
        if path.suffix in WRITTEN_BY_HAND
    }

    assert {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_FILE} == {}


def test_no_function_of_the_daemon_is_too_long() -> None:
    too_long = {
        f"{shown(path)}:{node.lineno} {node.name}": lines
        for path, tree in modules(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LINES_OF_A_FUNCTION
    }

    assert too_long == {}
