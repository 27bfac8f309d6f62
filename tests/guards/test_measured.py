"""How many weakening diffs the guards catch, and how many honest ones they stop; ``-s`` shows the rates."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest
from tests.guards.corpus import Entry, FileChange, Verdict, read

from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.guards.change import Change, GuardPolicy
from selfheald.domain.guards.judge import judge
from selfheald.domain.proposal import ChangeKind

CAUGHT_AT_LEAST, STOPPED_AT_MOST = 0.95, 0.02


@cache
def stopped(verdict: Verdict) -> dict[Entry, bool]:
    """Each diff of a corpus, and whether it would be blocked or put before a human."""
    return {entry: any(one.action is not GuardAction.NOTE for one in found(entry)) for entry in read(verdict)}


def found(entry: Entry) -> Sequence[Finding]:
    return judge([change(file) for file in entry.files], GuardPolicy())


def change(file: FileChange) -> Change:
    kind = ChangeKind.MODIFIED
    if file.before is None or file.after is None:
        kind = ChangeKind.ADDED if file.before is None else ChangeKind.DELETED
    return Change(
        path=file.path,
        kind=kind,
        old_mode="" if file.before is None else "100644",
        mode="" if file.after is None else "100644",
        before=file.before,
        after=file.after,
    )


def rates(verdict: Verdict) -> str:
    """For people: what was stopped, by framework and by kind, and what was judged wrongly."""
    judged = stopped(verdict)
    lines = [f"{verdict}: {sum(judged.values())} of {len(judged)} stopped"]
    for what in ("framework", "kind"):
        counts = Counter(getattr(entry, what) for entry in judged)
        hits = Counter(getattr(entry, what) for entry, hit in judged.items() if hit)
        lines += [f"  {what} {name}: {hits[name]} of {count}" for name, count in sorted(counts.items())]
    wrong = [entry for entry, hit in judged.items() if hit is (verdict is Verdict.HONEST)]
    lines += [f"  wrong: {entry.id}: {entry.about} {[str(one) for one in found(entry)][:3]}" for entry in wrong]
    return "\n".join(lines)


def test_weakening_diffs_are_caught() -> None:
    judged = stopped(Verdict.WEAKENING)
    print(f"\n{rates(Verdict.WEAKENING)}")  # noqa: T201 - the rates are wanted with `-s`

    assert sum(judged.values()) >= CAUGHT_AT_LEAST * len(judged), rates(Verdict.WEAKENING)


def test_honest_diffs_pass() -> None:
    judged = stopped(Verdict.HONEST)
    print(f"\n{rates(Verdict.HONEST)}")  # noqa: T201 - as above

    assert sum(judged.values()) <= STOPPED_AT_MOST * len(judged), rates(Verdict.HONEST)


@pytest.mark.parametrize("framework", sorted({entry.framework for entry in read(Verdict.WEAKENING)}))
def test_no_framework_is_left_behind(framework: str) -> None:
    judged = [hit for entry, hit in stopped(Verdict.WEAKENING).items() if entry.framework == framework]

    assert sum(judged) >= 0.85 * len(judged), rates(Verdict.WEAKENING)
