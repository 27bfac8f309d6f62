"""The page about agents says what the code does."""

from tests.house.checkout import ROOT, code, tables

from selfheald.agents.build import COMMAND, KINDS
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.breaker import OWN_FAULTS, PAUSES

PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")


def rows(first: str) -> list[list[str]]:
    """The rows of the table whose first column has this name."""
    (found,) = (table for table in tables(PAGE) if table[0][0] == first)
    return [list(row) for row in found[1:]]


def test_each_kind_is_there_with_its_package_at_the_tested_version() -> None:
    told = {code(row[0]): row[2] for row in rows("kind")}

    packages = {kind: f"`{one.package.name}@{one.package.tested}`" for kind, one in KINDS.items()}
    assert told == {**packages, COMMAND: ""}


def test_each_outcome_is_there_and_counts_as_told() -> None:
    told = {code(row[0]): row[2] for row in rows("outcome")}

    assert told == {str(outcome): "yes" if outcome.counts else "no" for outcome in AttemptOutcome}


def test_pauses_and_what_leads_to_them_are_told() -> None:
    section = PAGE.partition("## When an agent fails")[2].partition("\n## ")[0]

    assert all(f"`{outcome}`" in section for outcome in OWN_FAULTS)
    assert [int(pause.total_seconds()) for pause in PAUSES] == [20, 60, 120, 300, 600, 1800]
    assert "20 seconds,\nafter the second in a row for 1 minute, then 2, 5, 10 and 30 minutes" in section
