"""The simulated GitHub's JSON objects, cut to what clients read. Every URL begins with the server's own address.

As on GitHub, a pull request in a list lacks what is worked out per pull request (``merged``, ``mergeable``, …).
"""

from datetime import datetime
from typing import Any

from selfheald.simulator.github_world import SimulatedPullRequest

Json = dict[str, Any]


def instant(value: datetime | None) -> str | None:
    """Write an instant as GitHub does, to the second."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def user(base_url: str, login: str) -> Json:
    """A person, a bot or an organization."""
    return {
        "login": login,
        "id": _number(login),
        "type": "User",
        "url": f"{base_url}/users/{login}",
        "html_url": f"{base_url}/{login}",
    }


def repository(base_url: str, slug: str, *, default_branch: str) -> Json:
    """A repository."""
    owner, _, name = slug.partition("/")
    return {
        "id": _number(slug),
        "name": name,
        "full_name": slug,
        "private": True,
        "owner": user(base_url, owner),
        "html_url": f"{base_url}/{slug}",
        "url": f"{base_url}/repos/{slug}",
        "default_branch": default_branch,
        "archived": False,
        "fork": False,
        "permissions": {"admin": False, "push": True, "pull": True},
    }


def commit(base_url: str, slug: str, sha: str, message: str) -> Json:
    """A commit."""
    return {
        "sha": sha,
        "url": f"{base_url}/repos/{slug}/commits/{sha}",
        "html_url": f"{base_url}/{slug}/commit/{sha}",
        "commit": {"message": message, "url": f"{base_url}/repos/{slug}/git/commits/{sha}"},
    }


def branch(base_url: str, slug: str, name: str, sha: str, message: str) -> Json:
    """A branch with its newest commit, as one branch is shown."""
    return {"name": name, "commit": commit(base_url, slug, sha, message), "protected": False}


def listed_branch(base_url: str, slug: str, name: str, sha: str) -> Json:
    """A branch as it stands in a list: its commit is only named."""
    at = {"sha": sha, "url": f"{base_url}/repos/{slug}/commits/{sha}"}
    return {"name": name, "commit": at, "protected": False}


def reference(base_url: str, slug: str, name: str, sha: str) -> Json:
    """A git reference of a branch."""
    return {
        "ref": f"refs/heads/{name}",
        "url": f"{base_url}/repos/{slug}/git/refs/heads/{name}",
        "object": {"type": "commit", "sha": sha, "url": f"{base_url}/repos/{slug}/git/commits/{sha}"},
    }


def label(base_url: str, slug: str, name: str) -> Json:
    """A label; one made on the fly is grey, as on GitHub."""
    return {
        "id": _number(name),
        "name": name,
        "color": "ededed",
        "default": False,
        "description": None,
        "url": f"{base_url}/repos/{slug}/labels/{name}",
    }


def comment(base_url: str, slug: str, number: int, index: int, body: str) -> Json:
    """A comment on an issue or pull request."""
    return {
        "id": number * 1000 + index,
        "body": body,
        "url": f"{base_url}/repos/{slug}/issues/comments/{number * 1000 + index}",
        "html_url": f"{base_url}/{slug}/pull/{number}#issuecomment-{number * 1000 + index}",
    }


def review(base_url: str, slug: str, it: SimulatedPullRequest, login: str) -> Json:
    """An approving review."""
    return {
        "id": _number(login),
        "user": user(base_url, login),
        "state": "APPROVED",
        "body": "",
        "pull_request_url": f"{base_url}/repos/{slug}/pulls/{it.number}",
    }


def pull_request(
    base_url: str, slug: str, it: SimulatedPullRequest, *, default_branch: str, base_sha: str, in_list: bool
) -> Json:
    """A pull request, with or without what lists lack."""
    url = f"{base_url}/repos/{slug}"

    def side(ref: str, sha: str, of: str | None) -> Json:
        repo = None if of is None else repository(base_url, of, default_branch=default_branch)
        owner = (of or slug).partition("/")[0]
        return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "repo": repo, "user": user(base_url, owner)}

    return {
        "id": it.number,
        "number": it.number,
        "url": f"{url}/pulls/{it.number}",
        "issue_url": f"{url}/issues/{it.number}",
        "html_url": f"{base_url}/{slug}/pull/{it.number}",
        "state": "open" if it.is_open else "closed",
        "locked": False,
        "title": it.title,
        "body": it.body,
        "draft": it.draft,
        "user": user(base_url, it.author),
        "labels": [label(base_url, slug, name) for name in it.labels],
        "requested_reviewers": [user(base_url, login) for login in it.reviewers],
        "requested_teams": [{"id": _number(team), "name": team, "slug": team} for team in it.teams],
        "assignees": [],
        "created_at": instant(it.created_at),
        "updated_at": instant(it.merged_at or it.closed_at or it.created_at),
        "closed_at": instant(it.closed_at),
        "merged_at": instant(it.merged_at),
        "merge_commit_sha": it.merge_commit,
        "head": side(it.head, it.head_sha, it.head_repository),
        "base": side(it.base, base_sha, slug),
        **({} if in_list else _worked_out(it)),
    }


def _worked_out(it: SimulatedPullRequest) -> Json:
    """What GitHub tells of a single pull request only."""
    return {"merged": it.merged_at is not None, "mergeable": it.is_open or None, "comments": len(it.comments)}


def _number(text: str) -> int:
    """A stable id for something that has only a name."""
    return int.from_bytes(text.encode()[-6:], "big")
