"""Reports: an agent that could not even start is an outcome too, not an exception."""

from collections.abc import Awaitable
from dataclasses import replace

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.errors import NotFoundError, SelfhealdError, UnauthorizedError
from selfheald.ports import AgentReport


async def reported(work: Awaitable[AgentReport]) -> AgentReport:
    """Give the report of this work, or one that says why there was none."""
    try:
        return await work
    except NotFoundError as error:
        return _none(AttemptOutcome.AGENT_MISSING, error.message)
    except UnauthorizedError as error:
        return _none(AttemptOutcome.AUTH_ERROR, error.message)
    except SelfhealdError as error:
        return _none(AttemptOutcome.ERROR, error.message)


def noted(report: AgentReport, note: str) -> AgentReport:
    """Give the report with one more note."""
    return replace(report, note="; ".join(filter(None, (report.note, note))))


def _none(outcome: AttemptOutcome, note: str) -> AgentReport:
    return AgentReport(outcome=outcome, message="", note=note)
