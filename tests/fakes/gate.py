"""A gate whose passages lead nowhere, and tell what the test wants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.passage import FakePassage

from selfheald.domain.zone import Metered
from selfheald.ports import Passage, PassageWanted


class FakeGate:
    """Remembers what was wanted. Each passage meters what :attr:`met` gives next, or nothing."""

    def __init__(self) -> None:
        self.wanted: list[PassageWanted] = []
        self.open_now: list[FakePassage] = []
        self.met: list[Metered] = []

    @asynccontextmanager
    async def open(self, wanted: PassageWanted) -> AsyncIterator[Passage]:
        self.wanted.append(wanted)
        passage = FakePassage()
        passage.met = self.met.pop(0) if self.met else Metered()
        self.open_now.append(passage)
        try:
            yield passage
        finally:
            self.open_now.remove(passage)
