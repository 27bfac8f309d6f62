"""One run of a coding agent within a case."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from selfheald.domain.finding import Finding
from selfheald.domain.ids import AgentName, AttemptId, CaseId, Sha
from selfheald.domain.refusal import Refusal


class AttemptOutcome(StrEnum):
    """How an attempt ended. Exit codes alone are never believed: ``fixed`` also needs a changed tree."""

    FIXED = "fixed"
    """The tree changed and passed the guards; CI has the last word."""
    NO_CHANGE = "no_change"
    """The agent ended, and no file that can be proposed has changed."""
    REFUSED = "refused"
    """The agent, or its model, would not work on it."""
    TIMEOUT = "timeout"
    """The time limit ended it."""
    CRASHED = "crashed"
    """It ended without a result."""
    BLOCKED = "blocked"
    """A guard on the diff said no."""
    VERIFY_FAILED = "verify_failed"
    """A command of `verify` failed."""
    OVER_BUDGET = "over_budget"
    """A budget was used up: the attempt's, the project's day or everybody's day. Its work so far is kept."""
    TURNS_USED_UP = "turns_used_up"
    """The agent's own limit of turns was reached. Its work so far is kept."""
    LIMIT_REACHED = "limit_reached"
    """A limit of the sandbox ended it: memory, processes, CPU time, disk or output. The note names it."""
    AGENT_MISSING = "agent_missing"
    """Its program is not there."""
    AUTH_ERROR = "auth_error"
    """The model's key is missing, empty or refused."""
    MODEL_DOWN = "model_down"
    """The model cannot be reached or does not answer."""
    RATE_LIMITED = "rate_limited"
    """Too many requests, or the quota is used up."""
    INTERRUPTED = "interrupted"
    """The daemon stopped meanwhile, or lost the case."""
    ERROR = "error"
    """Our own fault, or that of git, the disk or the sandbox."""

    @property
    def counts(self) -> bool:
        """Whether it uses up an attempt: not when the agent never had a fair chance."""
        return self not in _FREE


_FREE = frozenset(
    {
        AttemptOutcome.AGENT_MISSING,
        AttemptOutcome.AUTH_ERROR,
        AttemptOutcome.MODEL_DOWN,
        AttemptOutcome.RATE_LIMITED,
        AttemptOutcome.INTERRUPTED,
        AttemptOutcome.ERROR,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the model's provider says was used, in tokens; what was read from, or put into, its cache is input too."""

    model: str = ""
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt as the store keeps it."""

    id: AttemptId
    case_id: CaseId
    number: int
    """1 for a case's first attempt."""
    agent: AgentName
    base: Sha
    """The commit from which it started."""
    started_at: datetime
    finished_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    """``None`` while it runs."""
    commit: Sha | None = None
    """The commit made from its tree."""
    summary: str = ""
    """The agent's one-line summary."""
    message: str = ""
    """The agent's final message, bounded."""
    note: str = ""
    """What went wrong, for people; of a fix what was left out of it, line by line."""
    usage: Usage = Usage()
    """Of all models together, by the name of the one that was used most."""
    usages: tuple[Usage, ...] = ()
    """By model, as the gate counted them."""
    cost_micros: int = 0
    """Millionths of a US dollar; 0 when no price is configured."""
    refusals: tuple[Refusal, ...] = ()
    """What the gate refused to it, bounded."""
    findings: tuple[Finding, ...] = ()
    """What the guards found in its diff, bounded."""
    folder: str = ""
    """Where its prompt, transcript and diff are kept, relative to the state folder."""
