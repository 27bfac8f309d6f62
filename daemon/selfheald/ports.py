"""What the engine asks of the outside, in the domain's words. Each port has a real part and a fake."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from selfheald.domain.attempt import Attempt, AttemptOutcome, Usage
from selfheald.domain.case import Case, NewCase
from selfheald.domain.conditions.ranges import CommitRange, RangeChanges
from selfheald.domain.decision import Decision
from selfheald.domain.events import Event
from selfheald.domain.failure import Failure
from selfheald.domain.history import History
from selfheald.domain.ids import AgentName, CaseId, PipelineId, ProjectName, Sha, Slug
from selfheald.domain.observation import Observation
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Limits
from selfheald.domain.proposal import FileChange, PullRequest, TreeChanges, WantedPullRequest
from selfheald.domain.reasons import Reason
from selfheald.domain.room import Claim

# ------------------------------------------------------------------------------------------------------ Semaphore


@dataclass(frozen=True, slots=True, kw_only=True)
class SemaphoreProject:
    """A project as Semaphore lists it."""

    name: ProjectName
    project_id: str
    organization_id: str
    repository: Slug | None
    """``None`` when Semaphore names no owner (a plain git integration)."""


class CI(Protocol):
    """One Semaphore organization.

    Every method raises :class:`TransientError`, :class:`UnauthorizedError`, :class:`NotFoundError` or
    :class:`RefusedError`, with timeouts, retries of single bad pages and rate limiting done inside.
    """

    async def projects(self) -> Sequence[SemaphoreProject]:
        """All projects that the token may see, each once."""

    async def finished_since(self, project_id: str, since: datetime) -> Sequence[Pipeline]:
        """The pipelines that were done after ``since``, newest creation first, each once.

        The adapter asks for an overlap before ``since`` (late ``done_at``), so some may be known already.
        """

    async def on_branch(self, project_id: str, branch: str) -> Sequence[Pipeline]:
        """The newest pipelines of a branch, finished or not, newest creation first, each once."""

    async def pipeline(self, pipeline_id: PipelineId) -> Pipeline:
        """One pipeline as it is now."""

    async def failure(self, pipeline_id: PipelineId, *, logs: bool = True) -> Failure:
        """One pipeline with its failed jobs and, unless told otherwise, the end of their logs."""


# --------------------------------------------------------------------------------------------------------- GitHub


class CodeHost(Protocol):
    """Where pull requests live. Raises as :class:`CI` does."""

    async def default_branch(self, repository: Slug) -> str:
        """The repository's default branch."""

    async def branch_head(self, repository: Slug, branch: str) -> Sha | None:
        """The commit of a branch, or ``None`` when there is no such branch."""

    async def pull_request(self, repository: Slug, number: int) -> PullRequest:
        """One pull request as it is now."""

    async def ensure_pull_request(self, wanted: WantedPullRequest) -> PullRequest:
        """The pull request for a head branch: ours if it exists (in whatever state), else a new one.

        Looks for pull requests of that head in every state first: one whose body has the marker wins, then any open
        one. Labels and reviewers are added to a new one, or to ours when they are missing; a label or reviewer that
        cannot be added does not fail the call. Raises :class:`RefusedError` when GitHub refuses it (422), e.g. for
        no commits between base and head.
        """

    async def close_pull_request(self, repository: Slug, number: int, *, comment: str, marker: str) -> PullRequest:
        """Close a pull request of ours, unless it has ended, with one comment that says why; gives it as it is then.

        ``marker`` is a line of the comment: when a comment has it already, none is added.
        """


# ------------------------------------------------------------------------------------------------------------ git


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """The files of one commit in a folder of their own, without a ``.git``."""

    repository: Slug
    commit: Sha
    path: Path


class PushOutcome(StrEnum):
    """How a push ended."""

    PUSHED = "pushed"
    ALREADY_THERE = "already_there"
    TAKEN = "taken"
    """The branch exists at a commit that is not the expected one; nothing was written."""


