"""Guards on linters and type checkers: told to look away in the code, or loosened in their settings."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.coverage import NUMBER, ON
from selfheald.domain.guards.dialects import dialect_of
from selfheald.domain.guards.entries import Entry
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_NO_COVERAGE = re.compile(
    r"(?i)pragma:?\s*no[ -]?cover|istanbul ignore|c8 ignore|v8 ignore|:nocov:|coveralls-ignore|LCOV_EXCL|"
    r"cfg\(not\(tarpaulin|"
    r"coverage\(off\)|no_coverage|@Generated\b.*[jJ]acoco|tarpaulin::skip|ExcludeFromCodeCoverage|"
    r"ExcludeFromJacoco|jacoco:\s*off"
)

_SUPPRESSED = re.compile(
    r"#\s*(?:noqa|ruff:\s*noqa|flake8:\s*noqa|type:\s*ignore|pyright:|mypy:|pylint:\s*disable|nosec|fmt:\s*off|"
    r"isort:\s*skip)|"
    r"(?:eslint|tslint|biome|oxlint|stylelint)[-:](?:disable|ignore)|biome-ignore|@ts-(?:ignore|nocheck|"
    r"expect-error)|rubocop:\s*(?:disable|todo)|standard:disable|"
    r"@SuppressWarnings|@SuppressFBWarnings|NOSONAR|NOPMD|CHECKSTYLE[:.]OFF|//\s*nolint|//\s*#nosec|lint:ignore|"
    r"credo:disable|"
    r"@dialyzer\b|#!?\[\s*allow\(|#!?\[\s*cfg_attr\([^)]*\ballow\(|sorbet:|typed:\s*(?:false|ignore)|"
    r"@no_type_check|prettier-ignore|reek:|brakeman:"
)

_LINTERS = re.compile(
    r"(?i)eslint|ruff|flake8|pylint|mypy|pyright|rubocop|golangci|credo|clippy|checkstyle|pmd|spotbugs|biome|"
    r"tsconfig|"
    r"stylelint|lint|dialyzer|rustflags|bandit|sonar|detekt|ktlint"
)

_LOOSENING_KEY = re.compile(
    r"(?i)^(?:(?:extend[-_]?)?ignore\w*|(?:extend[-_]?)?per[-_]file[-_]ignores|disable\w*|disabled_rules|"
    r"(?:extend[-_]?)?exclude\w*|"
    r"ignorePatterns|skip[-_](?:dirs|files)|excludes?|exclude-rules|linters-settings|allow|suppressions?|"
    r"baseline|ignore_missing_imports)$"
)

_DEMANDING_KEY = re.compile(
    r"(?i)^(?:(?:extend[-_]?)?select|enable|enabled_rules|extends|plugins|checks|deny|forbid|warn)$"
)

_OFF = re.compile(r"(?i)^(?:off|0|false|warn|1|allow)$")

_BOUND = re.compile(r"(?i)^(?:max\w*|max[-_][\w-]+|.*complexity)$")

_STRICT = re.compile(
    r"(?i)strict|noimplicit|disallow_|warn_|check_untyped|no_implicit|nounused|fail\w*|error|enabled?|"
    r"warnings[-_]as[-_]errors|werror|"
    r"violations|alwaysStrict|exactOptional|noFallthrough"
)

_LENIENT = re.compile(
    r"(?i)ignore|skipLibCheck|allow|informational|DisabledByDefault|lenient|suppress|skip|passWithNoTests|only_pulls"
)

_DEMANDED = re.compile(
    r"#!?\[\s*(?:deny|forbid|warn)\(|^\s*[\"']use strict[\"']|#\s*typed:\s*(?:strict|true|strong)|@ts-check|"
    r"#\s*mypy:\s*strict"
)

_TOOLS = re.compile(
    r"(?i)eslint|ruff|flake8|pylint|mypy|rubocop|golangci|credo|clippy|checkstyle|biome|prettier|stylelint"
)

IGNORE_FILE = re.compile(
    r"(?:^|/)\.(?:eslint|prettier|stylelint|pylint|flake8|semgrep|rubocop|biome|tslint|markdownlint)ignore$|"
    r"dialyzer\.ignore"
)


def directives(sides: Sides) -> Iterator[Found]:
    """Find what code says to linters and to coverage that it did not say before."""
    for rule, pattern in ((Rule.COVERAGE_EXCLUDED, _NO_COVERAGE), (Rule.LINTER_SUPPRESSED, _SUPPRESSED)):
        known = Counter(_kind(line.text, pattern) for line in sides.removed if pattern.search(line.text))
        for line in sides.added:
            if dialect_of(line.path) is None or not pattern.search(line.text):
                continue
            kind = _kind(line.text, pattern)
            if known[kind] > 0:
                known[kind] -= 1
            else:
                yield Found(rule, line.path, line.number, line.text[:160])


def undone(sides: Sides) -> Iterator[Found]:
    """What code asked of its linters itself, and what the settings of Elixir's ask no longer."""
    for line in sides.removed:
        if dialect_of(line.path) and _DEMANDED.search(line.text):
            yield Found(Rule.LINTER_DISABLED, line.path, line.number, f"gone: {line.text[:160]}")
    for line in sides.added:
        if re.search(r"\{Credo\.[\w.]+,\s*(?:false|\[.*exit_status:\s*0)", line.text):
            yield Found(Rule.LINTER_DISABLED, line.path, line.number, line.text[:160])


