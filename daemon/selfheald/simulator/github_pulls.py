"""The simulated GitHub's pull requests, their labels, reviewers and comments."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import PlainTextResponse, Response

from selfheald.simulator import bare
from selfheald.simulator import github_objects as objects
from selfheald.simulator.github_call import Call
from selfheald.simulator.github_faults import GitHubSaysNoError, invalid_pull_request
from selfheald.simulator.github_world import SimulatedPullRequest


async def list_pulls(call: Call) -> Response:
    """Pull requests by state, head (``owner:branch``) and base, newest first."""
    heads = await bare.branches(call.repository())
    numbers = sorted(call.world.pull_requests[call.slug], reverse=True)
    known = [await call.world.refreshed(call.slug, number) for number in numbers]
    items, link = call.page([it for it in known if _matches(it, call.request.query_params)])
    return call.answer([_json(call, it, heads, in_list=True) for it in items], link=link)


def _matches(it: SimulatedPullRequest, asked: Mapping[str, str]) -> bool:
    state = asked.get("state", "open")
    owner = (it.head_repository or "").partition("/")[0]
    return (
        (state == "all" or (state == "open") == it.is_open)
        and asked.get("base", it.base) == it.base
        and asked.get("head", f"{owner}:{it.head}") == f"{owner}:{it.head}"
    )


async def create_pull(call: Call) -> Response:
    """Open a pull request, or say in GitHub's words why not."""
    heads = await bare.branches(call.repository())
    base = call.body.get("base", "")
    head = call.body.get("head", "").removeprefix(f"{call.slug.partition('/')[0]}:")
    async with call.world.creating:
        await _check_new_pull(call, heads, base=base, head=head)
        it = call.world.add_pull_request(
            call.slug,
            head=head,
            head_sha=heads[head],
            base=base,
            title=call.body["title"],
            body=call.body.get("body"),
            author=call.world.login,
            draft=bool(call.body.get("draft", False)),
        )
    return call.answer(_json(call, it, heads), status=201)


async def _check_new_pull(call: Call, heads: Mapping[str, str], *, base: str, head: str) -> None:
    if not call.body.get("title"):
        raise invalid_pull_request(code="missing_field", field="title")
    if head not in heads:
        raise invalid_pull_request(code="invalid", field="head")
    if base not in heads:
        raise invalid_pull_request(code="invalid", field="base")
    owner = call.slug.partition("/")[0]
    there = [it for it in call.world.pull_requests[call.slug].values() if it.is_open]
    if any((it.head_repository, it.head, it.base) == (call.slug, head, base) for it in there):
        raise invalid_pull_request(message=f"A pull request already exists for {owner}:{head}.")
    if not await bare.commits_between(call.repository(), heads[base], heads[head]):
        raise invalid_pull_request(message=f"No commits between {base} and {head}")


async def get_pull(call: Call) -> Response:
    """One pull request, complete."""
    it = await call.pull_request()
    return call.answer(_json(call, it, await bare.branches(call.repository())))


async def edit_pull(call: Call) -> Response:
    """Change the title, the body, the base, or close and reopen."""
    it = await call.pull_request()
    it.title = call.body.get("title", it.title)
    it.body = call.body.get("body", it.body)
    it.base = call.body.get("base", it.base)
    state = call.body.get("state")
    if state == "open" and it.merged_at is not None:
        raise invalid_pull_request(field="state", code="invalid")
    if state == "closed":
        call.world.close(call.slug, it.number)
    elif state == "open":
        it.closed_at = None
    return call.answer(_json(call, it, await bare.branches(call.repository())))


async def request_reviewers(call: Call) -> Response:
    """Ask people for a review; one stranger among them refuses them all."""
    it = await call.pull_request()
    wanted = call.body.get("reviewers", [])
    if it.author in wanted:
        raise GitHubSaysNoError(422, "Review cannot be requested from pull request author.")
    if not call.world.collaborators.issuperset(wanted):
        raise GitHubSaysNoError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified "
            f"is not a collaborator of the {call.slug} repository.",
        )
    it.reviewers.extend(login for login in wanted if login not in it.reviewers)
    it.teams.extend(team for team in call.body.get("team_reviewers", []) if team not in it.teams)
    return call.answer(_json(call, it, await bare.branches(call.repository())), status=201)


async def list_reviews(call: Call) -> Response:
    """Who has reviewed, a page at a time."""
    it = await call.pull_request()
    items, link = call.page([objects.review(call.base_url, call.slug, it, login) for login in it.reviewed_by])
    return call.answer(items, link=link)


async def add_labels(call: Call) -> Response:
    """Add labels; one that the repository does not know is made."""
    it = await call.pull_request()
    wanted = call.body["labels"] if isinstance(call.body, dict) else call.body
    call.world.labels[call.slug].update(wanted)
    it.labels.extend(name for name in wanted if name not in it.labels)
    return await list_labels(call)


async def list_labels(call: Call) -> Response:
    """A pull request's labels."""
    it = await call.pull_request()
    return call.answer([objects.label(call.base_url, call.slug, name) for name in it.labels])


async def list_comments(call: Call) -> Response:
    """A pull request's comments, a page at a time."""
    it = await call.pull_request()
    made = [objects.comment(call.base_url, call.slug, it.number, index, body) for index, body in enumerate(it.comments)]
    items, link = call.page(made)
    return call.answer(items, link=link)


async def create_comment(call: Call) -> Response:
    """Comment on a pull request."""
    it = await call.pull_request()
    it.comments.append(call.body["body"])
    made = objects.comment(call.base_url, call.slug, it.number, len(it.comments) - 1, it.comments[-1])
    return call.answer(made, status=201)


async def view_pull(call: Call) -> Response:
    """A pull request's page, as plain text: nothing in it can act in a browser."""
    it = await call.pull_request()
    state = "merged" if it.merged_at else "open" if it.is_open else "closed"
    seen = f"{it.created_at:%Y-%m-%d %H:%M} UTC, looked at {datetime.now(UTC):%H:%M}"
    heading = f"{it.title} #{it.number}\n{state}: {it.head} into {it.base}, {seen}"
    labels = f"labels: {', '.join(it.labels) or 'none'}; reviewers: {', '.join(it.reviewers) or 'none'}"
    return PlainTextResponse(f"{heading}\n{labels}\n\n{it.body or ''}\n", headers={"x-content-type-options": "nosniff"})


def _json(call: Call, it: SimulatedPullRequest, heads: Mapping[str, str], *, in_list: bool = False) -> dict[str, Any]:
    return objects.pull_request(
        call.base_url,
        call.slug,
        it,
        default_branch=call.world.default_branch,
        base_sha=heads.get(it.base, bare.ZERO_SHA),
        in_list=in_list,
    )
