"""What the tests of the GitHub adapter start from."""

from contextlib import AbstractAsyncContextManager

from selfheald.domain.ids import Sha, Slug
from selfheald.domain.proposal import WantedPullRequest
from tests.fakes.simulated_github import SimulatedGitHub

REPOSITORY = Slug("acme/billing")
OTHER = Slug("acme/storefront")
HEAD = "selfheal-1"
MARKER = "<!-- selfheald case 7 -->"
WANTED = WantedPullRequest(
    repository=REPOSITORY,
    head_branch=HEAD,
    base_branch="main",
    title="Selfheal CI: round to the nearest cent",
    body=MARKER,
    marker=MARKER,
    labels=("selfheal", "ci"),
    reviewers=(),
    draft=False,
)

Opened = AbstractAsyncContextManager[SimulatedGitHub]


async def main_of(simulated: SimulatedGitHub) -> Sha:
    async with simulated.adapter() as host:
        head = await host.branch_head(REPOSITORY, "main")
    simulated.observed.clear()
    simulated.hooks.requests.clear()
    assert head is not None
    return head.commit
