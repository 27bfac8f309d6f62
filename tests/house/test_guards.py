"""The page on the guards has every rule, with its default and its meaning."""

from tests.house.checkout import ROOT, table

from selfheald.domain.guards.rules import Rule

PAGE = (ROOT / "docs/guards.md").read_text(encoding="utf-8")


def test_every_rule_is_explained_with_its_default_and_meaning() -> None:
    rows = [(f"`{rule}`", f"`{rule.default}`", rule.meaning) for rule in Rule]

    assert [tuple(row) for row in table(PAGE, "rule", "default", "meaning")] == rows
