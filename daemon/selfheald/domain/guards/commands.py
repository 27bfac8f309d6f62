"""Guards on the commands and settings by which tests and checks are run."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.coverage import COVERAGE
from selfheald.domain.guards.entries import Entry
from selfheald.domain.guards.lines import Line
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_IGNORES = re.compile(
    r"\bif\s.*;\s*then\s+echo\b|\|\|\s*(?:true|:|exit 0|echo|/bin/true|:)|;\s*(?:true|exit 0|:)\s*$|\bset \+e\b|"
    r"continue-on-error:\s*(?!false)|"
    r"allow_failures?:\s*(?!false)|testFailureIgnore|ignoreFailures?\s*[=(]?\s*(?:true|\()|"
    r"maven\.test\.failure\.ignore|failOnError\s*[=>]\s*false|"
    r"ignore_outcome|ignore_errors\s*=\s*true|haltonfailure=.?(?:no|false)|\|\|\s*exit\s+0|"
    r"if:\s*(?:\$\{\{\s*)?false\b|when:\s*(?:never|manual)|"
    r"\bexit_zero\b|--exit-zero|failure-threshold|--no-fail|fail_ci_if_error:\s*false|ignore_exit_code|"
    r"set -e \+|\|\s*cat\s*$|\|\s*tee\b(?!.*pipefail)|"
    r"\.IGNORE:|;\s*echo\b[^;]*$|ignore_outcome\s*=\s*true|continue_on_error|success\s*\(\s*\)\s*\|\||always\(\)"
)

_NARROWS = re.compile(
    r"--pass[-]?[wW]ith[-]?[nN]o[-]?[tT]ests|-DskipTests|maven\.test\.skip|skipTests|--deselect|"
    r"--ignore(?:-glob)?[= ]|-k\s*[\"']?not|-m\s*[\"']?not|"
    r"(?:^|\s)-x\s+test\b|--exclude(?:-\w+)?[= ]|--testPathIgnorePatterns|--no-verify|-short\b|--skip[= ]|"
    r"--lf\b|--last-failed|--no-coverage|--no-cov\b|"
    r"--testNamePattern|--testPathPattern|-t [\"']|--grep|--only(?:Changed|-\w+)?\b|--onlyFailures|"
    r"--changedSince|--invert|--tag[= ]~|-run[= ]|-skip[= ]|"
    r"-Dtest=|--tests? !|--lib\b|--no-run|--collect-only|--dry-run|--bail=0|exclude_pattern|SKIP=|--cap-lints|"
    r"--max-warnings|--quiet\b.*eslint|"
    r"testPathIgnorePatterns|modulePathIgnorePatterns|collect_ignore|norecursedirs|exclude:\s*\[|-p no:|"
    r"--example|-A (?:clippy|warnings)|tags=!"
)

_CHECKS = re.compile(
    r"\b(?:pytest|unittest|nosetests|tox|nox|coverage|jest|vitest|mocha|nyc|c8|cypress|playwright|karma|ava|tap|"
    r"rspec|minitest|rake|"
    r"mvn|mvnw|gradle|gradlew|go test|go vet|gotestsum|staticcheck|golangci-lint|cargo|nextest|mix|credo|"
    r"dialyzer|dialyxir|eslint|tsc|ruff|mypy|"
    r"flake8|pylint|pyright|bandit|rubocop|clippy|prettier|tarpaulin|npm|yarn|pnpm|bun|make|sorbet|checkstyle|"
    r"spotbugs|detekt|verify|check|lint|test)\b"
)

_DEMANDS = re.compile(
    r"(?<!\w)(?:-race|--strict\S*|-D\s*warnings|-W\s*error|-Werror|--cov\S*|--coverage|--warnings-as-errors|"
    r"--max-warnings\S*|--runInBand|"
    r"--fail-\S+|--check|--workspace|--all\b|--all-\w+|--ci|-p\s|-u\b|--deny|\./\.\.\.|--doc|--integration|"
    r"-eo pipefail|pipefail|-e\b|--verify)"
)

_COMMANDS = re.compile(
    r"(?:\.rspec|\.mocharc[^/]*|nextest[^/]*|(?:jest|vitest|cypress|playwright|karma)[^/]*\.[cm]?[jt]s|ya?ml|"
    r"Makefile|\.mk|\.sh|package\.json|tox\.ini|noxfile\.py|Rakefile|[Jj]ustfile|\.toml|\.gradle(?:\.kts)?|"
    r"pom\.xml|mix\.exs|Dockerfile|\.cfg|\.ini)$"
)

_RUNNERS = re.compile(
    r"(?i)jest|vitest|playwright|mocharc|karma|cypress|ava\b|pytest|surefire|failsafe|tool:pytest|unittest|"
    r"rspec|exunit|test_helper|tox|"
    r"Cargo\.toml|nextest|Rakefile|\btest\b|conftest|cargo"
)

_TESTS_OUT = re.compile(
    r"(?i)^(?:testPathIgnorePatterns|modulePathIgnorePatterns|collect_ignore(?:_glob)?|norecursedirs|excludes?|"
    r"exclude\w*|testIgnore|ignore|specs_to_exclude|"
    r"excludeSpecPattern|filter_run_excluding|excludedGroups|excludeTags|excludeTestsMatching|grepInvert|"
    r"test_ignore_filters|exclude_pattern|"
    r"filter_run_when_matching|watchPathIgnorePatterns|deselect|default-filter|autotests|harness|grep|fgrep|"
    r"invert|testNamePattern|onlyFailures|tags)$"
)

_TESTS_IN = re.compile(
    r"(?i)^(?:testMatch|testRegex|roots|testpaths|python_(?:files|classes|functions)|test_(?:pattern|paths|"
    r"files|load_filters)|t\.(?:pattern|test_files)|"
    r"pattern|includes?|specs?|specPattern|testDir|projects|groups|includeTags|envlist|env_list|members|test-args)$"
)

_CONDITION = re.compile(r"^(?:- )?(?:when|if|skip):.*\b(?:false|never|none|nobody)\b")

_WARNINGS = re.compile(r"--max-warnings[ =](\d{1,9})")

_DASHED = re.compile(r"^(?:commands\w*\s*=\s*)?@?-\s*@?[\w./{]")


def _chooses(change: Change, one: Entry) -> bool:
    about_coverage = COVERAGE.search(f"{one.section} {one.key}") is not None
    return _RUNNERS.search(f"{change.path} {one.section}") is not None and not about_coverage


def chosen(change: Change, before: Sequence[Entry], after: Sequence[Entry]) -> Iterator[Found]:
    """Which tests a runner is told to run."""
    if not _RUNNERS.search(f"{change.path}\n{change.before}"):
        return
    old, new = Counter((one.key, one.value) for one in before), Counter((one.key, one.value) for one in after)
    for one in after:
        known = old[one.key, one.value] >= new[one.key, one.value]
        of_pom = change.path.endswith("pom.xml") and re.search(r"Tests?\b|IT\b", one.value)
        about = of_pom or _chooses(change, one)
        if about and not known and one.value and _TESTS_OUT.match(one.key) and one.value != "node_modules":
            yield Found(Rule.TEST_COMMAND_CHANGED, change.path, one.line, f"`{one.key}` leaves out {one.value[:120]}")
    for one in before:
        about = _chooses(change, one)
        if about and new[one.key, one.value] < old[one.key, one.value] and one.value and _TESTS_IN.match(one.key):
            yield Found(Rule.TEST_COMMAND_CHANGED, change.path, 0, f"`{one.key}` no longer has {one.value[:120]}")


def commands(sides: Sides) -> Iterator[Found]:
    """Look at the commands that run tests and checks."""
    added = [line for line in sides.added if _COMMANDS.search(line.path)]
    removed = [line for line in sides.removed if _COMMANDS.search(line.path)]
    ignored = [line for line in removed if _IGNORES.search(line.text)]
    for line in added:
        dashed = _DASHED.match(line.text) and re.search(r"[Mm]akefile$|\.mk$|tox\.ini$", line.path)
        if (dashed or _IGNORES.search(line.text)) and len(ignored) == 0:
            yield Found(Rule.CI_IGNORES_FAILURE, line.path, line.number, line.text[:160])
    yield from _runs(added, removed)
    yield from _conditions(added, removed)


def _conditions(added: Sequence[Line], removed: Sequence[Line]) -> Iterator[Found]:
    was = [float(number) for one in removed for number in _WARNINGS.findall(one.text)]
    for line in added:
        if _CONDITION.match(line.text) and re.search(r"\.(?:ya?ml)$", line.path):
            yield Found(Rule.TEST_COMMAND_CHANGED, line.path, line.number, f"runs only under a condition: {line.text}")
        worse = _WARNINGS.search(line.text)
        if worse and was and float(worse[1]) > max(was):
            yield Found(Rule.LINTER_DISABLED, line.path, line.number, line.text[:160])


def _runs(added: Sequence[Line], removed: Sequence[Line]) -> Iterator[Found]:
    old = Counter(word for line in removed for word in _NARROWS.findall(line.text))
    for line in added:
        if any(old[word] == 0 for word in _NARROWS.findall(line.text)):
            yield Found(Rule.TEST_COMMAND_CHANGED, line.path, line.number, f"runs less: {line.text[:160]}")
    for path in dict.fromkeys(line.path for line in removed):
        before = Counter(word for line in removed if line.path == path for word in _words(line.text))
        after = Counter(word for line in added for word in _words(line.text))
        lost = [word for word in before if not after[word]]
        if lost:
            yield Found(Rule.TEST_COMMAND_CHANGED, path, 0, f"no longer runs: {', '.join(lost[:5])}")


def _words(text: str) -> list[str]:
    if text.startswith(("#", "[")):
        return []
    runs = [word for word in _CHECKS.findall(text) if word not in {"make", "check", "verify"}]
    return runs + [word.strip() for word in _DEMANDS.findall(text)] if runs else []
