"""What the backtest's cases come to: assumed, since nobody can know. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from selfheald.domain.history import History
from selfheald.domain.ids import ProjectName, Sha, Slug
from selfheald.domain.past import Past
from selfheald.domain.policy import Rate, duration_text
from selfheald.domain.prices import MICROS

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What comes of each case. As it stands, the limits that depend on it hold back nothing."""

    fixed: bool = True
    """Whether it is fixed, and its pull request merged in the end; if not, its branch rests."""
    open_for: timedelta = NOTHING
    """How long its pull request stays open."""
    cost_micros: int = 0
    """What its attempt costs, in millionths of a US dollar."""

    def told(self) -> tuple[str, ...]:
        """What the replay takes for granted, for people."""
        if not self.fixed:
            end = "comes to nothing, so that its branch rests for limits.cooldown"
        elif self.open_for:
            end = f"is a fix, whose pull request is merged after {duration_text(self.open_for)}"
        else:
            end = "is a fix that is merged at once"
        return (
            "A failed pipeline is looked at when it ends, and again when it was put off.",
            f"A case is one attempt that takes no time, costs {self.cost_micros / MICROS:.2f} USD and {end}.",
            "So it never waits for limits.concurrent_attempts.",
            "A branch's newest commit is that of its pipeline created last, and no branch is gone.",
            "Nobody says no, and no commit of selfheald's own is known but by its message.",
            "Pull requests and changed files are taken as they are now.",
            "The mode observe counts as heal.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    branch: str | None
    opened_at: datetime


class AssumedCases:
    """The cases that a replay has opened so far, and what they count for."""

    def __init__(self, assumed: Assumed) -> None:
        self._assumed = assumed
        self._by_project: dict[ProjectName, list[_Case]] = {}
        self._attempts = Counter[tuple[Slug, Sha]]()

    def open(self, past: Past, now: datetime) -> None:
        """A case of this failure."""
        case = _Case(branch=past.origin.source_branch, opened_at=now)
        self._by_project.setdefault(past.target.project.name, []).append(case)
        self._attempts[_failure(past)] += 1

    def history(self, past: Past, now: datetime) -> History:
        """What they count for when this failure is decided upon."""
        limits, branch = past.target.project.limits, past.origin.source_branch
        in_project = self._by_project.get(past.target.project.name, [])
        on_branch = [case for case in in_project if branch and case.branch == branch]
        by_branch = _Window.of(on_branch, limits.cases_per_branch, now)
        by_project = _Window.of(in_project, limits.cases_per_project, now)
        return History(
            attempts_on_commit=self._attempts[_failure(past)],
            previous_commit=past.previous_commit,
            cases_on_branch=by_branch.cases,
            cases_in_project=by_project.cases,
            window_frees_at=min((w.frees_at for w in (by_branch, by_project) if w.frees_at), default=None),
            open_pull_requests=self._open_pull_requests(in_project, now),
            cost_micros_today=self._cost(in_project, now),
            cost_micros_today_of_all=sum(self._cost(cases, now) for cases in self._by_project.values()),
            last_unfixed_at=None if self._assumed.fixed or not on_branch else on_branch[-1].opened_at,
        )

    def _open_pull_requests(self, cases: Sequence[_Case], now: datetime) -> int:
        return sum(now < case.opened_at + self._assumed.open_for for case in cases) if self._assumed.fixed else 0

    def _cost(self, cases: Iterable[_Case], now: datetime) -> int:
        today = now.astimezone(UTC).date()
        return self._assumed.cost_micros * sum(case.opened_at.astimezone(UTC).date() == today for case in cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    cases: int
    frees_at: datetime | None
    """When there is one case less, if the limit is reached."""

    @classmethod
    def of(cls, cases: Sequence[_Case], rate: Rate, now: datetime) -> "_Window":
        opened = [case.opened_at for case in cases if case.opened_at > now - rate.window]
        reached = opened and len(opened) >= rate.count
        return cls(cases=len(opened), frees_at=min(opened) + rate.window if reached else None)


def _failure(past: Past) -> tuple[Slug, Sha]:
    return past.target.repository, past.origin.commit
