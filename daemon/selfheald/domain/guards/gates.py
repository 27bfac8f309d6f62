"""Guards on what judges the code besides tests: coverage gates, linters, and the commands that run all of them."""

import re
from collections.abc import Iterator

from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.commands import chosen, commands
from selfheald.domain.guards.coverage import coverage
from selfheald.domain.guards.entries import Entry, entries
from selfheald.domain.guards.linters import IGNORE_FILE, directives, loosened, replaced, undone
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_SETTINGS = re.compile(
    r"(?:^|/)(?:pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|ruff\.toml|mypy\.ini|noxfile\.py|conftest\.py|"
    r"package\.json|"
    r"tsconfig[^/]*\.json|pom\.xml|build\.gradle(?:\.kts)?|mix\.exs|coveralls\.json|tarpaulin\.toml|"
    r"clippy\.toml|Cargo\.toml|"
    r"Makefile|Rakefile|Justfile|justfile|Gemfile|sonar-project\.properties|dialyzer\.ignore-warnings|"
    r"(?:spec|test|rails)_helper\.rb|test_helper\.exs|checkstyle[^/]*\.xml|pmd[^/]*\.xml|[^/]*\.(?:ya?ml|toml|"
    r"cfg|ini|sh|mk|json|xml|gradle))$|"
    r"(?:^|/)\.[\w.-]*(?:rc|ignore|cov\w*|ya?ml|json|toml|credo\.exs|formatter\.exs|flake8|cjs|js|config)$|"
    r"(?:^|/)[\w.-]*(?:config|setup)[\w.-]*\.[cm]?[jt]s$|(?:^|/)config/\w+\.exs$"
)


def gates(sides: Sides) -> Iterator[Found]:
    """Look at directives in code, and at the settings and commands that changed."""
    yield from directives(sides)
    yield from undone(sides)
    for line in sides.added:
        if IGNORE_FILE.search(line.path) and not line.text.startswith("#"):
            yield Found(Rule.LINTER_DISABLED, line.path, line.number, f"is not looked at any more: {line.text[:120]}")
    for change in sides.changes:
        if _SETTINGS.search(change.path):
            before, after = list(entries(change.before or "")), list(entries(change.after or ""))
            others = [one for other in sides.changes if other is not change for one in _new_entries(other)]
            yield from coverage(change, before, after, others)
            if change.after or not replaced(change, sides.changes):
                yield from loosened(change, before, after)
            yield from chosen(change, before, after)
    yield from commands(sides)


def _new_entries(change: Change) -> list[Entry]:
    """What settings have that they had not before."""
    if not _SETTINGS.search(change.path):
        return []
    old = {(one.key, one.value) for one in entries(change.before or "")}
    return [one for one in entries(change.after or "") if (one.key, one.value) not in old]