class Repositories(Protocol):
    """git: one bare mirror per repository, a work tree per attempt, commits and pushes.

    Raises :class:`NotFoundError` (no such repository or commit), :class:`UnauthorizedError`,
    :class:`RefusedError` (a protected branch, a hook), :class:`TransientError`.
    """

    async def checkout(self, repository: Slug, commit: Sha, path: Path) -> WorkTree:
        """Put the files of a commit into ``path``, which must not exist; fetches what the mirror lacks."""

    async def changes(self, tree: WorkTree) -> TreeChanges:
        """Compare a work tree with its commit, as data: no git command runs in or over it, no link is followed."""

    async def commit(self, tree: WorkTree, changes: TreeChanges, *, message: str, ref: str, at: datetime) -> Sha:
        """Make a commit of the changes on top of the tree's commit, under ``ref`` of the mirror; idempotent.

        ``ref`` is of the form ``refs/selfheal/cases/7/1``. The same input gives the same commit.
        """

    async def discard(self, path: Path) -> None:
        """Remove a work tree, whatever was made of it; nothing happens when it is not there."""

    async def changed_files(self, repository: Slug, base: Sha, commit: Sha) -> Sequence[FileChange]:
        """The paths that differ between two commits of the mirror."""

    async def diff(self, repository: Slug, base: Sha, commit: Sha) -> str:
        """The unified diff between two commits of the mirror, bounded."""

    async def changes_in_range(self, repository: Slug, wanted: CommitRange) -> RangeChanges:
        """The files that changed between two commits, for ``change_in``; fetches what the mirror lacks.

        An end that does not exist is told in the answer, not raised. Two commits without a common ancestor give no
        files, an empty difference one empty line.
        """

    async def push(self, repository: Slug, commit: Sha, branch: str, *, expected: Sha | None) -> PushOutcome:
        """Bring ``branch`` on the remote to ``commit``, if it is at ``expected`` now (``None``: if it is absent)."""