def _kind(text: str, pattern: re.Pattern[str]) -> str:
    return "".join("".join(found.group() for found in pattern.finditer(text)).split())


def replaced(change: Change, changes: Sequence[Change]) -> bool:
    """Whether settings that are gone as a file came back as another one."""
    tool = _TOOLS.search(change.path)
    others = [one.path for one in changes if one.after and one is not change]
    return tool is not None and any(tool[0].lower() in path.lower() or "pyproject" in path for path in others)


def loosened(change: Change, before: Sequence[Entry], after: Sequence[Entry]) -> Iterator[Found]:
    """Find what linters and type checkers are asked no longer, or told to leave out."""
    old, new = Counter((one.key, one.value) for one in before), Counter((one.key, one.value) for one in after)
    was = {(one.section, one.key): one.value for one in before}
    for one in after:
        about_linters = _LINTERS.search(f"{change.path} {one.section} {one.key}")
        if new[one.key, one.value] <= old[one.key, one.value] or not about_linters:
            continue
        if _is_looser(one, was.get((one.section, one.key))):
            yield Found(Rule.LINTER_DISABLED, change.path, one.line, f"`{one.key}` is {one.value[:120]} now")
    for one in before:
        about_linters = _LINTERS.search(f"{change.path} {one.section} {one.key}")
        gone = new[one.key, one.value] < old[one.key, one.value]
        if about_linters and gone and _STRICT.search(one.key) and ON.match(one.value) and not _LENIENT.search(one.key):
            yield Found(Rule.LINTER_DISABLED, change.path, one.line, f"`{one.key}` is no longer {one.value}")
        moved = new[one.key, one.value] >= old[one.key, one.value]
        if about_linters and _DEMANDING_KEY.search(one.key) and not moved and one.value:
            yield Found(Rule.LINTER_DISABLED, change.path, 0, f"`{one.key}` no longer has {one.value[:120]}")


def _is_looser(one: Entry, was: str | None) -> bool:
    if _LOOSENING_KEY.search(one.key) and one.value and one.value.lower() != "false":
        return True
    if _LENIENT.search(one.key) and one.value.lower() == "true":
        return True
    if _OFF.match(one.value) and (
        _STRICT.search(one.key)
        or "/" in one.key
        or "-" in one.key
        or "eslint" in one.section.lower()
        or "rules" in one.section
    ):
        return was is None or not _OFF.match(was) or was.lower() in {"warn", "1"}
    is_higher = (
        was and NUMBER.match(was) and NUMBER.match(one.value) and float(one.value.rstrip("%")) > float(was.rstrip("%"))
    )
    return bool(_BOUND.search(one.key) and is_higher)
