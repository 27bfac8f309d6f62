"""What the guards are set to do, for all projects and for one."""

from pathlib import Path

from tests.settings.sample import SMALL, load_text, mistakes_in

from selfheald.domain.finding import GuardAction
from selfheald.domain.guards.rules import Rule


def test_rules_of_a_project_are_merged_with_those_of_all(tmp_path: Path) -> None:
    defaults = "defaults:\n  guards: {max_files: 7, rules: {test_skipped: note, binary: off}}\n"
    project = "    guards: {tries: 0, rules: {binary: block}}\n"

    (one,) = load_text(tmp_path, f"{SMALL.rstrip()}\n{project}{defaults}").projects

    assert (one.guards.tries, one.guards.max_files, one.guards.max_lines) == (0, 7, 5000)
    assert one.guards.action(Rule.TEST_SKIPPED) is GuardAction.NOTE
    assert one.guards.action(Rule.BINARY) is GuardAction.BLOCK
    assert one.guards.action(Rule.TEST_DELETED) is Rule.TEST_DELETED.default


def test_off_switches_a_rule_off(tmp_path: Path) -> None:
    (one,) = load_text(tmp_path, f"{SMALL.rstrip()}\n    guards: {{rules: {{binary: off}}}}\n").projects

    assert one.guards.action(Rule.BINARY) is None


def test_a_rule_that_does_not_exist_is_told_with_what_may_be_meant(tmp_path: Path) -> None:
    (mistake,) = mistakes_in(tmp_path, f"{SMALL.rstrip()}\n    guards: {{rules: {{test_skiped: note}}}}\n")

    assert "unknown key; did you mean `test_skipped`?" in mistake


def test_a_protected_path_cannot_be_let_through(tmp_path: Path) -> None:
    (mistake,) = mistakes_in(tmp_path, f"{SMALL.rstrip()}\n    guards: {{rules: {{protected_path: off}}}}\n")

    assert "unknown key" in mistake


def test_another_action_is_told_with_those_that_exist(tmp_path: Path) -> None:
    (mistake,) = mistakes_in(tmp_path, f"{SMALL.rstrip()}\n    guards: {{rules: {{binary: maybe}}}}\n")

    assert "`maybe` stands here; allowed are 'block', 'approve', 'note' or 'off'" in mistake
