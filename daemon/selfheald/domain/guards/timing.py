"""Guards on time: retries, sleeps, timeouts. Line by line, since they stand in settings as well as in code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.dialects import dialect_of, is_test_path
from selfheald.domain.guards.lines import Line
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import Sides

_RETRY = re.compile(
    r"(?i)\bflaky\b(?!\w)|--reruns\b|rerunfailures|\bretryTimes\(|\bthis\.retries\(|"
    r"\bretries\s*[:=(]\s*(?:[1-9]|\{)|\b(?:attempts?|tries|retries)\s*(?:\+=|\+\+)|\bretry\s*(?:[:=]|=>)\s*[1-9]|"
    r"\bfor \(?(?:let |int |var |_)?_?(?:attempt|try|retry|tries)\w*\b|\.times do \|_?(?:attempt|try)|"
    r"\|\|\s*[\w./ -]*(?:test|rspec|pytest|jest|vitest|mocha|failed|rerun)\b|\buntil\b.*(?:test|rspec|"
    r"pytest).*;\s*do|for \w+ in (?:\d|\$\(seq|\{1).*;\s*do|"
    r"rspec[-/_]retry|\bretry_(?:count|failed)|RetryingTest|RepeatedIfException|@Retry\b|RetryAnalyzer|"
    r"rerunFailingTests|"
    r"maxRetries|(?:^|[\s&;-])retry\s+(?:-|\d)|--rerun-fails|--retries?[ =]|\bmax_runs\s*=|\btest\.retries\(|"
    r"minitest-retry|Minitest::Retry|pytest-retry|pytest-rerun|"
    r"\brerun-filter|retry\(\s*\d|--flake-finder|\btenacity\b|@retry\b|\bflake_attempts|nick-fields/retry|"
    r"junit-pioneer|--repeat-failed"
)
_SLEEP = re.compile(
    r"(?i)\bsleep\w*[!?]?\s*\(\s*[^)\s;]|\bsleep\s+[\d$]|\b(?:time\.)?Sleep\(|\bThread\.sleep|\bwaitForTimeout\(|"
    r"\bsetTimeout\(\s*(?:\w+|\(\)\s*=>\s*\w*\(?\)?)\s*,\s*\d|"
    r"\bcy\.wait\(\s*\d|:timer\.sleep|Process\.sleep|thread::sleep|time::sleep|\bdelay\(\s*\d|\bpause\(\s*\d|"
    r"timers/promises"
)
_TIMEOUT = re.compile(
    r"(?i)time_?out|deadline|\bwithin\b|\batMost\b|\bwait(?:_?time|_for|For|Until)?\b|time\.After|from_(?:secs|"
    r"millis|mins)|Duration\.of|"
    r"assert_receive|\}\s*,\s*[\d_]+\s*\)|max_wait|Eventually|\bmax_?time|\btime\.(?:Second|Millisecond|Minute|"
    r"Hour)\b|patience|_seconds\b|_millis\b|\blimit\w*\s*="
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e\d+)?")
_UNITS = (
    (re.compile(r"(?i)milli|\bms\b|\dms\b|_ms"), 1.0),
    (re.compile(r"(?i)hour|\dh\b"), 3_600_000.0),
    (re.compile(r"(?i)minute|from_mins|\dm\b|:timer\.minutes"), 60_000.0),
    (re.compile(r"(?i)sec|\ds\b"), 1_000.0),
)
_COMMENT = re.compile(r"^\s*(?:#(?!\[)|//|\*|/\*|--)")
_FOREVER = re.compile(
    r"(?i)time_?out\w*\s*[:=(]+\s*(?::infinity|None|null|0\b|false|Infinity)|setTimeout\(0\)|timeout\(0\)"
)
_DEFAULTS = (
    (re.compile(r"jest\.setTimeout\(|testTimeout|\}\s*,\s*[\d_]+\s*\)|hookTimeout|\btimeout:\s*[\d_]+\s*\}"), 5_000.0),
    (re.compile(r"\bgo test\b.*-timeout[ =]"), 600_000.0),
    (re.compile(r"this\.timeout\(|\.timeout\(\s*\d"), 2_000.0),
    (re.compile(r"@(?:module|describe)?tag,?\s*\(?timeout:"), 60_000.0),
    (re.compile(r"assert_receive\b.*,\s*\d"), 100.0),
)
"""Where tests have a time limit although none is set, in milliseconds."""
_POLLING = re.compile(
    r"\b(?:while|until|for|loop|repeat|poll|wait_for|wait_until|eventually|retry_until|waitFor|times)\b"
)


@dataclass(frozen=True, slots=True)
class _Amount:
    line: Line
    shape: str
    value: float


def timing(sides: Sides) -> Iterator[Found]:
    """Find what was added or raised."""
    added = [line for line in sides.added if not _COMMENT.match(line.text)]
    removed = [line for line in sides.removed if not _COMMENT.match(line.text)]
    texts = {change.path: (change.after or "").splitlines() for change in sides.changes}
    yield from _retries(added, removed)
    yield from _sleeps(_in_tests(added, sides.changes), removed, texts)
    yield from _timeouts(added, removed)
    for change in sides.changes:
        old, new = (_ci_minutes(text or "") for text in (change.before, change.after))
        if old and new > old:
            yield Found(Rule.TIMEOUT_RAISED, change.path, 0, f"the time limit of CI was {old:g} minutes and is {new:g}")
    yield from _limits_gone(added, [line for line in removed if texts.get(line.path)])


def _in_tests(lines: Sequence[Line], changes: Sequence[Change]) -> list[Line]:
    """Those of tests; in Rust a file's tests stand at its end."""
    begins = {}
    for change in changes:
        before, found, _ = (change.after or "").partition("#[cfg(test)]")
        begins[change.path] = 0 if is_test_path(change.path) else before.count("\n") if found else 1 << 40
    return [line for line in lines if line.number > begins[line.path]]


