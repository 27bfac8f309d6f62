"""Whether a commit is our own work, by its message."""

import pytest
from tests import builders as make

from selfheald.domain.own_work import made_by_selfheald
from selfheald.domain.wording import commit_message

OURS = commit_message(summary="round half up", case_id=make.case().id, attempt=1, agent=make.AGENT)
TRAILERS = OURS.partition("\n\n")[2]


@pytest.mark.parametrize(
    "message",
    [
        OURS,
        f"Selfheal CI: round half up (#12)\n\n{TRAILERS}",
        f"selfheal CI: round half up (#12)\n\n* one\n\n{TRAILERS}\nCo-authored-by: Ada <ada@example.com>\n",
        "Merge pull request #12 from acme/selfheal-" + "a" * 40 + "\n\nSelfheal CI: round half up",
        "Merge branch 'selfheal-" + "a" * 40 + "' into main",
        "Merge remote-tracking branch 'origin/selfheal-" + "a" * 40 + "'",
    ],
)
def test_our_commits_their_squash_merges_and_merges_of_our_branch_are_ours(message: str) -> None:
    assert made_by_selfheald(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Round to the nearest cent",
        f'Revert "selfheal CI: round half up (#12)"\n\nThis reverts commit 1234.\n\n> {TRAILERS}',
        f'Revert "selfheal CI: round half up"\n\n{TRAILERS}',
        f"Round up, as in:\n\n{OURS}",
        "selfheal CI: a human writes so, too",
        f"selfheal CI: round half up\n\n{TRAILERS}\nThen I changed all of it.",
        "selfheal CI: only credits\n\nSigned-off-by: Ada <ada@example.com>",
        "Merge branch 'feature' into selfheal-notes",
    ],
)
def test_what_humans_do_with_our_commits_is_theirs(message: str) -> None:
    assert not made_by_selfheald(message)
