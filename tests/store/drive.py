"""Brings a store into the state that a test is about, through its ports alone."""

from collections import deque
from datetime import datetime
from typing import Any, Protocol

from tests.builders import NOW, PROJECT, REPOSITORY, limits, new_case, pipeline

from selfheald.domain.case import TRANSITIONS, Case, CaseState, advance
from selfheald.domain.decision import Heal
from selfheald.domain.history import History
from selfheald.domain.pipeline import Pipeline
from selfheald.ports import CaseBook, Journal


class AnyStore(Protocol):
    """The real store or the fake."""

    @property
    def journal(self) -> Journal: ...

    @property
    def cases(self) -> CaseBook: ...

    async def close(self) -> None: ...


async def opened(store: AnyStore, **overrides: Any) -> Case:
    """Open a case for a failed pipeline."""
    wanted = new_case(**overrides)
    case = await store.journal.decide(
        wanted.project, wanted.pipeline, Heal(approval=False), now=wanted.opened_at, new_case=wanted
    )
    assert case is not None
    return case


async def moved(store: AnyStore, case: Case, to: CaseState, *, at: datetime = NOW, **changes: Any) -> Case:
    """Take a case to a state by the shortest way; ``changes`` go with the last step."""
    *way, last = _way(case.state, to)
    for state in way:
        case = await stepped(store, case, state, at=at)
    return await stepped(store, case, last, at=at, **changes)


async def stepped(store: AnyStore, case: Case, to: CaseState, *, at: datetime = NOW, **changes: Any) -> Case:
    """Take a case one step further."""
    after = advance(case, to, now=at, **changes)
    assert await store.cases.save(case, after)
    return after


async def recorded(store: AnyStore, *pipelines: Pipeline) -> None:
    """Have a sweep find these pipelines."""
    await store.journal.record(PROJECT, pipelines or [pipeline()], cursor=None, now=NOW)


def _way(start: CaseState, goal: CaseState) -> list[CaseState]:
    ways = deque([(start, list[CaseState]())])
    seen = {start}
    while ways:
        state, way = ways.popleft()
        if state is goal:
            return way
        for following in sorted(TRANSITIONS[state] - seen):
            seen.add(following)
            ways.append((following, [*way, following]))
    raise AssertionError(f"no way from {start} to {goal}")


async def about(store: AnyStore, built: Pipeline | None = None, **overrides: Any) -> History:
    """Ask for the history of a failure, by default that of :func:`pipeline`."""
    asked = built or pipeline()
    question: dict[str, Any] = {
        "repository": REPOSITORY,
        "commit": asked.commit,
        "source_branch": "main",
        "limits": limits(),
        "now": NOW,
    }
    return await store.journal.history(overrides.pop("project", PROJECT), asked, **(question | overrides))