def _retries(added: Sequence[Line], removed: Sequence[Line]) -> Iterator[Found]:
    gone = [line for line in removed if _RETRY.search(line.text)]
    for line in added:
        is_code = dialect_of(line.path) is not None and not is_test_path(line.path) and not _SETTINGS.search(line.path)
        if (
            _RETRY.search(line.text)
            and not is_code
            and not line.path.endswith(".md")
            and "HEALTHCHECK" not in line.text
        ):
            known = next((one for one in gone if _shape(one.text) == _shape(line.text)), None)
            if known is None or _value(known.text) < _value(line.text):
                yield Found(Rule.RETRY_ADDED, line.path, line.number, line.text[:160])


_SETTINGS = re.compile(r"(?:config|setup|rc|helper)[^/]*\.\w+$")


_STUBBED = re.compile(r"setattr|\bpatch|mock|stub|\ballow\(|fake")


def _sleeps(added: Sequence[Line], removed: Sequence[Line], texts: dict[str, list[str]]) -> Iterator[Found]:
    gone = _amounts(removed, _SLEEP)
    for one in _amounts(added, _SLEEP):
        known = _matching(one, gone)
        longer = known is None or one.value > known.value
        if longer and not _STUBBED.search(one.line.text) and not _polls(one.line, texts[one.line.path]):
            yield Found(Rule.SLEEP_ADDED, one.line.path, one.line.number, one.line.text[:160])


def _polls(line: Line, lines: Sequence[str]) -> bool:
    """Whether a sleep stands in a loop that waits for something, or in a helper that does."""
    indent = len(lines[line.number - 1]) - len(lines[line.number - 1].lstrip())
    for text in reversed(lines[max(line.number - 30, 0) : line.number - 1]):
        depth = len(text) - len(text.lstrip())
        if text.strip() and depth < indent:
            if _POLLING.search(text):
                return True
            indent = depth
    return _POLLING.search(line.text) is not None


