"""Writes down what an attempt costs while it runs: a killed daemon must not make it free."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from selfheald.domain.errors import SelfhealdError
from selfheald.engine.effort import Effort
from selfheald.ports import CaseBook

log = structlog.get_logger()

NOTED_EVERY = timedelta(seconds=5)
"""What was used since the last note is lost when the daemon is killed."""


@asynccontextmanager
async def cost_noted(effort: Effort, cases: CaseBook, every: timedelta) -> AsyncIterator[None]:
    """Write the cost down again and again, as long as the context lasts."""
    noting = asyncio.create_task(_note(effort, cases, every), name=f"cost of attempt {effort.attempt.id}")
    try:
        yield
    finally:
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)


async def _note(effort: Effort, cases: CaseBook, every: timedelta) -> None:
    noted = 0
    while True:
        await asyncio.sleep(every.total_seconds())
        cost = effort.metered().cost_micros
        if cost == noted:
            continue
        try:
            await cases.note_cost(effort.attempt, cost)
            noted = cost
        except SelfhealdError as error:
            log.warning("cost_not_noted", attempt=effort.attempt.id, error=error.message)
