"""Secrets that are added, by whatever finds them."""

from collections.abc import Sequence

from tests.guards.diffs import added, modified

from selfheald.domain.guards.change import GuardPolicy
from selfheald.domain.guards.judge import judge
from selfheald.domain.redaction import SecretSpan


def canaries(text: str) -> Sequence[SecretSpan]:
    """Finds the word ``canary`` with the line that follows it."""
    starts = [at for at in range(len(text)) if text.startswith("canary", at)]
    return [SecretSpan(start=at, end=min(at + 8, len(text)), rule="canary") for at in starts]


def test_only_secrets_on_added_lines_count_and_none_is_repeated() -> None:
    old = modified("a.py", "x = 'canary'\n", "x = 'canary'\ny = 1\n")
    new = added("b.py", "z = 1\nk = 'canary'\n")

    findings = judge([old, new], GuardPolicy(), secrets=canaries)

    assert [(one.rule, one.path, one.line) for one in findings] == [("secret", "b.py", 2)]
    assert "k =" not in findings[0].text


def test_a_secret_of_several_lines_counts_when_one_of_them_is_added() -> None:
    change = modified("a.pem", "canary\n", "canary\nx\n")

    assert [one.line for one in judge([change], GuardPolicy(), secrets=canaries)] == [1]


def test_without_a_finder_no_secret_is_looked_for() -> None:
    assert judge([added("b.py", "k = 'canary'\n")], GuardPolicy()) == ()