def _timeouts(added: Sequence[Line], removed: Sequence[Line]) -> Iterator[Found]:
    gone = _amounts(removed, _TIMEOUT)
    for one in _amounts(added, _TIMEOUT):
        known = _matching(one, gone)
        if known and one.value > known.value:
            text = f"{one.line.text[:120]} (was {known.line.text[:80]})"
            yield Found(Rule.TIMEOUT_RAISED, one.line.path, one.line.number, text)
        elif known is None and (
            _above_default(one) or (_FOREVER.search(one.line.text) and is_test_path(one.line.path))
        ):
            yield Found(Rule.TIMEOUT_RAISED, one.line.path, one.line.number, one.line.text[:160])


_CI_LIMIT = re.compile(r"execution_time_limit:\s*\n?\s*(minutes|hours):\s*(\d{1,6})")


def _ci_minutes(text: str) -> float:
    """The longest time limit of a pipeline file."""
    return max(
        (float(number) * (60 if unit == "hours" else 1) for unit, number in _CI_LIMIT.findall(text)), default=0.0
    )


def _limits_gone(added: Sequence[Line], removed: Sequence[Line]) -> Iterator[Found]:
    """Limits that tests had of their own."""
    there = {match[0] for line in added for match in _LIMIT.finditer(line.text)}
    for line in removed:
        match = _LIMIT.search(line.text)
        if match and match[0] not in there:
            yield Found(Rule.TIMEOUT_RAISED, line.path, line.number, f"gone: {line.text[:160]}")


_LIMIT = re.compile(
    r"@(?:pytest\.mark\.)?timeout\b|@Timeout\b|@tag timeout|@Test\(timeout|assertTimeout\w*|"
    r"#\[(?:ntest::)?timeout|timeout_decorator"
)


def _above_default(one: _Amount) -> bool:
    return any(pattern.search(one.line.text) and one.value > default for pattern, default in _DEFAULTS)


def _amounts(lines: Sequence[Line], pattern: re.Pattern[str]) -> list[_Amount]:
    return [_Amount(line, _shape(line.text), _value(line.text)) for line in lines if pattern.search(line.text)]


def _matching(one: _Amount, gone: list[_Amount]) -> _Amount | None:
    """The same line with another number, or else the same words in the same file; taken out, each counts once."""
    alike = next((was for was in gone if was.shape == one.shape and was.line.path == one.line.path), None)
    alike = alike or next((was for was in gone if was.shape == one.shape), None)
    if alike:
        gone.remove(alike)
    return alike


def _shape(text: str) -> str:
    units = re.sub(r"(?:\d[\d_]*\s*\*\s*)?time\.(?:Nano|Micro|Milli)?(?:second|Second|Minute|Hour)s?", "U(1)", text)
    units = re.sub(r"(?i)from_\w+|milli\w*|seconds?|minutes?|secs?\b|of(?:Seconds|Millis|Minutes)", "U", units)
    numbers = re.sub(r"#(?:\s*\*\s*#)+", "#", _NUMBER.sub("#", units)).rstrip(",; ")
    return re.sub(r"#(?:ms|s|m|h)\b", "#U", numbers)


_GO = re.compile(r"(?:(\d[\d_]*)\s*\*\s*)?time\.(Millisecond|Second|Minute|Hour)")
_GO_UNITS = {"Millisecond": 1.0, "Second": 1_000.0, "Minute": 60_000.0, "Hour": 3_600_000.0}
_PRODUCT = re.compile(r"(\d[\d_]*)\s*\*\s*(\d[\d_]*)")


def _value(text: str) -> float:
    """The largest time that a line names, in milliseconds as far as it says so; forever is more than any."""
    if _FOREVER.search(text):
        return float("inf")
    if times := [float(number.replace("_", "")[:9] or 1) * _GO_UNITS[unit] for number, unit in _GO.findall(text)]:
        return max(times)
    numbers = [float(number.replace("_", "")) for number in _NUMBER.findall(text)[:8]]
    numbers += [float(one.replace("_", "")) * float(other.replace("_", "")) for one, other in _PRODUCT.findall(text)]
    unit = next((factor for pattern, factor in _UNITS if pattern.search(text)), 1.0)
    return max(numbers, default=0.0) * unit
