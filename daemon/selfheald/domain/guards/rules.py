"""The table of guards on a diff: every rule with what it means and what it does unless the configuration says more.

The value is what users meet: in the configuration, in findings, as a metric label, in the guide.
"""

from enum import StrEnum
from typing import Self

from selfheald.domain.finding import GuardAction


class GuardChoice(StrEnum):
    """What a rule may be set to do: an action, or nothing."""

    BLOCK = "block"
    APPROVE = "approve"
    NOTE = "note"
    OFF = "off"


_BLOCK, _APPROVE, _NOTE = GuardAction.BLOCK, GuardAction.APPROVE, GuardAction.NOTE


class Rule(StrEnum):
    """A guard. ``meaning`` is one sentence for people; ``default`` is what its findings do."""

    meaning: str
    default: GuardAction

    def __new__(cls, value: str, default: GuardAction, meaning: str) -> Self:
        """Attach meaning and default to the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        member.default = default
        return member

    # Files
    PROTECTED_PATH = "protected_path", _BLOCK, "A path in `protected_paths` is touched."
    LINK_OUTSIDE = "link_outside", _BLOCK, "A symbolic link leads out of the tree, or into git's own folder."
    SUBMODULE = "submodule", _BLOCK, "A submodule is added, removed, or points to another commit or address."
    NESTED_REPOSITORY = "nested_repository", _BLOCK, "Parts of a git repository are added as files."
    MODE_CHANGED = "mode_changed", _NOTE, "A file becomes executable or stops to be, or becomes a link or a file."
    BINARY = "binary", _APPROVE, "A file that is not text is added or changed: nobody can read what it does."
    FILE_TOO_LARGE = "file_too_large", _BLOCK, "A file is larger than `guards.max_file_kb`."
    TOO_MANY_FILES = "too_many_files", _APPROVE, "More files change than `guards.max_files`."
    TOO_MANY_LINES = "too_many_lines", _APPROVE, "More lines change than `guards.max_lines`."
    NOT_LOOKED_AT = "not_looked_at", _APPROVE, "A file is too large or too deep for the guards to look into."
    SECRET = "secret", _BLOCK, "An added line holds what looks like a secret."
    # Tests that go
    TEST_FILE_DELETED = "test_file_deleted", _BLOCK, "A file of tests is deleted, emptied, or no longer collected."
    TEST_DELETED = "test_deleted", _BLOCK, "A test is gone, also by being commented out or renamed away."
    TEST_DELETED_WITH_CODE = "test_deleted_with_code", _NOTE, "A test is gone together with the code that it tests."
    TEST_EMPTIED = "test_emptied", _BLOCK, "A test checks nothing any more."
    CASES_REMOVED = "cases_removed", _BLOCK, "A test runs with fewer rows of a table or parameters."
    # Tests that do not run
    TEST_SKIPPED = "test_skipped", _BLOCK, "A test that ran is skipped, ignored, pending, or expected to fail."
    NEW_TEST_SKIPPED = "new_test_skipped", _NOTE, "A new test is skipped, ignored, pending, or expected to fail."
    TEST_FOCUSED = "test_focused", _BLOCK, "Only some tests run: `.only`, `fit`, `focus`."
    EARLY_RETURN = "early_return", _BLOCK, "A test returns, or ends the process, before it has checked everything."
    # Assertions
    ASSERTION_REMOVED = "assertion_removed", _BLOCK, "A test has lost an assertion."
    ASSERTION_WEAKENED = "assertion_weakened", _BLOCK, "An assertion accepts more than it did."
    ASSERTION_VACUOUS = "assertion_vacuous", _BLOCK, "An assertion is true whatever the code does."
    ASSERTION_CONDITIONAL = "assertion_conditional", _BLOCK, "An assertion is made only under a condition now."
    ASSERTION_COMMENTED_OUT = "assertion_commented_out", _BLOCK, "An assertion is commented out."
    EXPECTATION_CHANGED = "expectation_changed", _NOTE, "A test expects another value than before."
    EXPECTATION_BENT = "expectation_bent", _APPROVE, "A test expects another value, and nothing but tests changes."
    SUBJECT_MOCKED = "subject_mocked", _APPROVE, "What a test is about is replaced by a mock or stub."
    ERROR_SWALLOWED = "error_swallowed", _BLOCK, "A test catches errors that would have failed it."
    # Time
    RETRY_ADDED = "retry_added", _BLOCK, "A test is tried again until it passes."
    SLEEP_ADDED = "sleep_added", _BLOCK, "A sleep is added, or made longer."
    TIMEOUT_RAISED = "timeout_raised", _BLOCK, "A timeout is longer than before."
    # Gates
    COVERAGE_LOWERED = "coverage_lowered", _BLOCK, "A coverage gate is lower than before, or gone."
    COVERAGE_EXCLUDED = "coverage_excluded", _BLOCK, "Code is taken out of what coverage is measured on."
    LINTER_SUPPRESSED = "linter_suppressed", _APPROVE, "A linter or type checker is told to look away, in the code."
    LINTER_DISABLED = "linter_disabled", _BLOCK, "A linter or type checker is disabled or loosened, in its settings."
    CI_IGNORES_FAILURE = "ci_ignores_failure", _BLOCK, "A step may fail now without anybody noticing."
    TEST_COMMAND_CHANGED = "test_command_changed", _BLOCK, "Tests or checks are no longer run, or fewer of them."
