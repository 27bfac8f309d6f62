"""Pipelines in the domain's words."""

import pytest
from tests import builders as make

from selfheald.domain.pipeline import Ref, RefKind


@pytest.mark.parametrize(
    ("branch_name", "kind", "name"),
    [
        ("main", RefKind.BRANCH, "main"),
        ("refs/tags/v1.2", RefKind.TAG, "v1.2"),
        ("pull-request-412", RefKind.PULL_REQUEST, "412"),
        ("pull-request-", RefKind.BRANCH, "pull-request-"),
        ("pull-request-fix", RefKind.BRANCH, "pull-request-fix"),
        ("pull-request-²", RefKind.BRANCH, "pull-request-²"),
    ],
)
def test_a_branch_name_says_what_was_built(branch_name: str, kind: RefKind, name: str) -> None:
    ref = Ref.parse(branch_name)

    assert ref == Ref(kind=kind, name=name)
    assert str(ref) == branch_name


def test_only_a_done_pipeline_has_failed_or_passed() -> None:
    assert make.pipeline().failed
    assert make.passed_pipeline().passed
    assert not make.running_pipeline().failed
    assert not make.running_pipeline().passed
