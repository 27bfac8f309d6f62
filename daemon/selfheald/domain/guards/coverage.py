"""Guards on coverage: thresholds, switches, and what is left out of the measure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from selfheald.domain.guards.change import Change, Found
from selfheald.domain.guards.entries import Entry
from selfheald.domain.guards.rules import Rule

NUMBER = re.compile(r"^-?\d+(?:\.\d+)?%?$")

COVERAGE = re.compile(r"(?i)cov|nyc|c8|istanbul|jacoco|tarpaulin|simplecov|excoveralls|threshold|kover|lcov")

_GATE = re.compile(
    r"(?i)fail[-_]?under|minimum\w*|^min(?:_\w+)?$|^(?:branches|functions|lines|statements)$|threshold|^target$|"
    r"cov\w*min|min\w*cov|"
    r"maximum_coverage_drop|refuse_coverage_drop|^value$|fail-under-\w+|coverage"
)

_HIGHER_IS_WEAKER = re.compile(r"(?i)^threshold$|drop|max")

_LEFT_OUT = re.compile(
    r"(?i)^(?:omit|exclude\w*|coveragePathIgnorePatterns|skip_files|add_filter|add_group|ignore\w*|"
    r"exclude[-_]files|exclude_lines|"
    r"exclude_also|excludes?|partial_branches)$"
)

_SWITCH = re.compile(
    r"(?i)^(?:check-?coverage|branch|branchcoverage|haltOnFailure|require_ci_to_pass|all|per_?file|"
    r"fail_ci_if_error|coverage|collectCoverage|"
    r"enabled|check|failOnViolation|enable_coverage|fail_on_error|isEnabled|cover)$"
)

ON, _NOT_ON = re.compile(r"(?i)^(?:true|yes|on|:branch)$"), re.compile(r"(?i)^(?:false|no|off)$")


def coverage(
    change: Change, before: Sequence[Entry], after: Sequence[Entry], moved: Sequence[Entry]
) -> Iterator[Found]:
    """``moved`` is what other settings have that they had not before."""
    if not COVERAGE.search(f"{change.path}\n{change.before}"):
        return
    there = _numbers(moved)
    for key, old in _numbers(before).items():
        new = _numbers(after).get(key, [])
        weaker = _HIGHER_IS_WEAKER.search(key[1]) and "codecov" in change.path
        for number, (was, line) in enumerate(old):
            now = new[number][0] if number < len(new) else max((value for value, _ in there.get(key, [])), default=None)
            if now is None or (now > was if weaker else now < was):
                where = new[number][1] if number < len(new) else line
                text = f"`{key[1]}` was {was:g} and is {'gone' if now is None else f'{now:g}'}"
                yield Found(Rule.COVERAGE_LOWERED, change.path, where, text)
    yield from _switched_off(change, before, after, moved)
    known = Counter((one.key, one.value) for one in before)
    for one in after:
        in_coverage = COVERAGE.search(f"{change.path} {one.section} {one.key}")
        if in_coverage and _LEFT_OUT.search(one.key) and not known[one.key, one.value] and one.value:
            yield Found(Rule.COVERAGE_EXCLUDED, change.path, one.line, f"`{one.key}` takes out {one.value[:120]}")


def _switched_off(
    change: Change, before: Sequence[Entry], after: Sequence[Entry], moved: Sequence[Entry]
) -> Iterator[Found]:
    """Gates that are on or off."""
    old, new = Counter((one.key, one.value) for one in before), Counter((one.key, one.value) for one in after)
    for one in before:
        gone = new[one.key, one.value] < old[one.key, one.value]
        if (
            gone
            and not any(other.key == one.key and ON.match(other.value) for other in moved)
            and COVERAGE.search(f"{change.path} {one.section} {one.key}")
            and _SWITCH.match(one.key)
            and ON.match(one.value)
        ):
            yield Found(Rule.COVERAGE_LOWERED, change.path, one.line, f"`{one.key}` is no longer {one.value}")
    for one in after:
        come = new[one.key, one.value] > old[one.key, one.value]
        weak = (one.key == "informational" and ON.match(one.value)) or _NOT_ON.match(one.value)
        if come and weak and COVERAGE.search(f"{change.path} {one.section} {one.key}"):
            yield Found(Rule.COVERAGE_LOWERED, change.path, one.line, f"`{one.key}` is {one.value} now")


def _numbers(found: Sequence[Entry]) -> dict[tuple[str, str], list[tuple[float, int]]]:
    numbers: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for one in found:
        options = re.findall(
            r"--?([\w-]*(?:fail[-_]under|threshold|min-cov)[\w-]*)[= ](\d+(?:\.\d+)?)", f"{one.key}={one.value}"
        )
        for key, value in options or (
            [(one.key, one.value)] if NUMBER.match(one.value) and _GATE.search(one.key) else []
        ):
            numbers.setdefault(("", key), []).append((float(value.rstrip("%")), one.line))
    return numbers
