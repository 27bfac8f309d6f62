"""Two daemons, two projects, one purse: what was spent and what is reserved never exceed a day's limits."""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests import builders as make
from tests.fakes.clock import ManualClock
from tests.store.drive import opened

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case, CaseState, advance, stay
from selfheald.domain.ids import CaseId, ProjectName
from selfheald.domain.prices import micros_of
from selfheald.domain.room import Claim
from selfheald.store.open import Store, open_store

PROJECTS = (ProjectName("billing"), ProjectName("shop"))
LIMITS = make.limits(
    concurrent_attempts=9,
    open_pull_requests=99,
    cost_usd_per_attempt=Decimal("1.1"),
    cost_usd_per_day=Decimal("2.5"),
    cost_usd_per_day_of_all=Decimal(4),
)
PROJECTS_DAY, DAY = micros_of(Decimal("2.5")), micros_of(Decimal(4))


class Purse(RuleBasedStateMachine):
    """Claims, attempts and crashes, from two connections, over several days."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "selfheald.sqlite"
        self.stores: list[Store] = [self.loop.run(open_store(path)) for _ in range(2)]
        self.clock = ManualClock()
        self.opened = 0
        self.begun: set[CaseId] = set()
        """Cases whose worker has started its attempt: it starts one."""

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                self.loop.run(store.close())
            self.loop.close()
            self.folder.cleanup()

    @rule(project=st.sampled_from(PROJECTS))
    def fail(self, project: ProjectName) -> None:
        """A pipeline fails, a case is opened."""
        self.opened += 1
        built = make.pipeline(id=f"ppl-{self.opened}", commit=make.sha(self.opened))
        self.run(opened(self.stores[0], project=project, pipeline=built, opened_at=self.clock.now()))

    @rule()
    def claim(self) -> None:
        """Both daemons claim all that is queued, at the same time."""
        queued = [case for case in self.cases() if case.state is CaseState.QUEUED]
        self.together(*(self.claimed(store, case) for store in self.stores for case in queued))

    @precondition(lambda self: self.waiting())
    @rule(which=st.integers(0, 9))
    def start(self, which: int) -> None:
        """A worker starts its attempt, perhaps after midnight."""
        case = self.waiting()[which % len(self.waiting())]
        self.begun.add(case.id)
        self.run(self.stores[1].cases.start_attempt(case, agent=make.AGENT, folder="f", now=self.clock.now()))

    @precondition(lambda self: self.running())
    @rule(which=st.integers(0, 9), used=st.sampled_from((0, 1, 3, 4)))
    def finish(self, which: int, used: int) -> None:
        """An attempt ends, and has used some quarters of what was reserved for it."""
        case, attempt = self.running()[which % len(self.running())]
        cost = max(case.reserved_micros * used // 4, attempt.cost_micros)
        ended = replace(attempt, outcome=AttemptOutcome.TIMEOUT, finished_at=self.clock.now(), cost_micros=cost)
        self.run(self.stores[0].cases.finish_attempt(ended))
        self.save(case, advance(case, CaseState.EXHAUSTED, now=self.clock.now()))

    @precondition(lambda self: self.running())
    @rule(which=st.integers(0, 9), used=st.sampled_from((1, 2, 4)))
    def note(self, which: int, used: int) -> None:
        """What a running attempt has cost so far is written down; it never becomes less."""
        case, attempt = self.running()[which % len(self.running())]
        cost = max(case.reserved_micros * used // 4, attempt.cost_micros)
        self.run(self.stores[1].cases.note_cost(attempt, cost))

    @precondition(lambda self: self.held())
    @rule(which=st.integers(0, 9))
    def crash(self, which: int) -> None:
        """A daemon is killed: the lease is over, the case is queued again."""
        case = self.held()[which % len(self.held())]
        self.begun.discard(case.id)
        self.save(case, advance(case, CaseState.QUEUED, now=self.clock.now()))

    @precondition(lambda self: self.held())
    @rule(which=st.integers(0, 9))
    def beat(self, which: int) -> None:
        """A worker gives a sign of life."""
        case = self.held()[which % len(self.held())]
        self.save(case, stay(case, now=self.clock.now(), lease_until=self.clock.now()))

    @rule(minutes=st.sampled_from((1, 360, 719, 721)))
    def pass_time(self, minutes: int) -> None:
        """Time goes by, also over midnight."""
        self.clock.jump(minutes=minutes)

    @invariant()
    def no_day_costs_more_than_it_may(self) -> None:
        cases, attempts = self.cases(), self.attempts()
        for project in (None, *PROJECTS):
            allowed = DAY if project is None else PROJECTS_DAY
            mine = {case.id: case for case in cases if project in (None, case.project)}
            spent = [attempt for attempt in attempts if attempt.case_id in mine]
            for day in {attempt.started_at.date() for attempt in spent} | {self.clock.now().date()}:
                cost = sum(attempt.cost_micros for attempt in spent if attempt.started_at.date() == day)
                today = day == self.clock.now().date()
                running = {one.case_id: one.cost_micros for one in spent if one.outcome is None}
                held_back = (
                    case.reserved_micros - running.get(case.id, 0) for case in mine.values() if case.reserved_micros
                )
                assert cost + today * sum(held_back) <= allowed

    @invariant()
    def only_who_is_held_reserves(self) -> None:
        assert all((case.state is CaseState.HEALING) >= (case.reserved_micros > 0) for case in self.cases())

    def cases(self) -> list[Case]:
        return list(self.run(self.stores[0].cases.cases())) if hasattr(self, "stores") else []

    def held(self) -> list[Case]:
        return [case for case in self.cases() if case.state is CaseState.HEALING]

    def waiting(self) -> list[Case]:
        return [case for case in self.held() if case.id not in self.begun]

    def attempts(self) -> list[Attempt]:
        return [one for case in self.cases() for one in self.run(self.stores[0].cases.attempts(case.id))]

    def running(self) -> list[tuple[Case, Attempt]]:
        open_ones = {attempt.case_id: attempt for attempt in self.attempts() if attempt.outcome is None}
        return [(case, open_ones[case.id]) for case in self.held() if case.id in open_ones]

    async def claimed(self, store: Store, case: Case) -> Claim:
        now = self.clock.now()
        held = advance(case, CaseState.HEALING, now=now, lease_owner="me", lease_until=now + timedelta(minutes=1))
        return await store.cases.claim(case, held, limits=LIMITS, now=now)

    def save(self, case: Case, after: Case) -> None:
        assert self.run(self.stores[0].cases.save(case, after))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run(work)

    def together(self, *work: Coroutine[Any, Any, Any]) -> None:
        async def all_of_it() -> None:
            await asyncio.gather(*work)

        self.loop.run(all_of_it())


TestPurse = Purse.TestCase
TestPurse.settings = settings(max_examples=25, stateful_step_count=20)
