"""Two sweepers and two workers on one file, in any order and at the same moment: no limit is ever exceeded."""

import asyncio
import tempfile
from collections import Counter
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
from tests.fakes.code_host import FakeCodeHost
from tests.fakes.repositories import FakeRepositories

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import Case, CaseState, advance
from selfheald.domain.events import Event
from selfheald.domain.policy import Rate, SupersededBy
from selfheald.domain.prices import micros_of
from selfheald.domain.room import Claim
from selfheald.engine.decide import Decider
from selfheald.ports import Clock
from selfheald.store.open import Store, open_store

HOUR = timedelta(hours=1)
LIMITS = make.limits(
    attempts_per_commit=1,
    cases_per_branch=Rate(count=2, window=HOUR),
    cases_per_project=Rate(count=4, window=HOUR),
    cost_usd_per_attempt=Decimal("1.25"),
)
BRANCHES = st.sampled_from(("main", "feature", "other"))


class Town(RuleBasedStateMachine):
    """Two processes on one store, as far as SQLite is concerned: each has connections of its own."""

    @initialize(
        cooldown=st.sampled_from((timedelta(0), timedelta(minutes=20))),
        at_once=st.sampled_from((1, 3)),
        pull_requests=st.sampled_from((1, 3)),
        dollars=st.sampled_from((1, 3)),
    )
    def begin(self, cooldown: timedelta, at_once: int, pull_requests: int, dollars: int) -> None:
        """A limit holds back only what no tighter one does: each is the tightest now and then."""
        self.limits = replace(
            LIMITS,
            cooldown=cooldown,
            concurrent_attempts=at_once,
            open_pull_requests=pull_requests,
            cost_usd_per_day=Decimal(dollars),
        )
        self.target = make.target(project=make.project(limits=self.limits, superseded_by=SupersededBy.PIPELINE))
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "selfheald.sqlite"
        self.stores: list[Store] = [self.loop.run(open_store(path)) for _ in range(2)]
        self.clock = ManualClock()
        self.code_host = FakeCodeHost()
        self.code_host.add_repository(make.REPOSITORY)
        self.deciders = [_decider(store, self.code_host, self.clock) for store in self.stores]
        self.failures = 0

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                self.loop.run(store.close())
            self.loop.close()
            self.folder.cleanup()

    @rule(branches=st.lists(BRANCHES, min_size=1, max_size=4))
    def sweep(self, branches: list[str]) -> None:
        """Pipelines fail; both sweepers look at all of them at the same time."""
        failed = [self.failed(branch) for branch in branches]
        self.opening(*(decider.consider(self.target, one, first=True) for decider in self.deciders for one in failed))

    @rule(branch=BRANCHES)
    def heal_by_hand(self, branch: str) -> None:
        """Somebody types ``selfheald heal`` twice while the daemon decides."""
        failed = self.failed(branch)
        first, second = self.deciders
        self.opening(
            first.heal_by_hand(self.target, failed, by="ada"),
            second.heal_by_hand(self.target, failed, by="bob"),
            second.consider(self.target, failed, first=True),
        )

    @rule()
    def claim(self) -> None:
        """Both dispatchers try to claim all queued cases at the same time."""
        queued = [case for case in self.cases() if case.state is CaseState.QUEUED]
        self.together(*(self.claimed(store, case) for store in self.stores for case in queued))

    @precondition(lambda self: any(case.state is CaseState.HEALING for case in self.cases()))
    @rule(
        outcome=st.sampled_from((AttemptOutcome.FIXED, AttemptOutcome.TIMEOUT, AttemptOutcome.INTERRUPTED)),
        used=st.sampled_from((0, 1, 3, 4)),
    )
    def attempt(self, outcome: AttemptOutcome, used: int) -> None:
        """An attempt is made, and uses some quarters of its budget; an interrupted one's case is queued again."""
        case = next(case for case in self.cases() if case.state is CaseState.HEALING)
        self.loop.run(self.attempted(case, outcome, case.reserved_micros * used // 4))
        if outcome is AttemptOutcome.TIMEOUT:
            self.sweep([case.source_branch or ""])

    @precondition(lambda self: any(case.state is CaseState.HEALING for case in self.cases()))
    @rule()
    def crash(self) -> None:
        """The holder is gone: the lease is over, the case is queued again."""
        case = next(case for case in self.cases() if case.state is CaseState.HEALING)
        self.save(case, CaseState.QUEUED)

    @rule(which=st.integers(0, 9))
    def go_on(self, which: int) -> None:
        """Some case takes its next step, up to the end."""
        on_the_way = [case for case in self.cases() if case.state in _NEXT]
        if on_the_way:
            case = on_the_way[which % len(on_the_way)]
            self.save(case, _NEXT[case.state])

    @rule(minutes=st.sampled_from((-30, 1, 20, 60, 1440)))
    def pass_time(self, minutes: int) -> None:
        """Time goes by, or somebody sets the clock: not back over midnight, where days would mix."""
        now = self.clock.now()
        if (now + timedelta(minutes=minutes)).date() >= now.date():
            self.clock.jump(minutes=minutes)

    @invariant()
    def limits_hold(self) -> None:
        if not hasattr(self, "stores"):
            return
        cases = self.cases()
        states = Counter(case.state for case in cases)
        assert states[CaseState.HEALING] <= self.limits.concurrent_attempts
        assert sum(states[state] for state in (CaseState.HEALING, *_NEXT)) <= self.limits.open_pull_requests
        assert_rate(cases, LIMITS.cases_per_project)
        for branch in {case.source_branch for case in cases}:
            assert_rate([case for case in cases if case.source_branch == branch], LIMITS.cases_per_branch)
        self.attempts_hold(cases)

    def attempts_hold(self, cases: list[Case]) -> None:
        attempts = [one for case in cases for one in self.loop.run(self.stores[0].cases.attempts(case.id))]
        counted = [one for one in attempts if one.outcome is None or one.outcome.counts]
        assert all(count <= LIMITS.attempts_per_commit for count in Counter(one.base for one in counted).values())
        spent = Counter[str]()
        for one in attempts:
            spent[f"{one.started_at:%Y-%m-%d}"] += one.cost_micros
        allowed = micros_of(self.limits.cost_usd_per_day)
        assert all(micros <= allowed for micros in spent.values())
        reserved = sum(case.reserved_micros for case in cases)
        assert spent[f"{self.clock.now():%Y-%m-%d}"] + reserved <= allowed
        assert all(case.state is CaseState.HEALING for case in cases if case.reserved_micros)

    def failed(self, branch: str) -> Any:
        self.failures += 1
        now = self.clock.now()
        self.code_host.set_branch(make.REPOSITORY, branch, make.sha(self.failures))
        return make.pipeline(
            id=f"ppl-{self.failures}",
            ref=make.branch(branch),
            commit=make.sha(self.failures),
            created_at=now,
            done_at=now,
        )

    def cases(self) -> list[Case]:
        return list(self.loop.run(self.stores[0].cases.cases())) if hasattr(self, "stores") else []

    async def claimed(self, store: Store, case: Case) -> Claim:
        now = self.clock.now()
        held = advance(case, CaseState.HEALING, now=now, lease_owner="me", lease_until=now)
        return await store.cases.claim(case, held, limits=self.limits, now=now)

    async def attempted(self, case: Case, outcome: AttemptOutcome, cost: int) -> None:
        cases, now = self.stores[1].cases, self.clock.now()
        begun = await cases.start_attempt(case, agent=make.AGENT, folder="f", now=now)
        await cases.finish_attempt(replace(begun, outcome=outcome, finished_at=now, cost_micros=cost))
        to = _AFTER[outcome]
        assert await cases.save(case, advance(case, to, now=now))

    def save(self, case: Case, to: CaseState) -> None:
        assert self.loop.run(self.stores[0].cases.save(case, advance(case, to, now=self.clock.now())))

    def opening(self, *work: Any) -> None:
        """What may open cases: none on a branch that rests."""
        before, now = self.cases(), self.clock.now()
        resting = {
            case.source_branch
            for case in before
            if case.state is CaseState.EXHAUSTED and case.closed_at and case.closed_at + self.limits.cooldown > now
        }
        self.together(*work)
        opened = {case.id: case.source_branch for case in self.cases()}
        assert not resting & {branch for case_id, branch in opened.items() if case_id not in {c.id for c in before}}

    def together(self, *work: Any) -> None:
        async def all_of_it() -> None:
            await asyncio.gather(*work)

        self.loop.run(all_of_it())


_AFTER = {
    AttemptOutcome.FIXED: CaseState.PUSHING,
    AttemptOutcome.TIMEOUT: CaseState.EXHAUSTED,
    AttemptOutcome.INTERRUPTED: CaseState.QUEUED,
}
_NEXT = {
    CaseState.PUSHING: CaseState.VALIDATING,
    CaseState.VALIDATING: CaseState.PUBLISHING,
    CaseState.PUBLISHING: CaseState.PROPOSED,
    CaseState.PROPOSED: CaseState.HEALED,
}


def _decider(store: Store, code_host: FakeCodeHost, clock: Clock) -> Decider:
    def unheard(_: Event) -> None:
        """Nobody listens."""

    return Decider(
        journal=store.journal,
        code_host=code_host,
        repositories=FakeRepositories(),
        clock=clock,
        listener=unheard,
    )


def assert_rate(cases: list[Case], rate: Rate) -> None:
    opened = sorted(case.opened_at for case in cases)
    for first, too_many in zip(opened, opened[rate.count :], strict=False):
        assert too_many - first >= rate.window


def test_the_town_is_one_in_which_cases_are_opened_claimed_and_held_back() -> None:
    """Else the limits would hold for want of anything to limit."""
    town = Town()
    town.begin(cooldown=timedelta(0), at_once=2, pull_requests=3, dollars=3)
    for _ in range(3):
        town.sweep(["main", "feature", "other"])
        town.claim()
        town.pass_time(1)
    states = Counter(case.state for case in town.cases())
    town.limits_hold()
    town.teardown()

    assert states == {CaseState.QUEUED: 2, CaseState.HEALING: 2}


def test_a_branch_that_fails_again_rests_in_it() -> None:
    town = Town()
    town.begin(cooldown=timedelta(minutes=20), at_once=1, pull_requests=3, dollars=3)
    town.sweep(["main"])
    town.claim()
    town.attempt(AttemptOutcome.TIMEOUT, 0)
    resting = Counter(case.state for case in town.cases())
    town.pass_time(20)
    town.sweep(["main"])
    rested = Counter(case.state for case in town.cases())
    town.teardown()

    assert resting == {CaseState.EXHAUSTED: 1}
    assert rested == {CaseState.EXHAUSTED: 1, CaseState.QUEUED: 1}


TestLimits = Town.TestCase
TestLimits.settings = settings(max_examples=25, stateful_step_count=20)
