"""How fast conditions are: ``python -m tests.bench.conditions`` prints a table; nothing is asserted.

Aims: 10,000 evaluations a second of the original recipe on one core; 50 ms at most for any 10,000 characters.
"""

import sys
from collections.abc import Iterator
from time import process_time

from tests.bench.figures import Sample, Section, table

from selfheald.domain.conditions import language
from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.pcre import matching

RECIPE = "result = 'failed' AND branch !~ '^selfheal-.*'"
INPUTS = {"branch": "feature/" + "ab" * 100, "tag": "", "pull_request": "", "result": "failed", "result_reason": "test"}
EVALUATIONS = 20_000
ROUNDS = 3


def matching_any(*patterns: str) -> str:
    return " or ".join(f"branch =~ '{pattern}'" for pattern in patterns)


HARD = {
    "brackets": "(" * 4_999 + "1" + ")" * 4_999,
    "a list": "[" + "1," * 4_998 + "1]",
    "nested lists": "[" * 4_999 + "1" + "]" * 4_999,
    "alternatives": "1 or " * 1_999 + "true",
    "nested alternatives": "1or(" * 1_900 + "1" + ")" * 1_900,
    "comparisons": " or ".join(["branch='a'"] * 660),
    "calls": "f() or " * 1_400 + "1",
    "one long text": matching_any("a" * 9_980),
    "too many patterns": matching_any(*(f"a+{number}" for number in range(480))),
    "one pattern many times": matching_any(*["(a|b|ab)*c"] * 400),
    "many slow patterns": matching_any(*(f"(a|b|ab)*{number}c" for number in range(60))),
    "nested repetitions": matching_any("(a{1000}){1000}"),
    "nested alternatives that repeat": matching_any("(?:" * 30 + "a|b" + ")+|c" * 30),
    "endless recursion": matching_any("(?R)"),
    "a long pattern": matching_any("[a-z]" * 250),
    "both cases": matching_any("(*UTF8)(?i)" + "[\\x{0}-\\x{10ffff}]" * 40),
}


def milliseconds(text: str) -> float:
    """Time reading and evaluating an expression for the first time; the best of a few rounds."""
    return min(once(text) for _ in range(ROUNDS)) * 1_000


def once(text: str) -> float:
    language._program.cache_clear()
    matching.expression.cache_clear()
    matching._compiled.cache_clear()
    begun = process_time()
    try:
        Condition.parse(text).evaluate(INPUTS)
    except ConditionError:
        return process_time() - begun
    return process_time() - begun


def evaluations_a_second() -> float:
    condition = Condition.parse(RECIPE)
    condition.evaluate(INPUTS)
    begun = process_time()
    for _ in range(EVALUATIONS):
        condition.evaluate(INPUTS)
    return EVALUATIONS / (process_time() - begun)


def measure(*, rounds: int) -> Section:
    """The recipe again and again, and each hard expression for the first time."""
    rates = Sample([evaluations_a_second() for _ in range(rounds)])
    hard = {name: milliseconds(text) for name, text in HARD.items()}
    worst = max(hard, key=lambda name: hard[name])
    shown = table("Conditions, on one core", "", "median", "min - max")
    shown.add_row("evaluations a second of the original recipe (aim: 10,000)", *rates.shown("{:,.0f}"))
    shown.add_row(f"the worst of {len(hard)} hard expressions: {worst}, ms (aim: 50)", f"{hard[worst]:.1f}", "")
    return Section(
        name="conditions",
        tables=[shown],
        notes=(),
        figures={"evaluations_a_second": rates.json(), "hard_milliseconds": hard},
    )


def lines() -> Iterator[str]:
    yield f"{evaluations_a_second():12,.0f} evaluations a second of {RECIPE}"
    for name, text in HARD.items():
        yield f"{milliseconds(text):9.1f} ms  {len(text):6} characters  {name}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines())
