"""Whatever happens to cases, in whatever order: the store's promises hold, and the fake says the same."""

import asyncio
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tests.builders import NOW, PROJECT, limits, new_case, pipeline, sha
from tests.fakes.store import FakeStore
from tests.store.drive import AnyStore

from selfheald.domain.case import TRANSITIONS, Case, CaseState, advance, stay
from selfheald.domain.decision import Heal
from selfheald.ports import CaseEvent
from selfheald.store.open import Store, open_store

COMMITS = st.integers(min_value=1, max_value=3)
STATES = st.sampled_from(CaseState)


class Cases(RuleBasedStateMachine):
    """Opens, moves and reads cases in the real store and in the fake, side by side."""

    seen = Bundle("seen")
    """Versions of cases that somebody has read at some time, and may act upon when they are old."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "selfheald.sqlite"
        self.real: Store = self.loop.run(open_store(self.path))
        self.fake = FakeStore()
        self.now = NOW
        self.versions: dict[int, int] = {}
        self.pipelines = 0

    def teardown(self) -> None:
        if hasattr(self, "real"):
            self.loop.run(self.real.close())
            self.loop.close()
            self.folder.cleanup()

    @rule(target=seen, commit=COMMITS, approval=st.booleans())
    def open(self, commit: int, *, approval: bool) -> Case | None:
        self.pipelines += 1
        state = CaseState.AWAITING_APPROVAL if approval else CaseState.QUEUED
        built = pipeline(id=f"ppl-{self.pipelines}", commit=sha(commit))
        wanted = new_case(pipeline=built, state=state, opened_at=self.tick())

        async def decide(store: AnyStore) -> Case | None:
            decision = Heal(approval=approval)
            return await store.journal.decide(PROJECT, built, decision, now=self.now, new_case=wanted)

        opened: Case | None = self.both(decide)
        return opened

    @rule(target=seen, case=seen, to=STATES, note=st.sampled_from(("", "a note")))
    def move(self, case: Case | None, to: CaseState, note: str) -> Case | None:
        if case is None or to not in TRANSITIONS[case.state]:
            return case
        after = advance(case, to, now=self.tick())
        return after if self.both(lambda store: store.cases.save(case, after, note=note)) else case

    @rule(target=seen, case=seen)
    def hold(self, case: Case | None) -> Case | None:
        if case is None:
            return case
        after = stay(case, now=self.tick(), tries=case.tries + 1)
        return after if self.both(lambda store: store.cases.save(case, after)) else case

    @rule()
    def restart(self) -> None:
        self.loop.run(self.real.close())
        self.real = self.loop.run(open_store(self.path))

    @invariant()
    def promises_hold(self) -> None:
        if not hasattr(self, "real"):
            return
        cases = self.both(lambda store: store.cases.cases())
        open_cases = Counter(case.failure_key for case in cases if not case.state.is_end)
        assert all(count == 1 for count in open_cases.values()), "one open case per failure"
        assert all((case.closed_at is not None) == case.state.is_end for case in cases)
        for case in cases:
            assert case.version >= self.versions.get(case.id, 1), "versions only grow"
            self.versions[case.id] = case.version
            _assert_chain(case, self.events(case))
        self.both(self.history)

    def events(self, case: Case) -> list[CaseEvent]:
        return list(self.both(lambda store: store.cases.events(case.id)))

    async def history(self, store: AnyStore) -> Any:
        built = pipeline()
        return await store.journal.history(
            PROJECT,
            built,
            repository=new_case().repository,
            commit=built.commit,
            source_branch="main",
            limits=limits(),
            now=self.now,
        )

    def both(self, ask: Any) -> Any:
        """Ask the real store and the fake; both say the same."""
        real, fake = self.loop.run(_asked(ask, self.real)), self.loop.run(_asked(ask, self.fake))
        assert real == fake
        return real

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


async def _asked(ask: Any, store: AnyStore) -> Any:
    return await ask(store)


def _assert_chain(case: Case, events: list[CaseEvent]) -> None:
    assert [event.before for event in events] == ["", *(event.after for event in events[:-1])]
    assert events[-1].after == case.state
    assert [event.at for event in events] == sorted(event.at for event in events)


TestCases = Cases.TestCase
TestCases.settings = settings(max_examples=25, stateful_step_count=25)
