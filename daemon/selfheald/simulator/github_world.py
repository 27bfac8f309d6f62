"""What the simulated GitHub knows: repositories (bare ones on disk), pull requests, people, apps, faults.

A script plays the humans: :meth:`GitHubWorld.merge`, :meth:`GitHubWorld.close`, :meth:`GitHubWorld.add_pull_request`.
"""

import asyncio
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from selfheald.simulator import bare
from selfheald.simulator.githttp import OnPush
from selfheald.simulator.github_faults import Fault

INSTALLATION_TOKEN_LIFE = timedelta(hours=1)
"""As GitHub's documentation of installation access tokens says."""


@dataclass(slots=True, kw_only=True)
class SimulatedPullRequest:
    """A pull request as the simulated GitHub keeps it."""

    number: int
    title: str
    body: str | None
    base: str
    head: str
    head_sha: str
    """The head branch's commit; frozen once the pull request is not open."""
    head_repository: str | None
    """``None``: the fork was deleted."""
    author: str
    draft: bool = False
    created_at: datetime
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merge_commit: str | None = None
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    reviewed_by: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it is neither closed nor merged."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedApp:
    """A GitHub App and the one account that has installed it."""

    id: int
    public_key: str
    """PEM; what the app's requests are checked with."""
    installation_id: int
    owner: str


@dataclass(slots=True)
class GitHubWorld:
    """The state of a simulated GitHub. Its repositories are the bare ones under ``git_root``."""

    git_root: Path
    token: Callable[[], str] | str
    """The personal access token that is good now."""
    on_push: OnPush | None = None
    """Awaited after :meth:`merge` has moved a base branch."""
    login: str = "selfheald-bot"
    """Whose token it is."""
    collaborators: set[str] = field(default_factory=lambda: {"ada", "grace"})
    default_branch: str = "main"
    app: SimulatedApp | None = None
    rate_limit_remaining: int = 5000
    pull_requests: defaultdict[str, dict[int, SimulatedPullRequest]] = field(default_factory=lambda: defaultdict(dict))
    labels: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    installation_tokens: dict[str, datetime] = field(default_factory=dict)
    creating: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a pull request is made, so that two cannot be made for one head."""
    _faults: defaultdict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))

    # ------------------------------------------------------------------------------------------------ the script

    def fail(self, operation: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next ``times`` requests of an operation (``create_pull``, …; ``*`` for any) meet a fault."""
        self._faults[operation].extend([fault] * times)

    def add_pull_request(
        self,
        slug: str,
        *,
        head: str,
        head_sha: str,
        base: str = "main",
        title: str = "Change something",
        body: str | None = "",
        author: str = "ada",
        head_repository: str | None = "",
        draft: bool = False,
    ) -> SimulatedPullRequest:
        """Open a pull request by hand; ``head_repository`` is the repository itself unless given."""
        number = len(self.pull_requests[slug]) + 1
        pull_request = SimulatedPullRequest(
            number=number,
            title=title,
            body=body,
            base=base,
            head=head,
            head_sha=head_sha,
            head_repository=slug if head_repository == "" else head_repository,
            author=author,
            draft=draft,
            created_at=datetime.now(UTC),
        )
        self.pull_requests[slug][number] = pull_request
        return pull_request

    async def merge(self, slug: str, number: int) -> str:
        """Merge an open pull request into its base branch for real; gives the merge commit."""
        pull_request = await self.refreshed(slug, number)
        if not pull_request.is_open:
            msg = f"pull request {number} of {slug} is not open"
            raise ValueError(msg)
        old, new = await bare.merge(
            self.path(slug),
            base=pull_request.base,
            head=pull_request.head_sha,
            message=f"Merge pull request #{number} from {slug.partition('/')[0]}/{pull_request.head}",
        )
        pull_request.merge_commit = new
        pull_request.merged_at = pull_request.closed_at = datetime.now(UTC)
        if self.on_push is not None:
            await self.on_push(slug, pull_request.base, old, new)
        return new

    def close(self, slug: str, number: int) -> None:
        """Close a pull request without merging it."""
        pull_request = self.pull_requests[slug][number]
        pull_request.closed_at = pull_request.closed_at or datetime.now(UTC)

    # --------------------------------------------------------------------------------------------- for the routes

    def path(self, slug: str) -> Path:
        """Where the bare repository is, whether it exists or not."""
        return self.git_root / f"{slug}.git"

    def next_fault(self, operation: str) -> Fault | None:
        """Take the fault that waits for an operation."""
        waiting = self._faults[operation] or self._faults["*"]
        return waiting.popleft() if waiting else None

    def accepts(self, token: str) -> bool:
        """Whether a token is good: the personal one, or that of an installation that is not over."""
        personal = self.token if isinstance(self.token, str) else self.token()
        over = self.installation_tokens.get(token)
        return token == personal or (over is not None and datetime.now(UTC) < over)

    def new_installation_token(self) -> tuple[str, datetime]:
        """Make a token for the app's installation, and say when it is over."""
        token, over = f"ghs_{secrets.token_hex(18)}", datetime.now(UTC) + INSTALLATION_TOKEN_LIFE
        self.installation_tokens[token] = over
        return token, over

    async def refreshed(self, slug: str, number: int) -> SimulatedPullRequest:
        """Give a pull request with its head as the branch is now; an open one whose branch is gone gets closed."""
        pull_request = self.pull_requests[slug][number]
        if pull_request.is_open and pull_request.head_repository == slug:
            head = (await bare.branches(self.path(slug))).get(pull_request.head)
            if head is None:
                self.close(slug, number)
            else:
                pull_request.head_sha = head
        return pull_request