# ------------------------------------------------------------------------------------------------ agents, sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where an attempt's folders are, as seen by the program inside the sandbox."""

    tree: str
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to be run in the sandbox, with the work tree as its current folder."""

    argv: tuple[str, ...]
    """In the words of the inside: see :class:`Layout`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """All of its environment besides what the sandbox itself sets (PATH, HOME, LANG)."""
    tree: Path
    """The only folder shared writable, at :attr:`Layout.tree`."""
    home: Path
    """A private, writable HOME, at :attr:`Layout.home`."""
    mounts: tuple[Path, ...] = ()
    """Shown read-only at the same path."""
    stdin: bytes = b""
    """All that it reads from standard input, which is never a terminal and always has an end."""
    timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a program ended. Every process that it started is gone."""

    code: int | None
    """The exit code; negative for a signal; ``None`` when the time limit or ``stop`` ended it."""
    timed_out: bool
    seconds: float
    stderr: str
    """The end of its standard error, bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a probe of an agent or a sandbox found: ``selfheald check`` prints it."""

    ok: bool
    found: str
    """A version, a path; or what is wrong and how to mend it."""


class Sandbox(Protocol):
    """Where programs run that nobody trusts."""

    def layout(self, tree: Path, home: Path) -> Layout:
        """Where the two folders are inside."""

    async def run(self, command: Command, on_line: Callable[[bytes], bool | None]) -> Exit:
        """Run a program to its end. ``on_line`` gets each line of standard output (bounded in length).

        When ``on_line`` returns ``False`` the program is ended. Cancelling ends it too. Raises
        :class:`NotFoundError` when the program does not exist inside, :class:`TransientError` when the sandbox
        itself cannot start.
        """

    async def probe(self) -> Probe:
        """Whether the sandbox works here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTask:
    """What an agent is to do."""

    prompt: str
    variables: Mapping[str, str]
    """The ``SEMAPHORE_…`` variables, also given as environment."""
    tree: Path
    folder: Path
    """The attempt's folder on the host; the agent's private home and its transcript are made in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """How an agent ended, by its own events; whether the tree changed is not its to say."""

    outcome: AttemptOutcome
    """``fixed`` here means: it says that it is done."""
    message: str
    """Its final message, bounded; untrusted."""
    note: str = ""
    """What went wrong, for people."""
    usage: Usage = Usage()


class Agent(Protocol):
    """A coding agent of the configuration."""

    @property
    def name(self) -> AgentName:
        """Its name in the configuration."""

    async def run(self, task: AgentTask, progress: Callable[[str], None]) -> AgentReport:
        """Work on the tree until done. ``progress`` gets short lines for people (untrusted)."""

    def cost_micros(self, usage: Usage) -> int:
        """The cost of this usage by the configured prices, in millionths of a US dollar; 0 without prices."""

    async def probe(self) -> Probe:
        """Whether its program is there, and which version."""


# ---------------------------------------------------------------------------------------------------------- store


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One line of a case's history."""

    case_id: CaseId
    at: datetime
    before: str
    """The state before; empty for the first."""
    after: str
    reason: Reason | None
    actor: str
    """``selfheald``, or who steered by hand."""
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A stored decision about a pipeline."""

    project: ProjectName
    pipeline: Pipeline
    decision: str
    """``heal``, ``skip``, ``defer``; empty for one that did not fail."""
    reason: Reason | None
    saw: str
    decided_at: datetime | None
    defer_until: datetime | None


class Journal(Protocol):
    """The store, pipelines' side: cursors, pipelines seen, what was decided. Raises :class:`TransientError`."""

    async def cursor(self, project: ProjectName) -> datetime | None:
        """Up to where the project was swept: the latest ``done_at`` seen."""

    async def record(
        self, project: ProjectName, pipelines: Sequence[Pipeline], *, cursor: datetime | None, now: datetime
    ) -> Sequence[Pipeline]:
        """Keep the pipelines and the cursor in one transaction; gives back those that were not known before."""

    async def undecided(self, project: ProjectName, now: datetime) -> Sequence[Pipeline]:
        """Failed pipelines without a decision, or whose deferral is over, newest creation first."""

    async def decide(
        self,
        project: ProjectName,
        pipeline: Pipeline,
        decision: Decision,
        *,
        now: datetime,
        new_case: NewCase | None,
        seen: Observation | None = None,
    ) -> Case | None:
        """Keep a decision and, for ``Heal``, open the case, in one transaction.

        ``None`` when no case was opened: also when one for the same failure is open already (the decision is then
        stored as a skip, ``already_open``). With ``seen``, guards and limits are asked again in that transaction
        (:func:`selfheald.domain.decide.decide_again`); their no is stored in place of ``Heal``.
        """

    async def history(
        self,
        project: ProjectName,
        pipeline: Pipeline,
        *,
        repository: Slug,
        commit: Sha,
        source_branch: str | None,
        limits: Limits,
        now: datetime,
    ) -> History:
        """What bears on the decision about this pipeline."""

    async def newer_pipeline(self, case: Case) -> Pipeline | None:
        """The newest later pipeline of the case's ref and file that is not promoted and has passed or failed."""

    async def verdict(self, pipeline_id: PipelineId) -> Verdict | None:
        """What was decided about a pipeline; ``None`` when it was never seen."""


class CaseBook(Protocol):
    """The store, cases' side. Raises :class:`TransientError`."""

    async def case(self, case_id: CaseId) -> Case | None:
        """One case."""

    async def cases(self, *, open_only: bool = False, limit: int | None = None) -> Sequence[Case]:
        """Cases, newest first."""

    async def save(self, before: Case, after: Case, *, note: str = "", actor: str = "selfheald") -> bool:
        """Write ``after`` if the case is still ``before`` (by its version); an event row in the same transaction.

        An event row is written when the state differs or there is a note. ``False``: somebody else was faster.
        """

    async def claim(self, before: Case, after: Case, *, limits: Limits, now: datetime) -> Claim:
        """Save ``after``, a queued case that a worker takes, if the project's limits leave room for an attempt.

        Both are looked at in one transaction, by :func:`selfheald.domain.room.limit_in_the_way`.
        """

    async def start_attempt(self, case: Case, *, agent: AgentName, folder: str, now: datetime) -> Attempt:
        """A new attempt of the case, numbered; a running one of the same case ends as ``interrupted`` first."""

    async def finish_attempt(self, attempt: Attempt) -> None:
        """Write how an attempt ended."""

    async def attempts(self, case_id: CaseId) -> Sequence[Attempt]:
        """A case's attempts, oldest first."""

    async def events(self, case_id: CaseId) -> Sequence[CaseEvent]:
        """A case's history, oldest first."""


# ------------------------------------------------------------------------------------------------------ the rest


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump."""


Listener = Callable[[Event], None]
"""Gets every event; must not block nor raise."""
