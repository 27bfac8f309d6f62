"""Judges a diff by all guards."""

from collections.abc import Iterator, Sequence

from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.guards.assertions import assertions
from selfheald.domain.guards.change import LINK, Change, Found, GuardPolicy, Secrets
from selfheald.domain.guards.files import files
from selfheald.domain.guards.gates import gates
from selfheald.domain.guards.lines import added
from selfheald.domain.guards.rules import Rule
from selfheald.domain.guards.sides import sides_of
from selfheald.domain.guards.skips import skips
from selfheald.domain.guards.tests_gone import tests_gone
from selfheald.domain.guards.timing import timing
from selfheald.domain.plain import one_line

MOST_FINDINGS = 100
"""Findings that are kept; those that block come first."""

LONGEST_TEXT = 240
"""Characters of what a finding says."""

LONGEST_PATH = 300
"""Characters of a path; what cannot be shown is left out of it."""

_WEIGHT = {GuardAction.BLOCK: 0, GuardAction.APPROVE: 1, GuardAction.NOTE: 2}


def judge(
    changes: Sequence[Change],
    policy: GuardPolicy,
    *,
    protected_paths: Sequence[str] = (),
    secrets: Secrets | None = None,
) -> tuple[Finding, ...]:
    """Give what the guards find in a diff, the worst first; at most :data:`MOST_FINDINGS`."""
    found = [*files(changes, policy, protected_paths), *_secrets(changes, secrets), *_code(changes)]
    findings: dict[tuple[Rule, str, int], Finding] = {}
    for one in found:
        if action := policy.action(one.rule):
            path, text = one_line(one.path, LONGEST_PATH), one_line(one.text, LONGEST_TEXT)
            finding = Finding(rule=one.rule, path=path, line=one.line, action=action, text=text)
            findings.setdefault((one.rule, path, one.line), finding)
    return tuple(
        sorted(findings.values(), key=lambda one: (_WEIGHT[one.action], one.path, one.line, one.rule))[:MOST_FINDINGS]
    )


def worst(findings: Sequence[Finding]) -> GuardAction | None:
    """The action that decides; ``None`` without findings."""
    return min((one.action for one in findings), key=_WEIGHT.__getitem__, default=None)


def _code(changes: Sequence[Change]) -> Iterator[Found]:
    sides = sides_of([change for change in changes if change.before != change.after and change.mode != LINK])
    yield from sides.unread
    yield from tests_gone(sides)
    yield from skips(sides)
    yield from assertions(sides)
    yield from timing(sides)
    yield from gates(sides)


def _secrets(changes: Sequence[Change], find: Secrets | None) -> Iterator[Found]:
    """Look for secrets that touch an added line; what is found is not repeated."""
    new = {(line.path, line.number) for line in added(changes)}
    for change in changes:
        text = change.after or ""
        for span in find(text) if find else ():
            first = text.count("\n", 0, span.start) + 1
            last = text.count("\n", 0, max(span.end - 1, span.start)) + 1
            if any((change.path, number) in new for number in range(first, last + 1)):
                yield Found(Rule.SECRET, change.path, first, f"what looks like a secret is added ({span.rule})")
