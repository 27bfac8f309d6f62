"""The simulated GitHub's repositories, branches and commits, read from the bare repositories."""

from starlette.responses import Response

from selfheald.simulator import bare
from selfheald.simulator import github_objects as objects
from selfheald.simulator.github_call import Call
from selfheald.simulator.github_faults import GitHubSaysNoError, not_found


async def get_repository(call: Call) -> Response:
    """A repository."""
    call.repository()
    return call.answer(objects.repository(call.base_url, call.slug, default_branch=call.world.default_branch))


async def list_branches(call: Call) -> Response:
    """Every branch, a page at a time."""
    heads = sorted((await bare.branches(call.repository())).items())
    items, link = call.page(heads)
    return call.answer([objects.listed_branch(call.base_url, call.slug, *item) for item in items], link=link)


async def get_branch(call: Call) -> Response:
    """One branch."""
    name = call.request.path_params["branch"]
    sha = (await bare.branches(call.repository())).get(name)
    found = await bare.commit_message(call.repository(), sha) if sha else None
    if found is None:
        raise not_found("Branch not found")
    return call.answer(objects.branch(call.base_url, call.slug, name, *found))


async def get_ref(call: Call) -> Response:
    """One branch as a git reference."""
    name = call.request.path_params["branch"]
    sha = (await bare.branches(call.repository())).get(name)
    if sha is None:
        raise not_found()
    return call.answer(objects.reference(call.base_url, call.slug, name, sha))


async def get_commit(call: Call) -> Response:
    """One commit, by its id or by a branch."""
    ref = call.request.path_params["ref"]
    found = await bare.commit_message(call.repository(), ref)
    if found is None:
        raise GitHubSaysNoError(422, f"No commit found for SHA: {ref}")
    return call.answer(objects.commit(call.base_url, call.slug, *found))
