"""What is asked of GitHub, one function per request. They run in PyGithub's thread, and give domain values."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from github.GithubObject import NotSet
from github.PullRequest import PullRequest as GitHubPullRequest

import github
from selfheald.domain.branch import BranchHead
from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import PullRequest, PullRequestState, WantedPullRequest
from selfheald.github.client import owner_of

if TYPE_CHECKING:
    from github.NamedUser import NamedUser
    from github.Repository import Repository

MOST_PULL_REQUESTS = 300
"""How many pull requests of one head branch are looked at: three pages; more than one is rare."""

MOST_COMMENTS = 300
"""How many comments of a pull request are looked through for ours: three pages; our proposals get few."""

NO_BRANCH = "Branch not found"
"""GitHub's words for a missing branch; for a missing repository it says ``Not Found``."""


def default_branch(repository: Slug, client: github.Github) -> str:
    """The repository's default branch."""
    return client.get_repo(repository).default_branch


def branch_head(repository: Slug, branch: str, client: github.Github) -> BranchHead | None:
    """The newest commit of a branch; ``None`` when there is none of that name."""
    if not branch:
        return None
    try:
        found = client.get_repo(repository).get_branch(branch)
    except github.UnknownObjectException as error:
        if error.message == NO_BRANCH:
            return None
        raise
    # A renamed branch answers with a redirect to its new name.
    if found.name != branch:
        return None
    return BranchHead(commit=Sha(found.commit.sha), message=found.commit.commit.message)


def pull_request(repository: Slug, number: int, client: github.Github) -> PullRequest:
    """One pull request."""
    return as_value(repository, client.get_repo(repository).get_pull(number))


def pull_requests_of(repository: Slug, head_branch: str, client: github.Github) -> Sequence[PullRequest]:
    """The pull requests of a head branch of this repository in every state, newest first."""
    listed = client.get_repo(repository).get_pulls(
        state="all", head=f"{owner_of(repository)}:{head_branch}", sort="created", direction="desc"
    )
    values = [as_value(repository, it) for it in islice(listed, MOST_PULL_REQUESTS)]
    # The filter knows the owner only, and an owner may have a fork of its own repository.
    return [it for it in values if it.head_branch == head_branch and not it.is_fork]


def create(wanted: WantedPullRequest, client: github.Github) -> PullRequest:
    """Open a pull request."""
    made = client.get_repo(wanted.repository).create_pull(
        base=wanted.base_branch,
        head=wanted.head_branch,
        title=wanted.title,
        body=wanted.body,
        draft=wanted.draft,
    )
    return as_value(wanted.repository, made)


def add_labels(to: PullRequest, labels: Sequence[str], client: github.Github) -> None:
    """Add labels; GitHub makes those that the repository does not have."""
    client.get_repo(to.repository).get_issue(to.number).add_to_labels(*labels)


def reviewers_of(of: PullRequest, client: github.Github) -> frozenset[str]:
    """Who is asked for a review or has given one, in lower case; teams as ``owner/team``."""
    it = client.get_repo(of.repository).get_pull(of.number)
    asked = [user.login for user in it.requested_reviewers]
    teams = [f"{owner_of(of.repository)}/{team.slug}" for team in it.requested_teams]
    # The user of a deleted account is null, whatever PyGithub's types say.
    users: list[NamedUser | None] = [review.user for review in it.get_reviews()]
    gave = [user.login for user in users if user is not None]
    return frozenset(name.lower() for name in [*asked, *teams, *gave])


def ask(of: PullRequest, reviewers: Sequence[str], client: github.Github) -> None:
    """Ask people (``ada``) and teams (``acme/backend``) for a review."""
    people = [name for name in reviewers if "/" not in name]
    teams = [name.rpartition("/")[2] for name in reviewers if "/" in name]
    client.get_repo(of.repository).get_pull(of.number).create_review_request(people or NotSet, teams or NotSet)


def has_comment(on: PullRequest, marker: str, client: github.Github) -> bool:
    """Whether one of the first comments has the marker."""
    comments = client.get_repo(on.repository).get_issue(on.number).get_comments()
    return any(marker in (comment.body or "") for comment in islice(comments, MOST_COMMENTS))


def add_comment(to: PullRequest, text: str, client: github.Github) -> None:
    """Comment on a pull request."""
    client.get_repo(to.repository).get_issue(to.number).create_comment(text)


def close(it: PullRequest, client: github.Github) -> PullRequest:
    """Close a pull request without merging it; gives it as it is then."""
    found = client.get_repo(it.repository).get_pull(it.number)
    found.edit(state="closed")
    return as_value(it.repository, found)


def as_value(repository: Slug, it: GitHubPullRequest) -> PullRequest:
    """PyGithub's object in the domain's words. Lists lack ``merged``, so the merge's time decides."""
    # Null when the fork was deleted, whatever PyGithub's types say.
    head_repository: Repository | None = it.head.repo
    full_name = "" if head_repository is None else head_repository.full_name
    same = full_name.lower() == repository.lower()
    return PullRequest(
        repository=repository,
        number=it.number,
        url=it.html_url,
        state=_state(it),
        title=it.title,
        body=it.body or "",
        base_branch=it.base.ref,
        head_branch=it.head.ref,
        head_repository=repository if same else (Slug(full_name) if full_name else None),
        head_commit=Sha(it.head.sha),
        labels=tuple(label.name for label in it.labels),
    )


def _state(it: GitHubPullRequest) -> PullRequestState:
    if it.merged_at is not None:
        return PullRequestState.MERGED
    return PullRequestState.OPEN if it.state == "open" else PullRequestState.CLOSED
