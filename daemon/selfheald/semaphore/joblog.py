"""Reads one job's log over HTTP, as it arrives: from Semaphore, or from where a self-hosted agent's log is kept."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx

from selfheald.domain.errors import RefusedError
from selfheald.semaphore.client import Question, SemaphoreClient, refusal
from selfheald.semaphore.faults import PassingError
from selfheald.semaphore.logs import LogEnd, LogTail
from selfheald.semaphore.logstream import LogStream

LOG_LIMIT = 512 * 1024 * 1024
"""Bytes of a log that are read. Of a longer one the part that fits is used, and the note says so."""

LOG_TIMEOUT = timedelta(minutes=5)
"""For one answer in all: the largest log over a slow line."""

PIECE = 65_536
"""Bytes handled at once: some milliseconds of work, then others have their turn."""

POLLS = 20
"""How often a self-hosted log is asked for what is new, at most: the address is good for 5 minutes."""

POLL_SECONDS = 1.0
"""Between two polls of a log that says nothing new."""


@dataclass(slots=True)
class _Reading:
    """What was read so far of one log."""

    take: Callable[[object], None]
    """Gets each event, in order."""
    length: int = 0
    """Bytes, over all polls."""
    limit: int = field(default=LOG_LIMIT)

    @property
    def full(self) -> bool:
        return self.length > self.limit

    def end(self, remark: str = "", *, self_hosted: bool = False) -> "LogRead":
        cut = f"only the first {self.limit} bytes of the log were read" if self.full else ""
        return LogRead(self_hosted=self_hosted, remark=cut or remark)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRead:
    """A log whose events were read."""

    self_hosted: bool
    """Whether the job ran on a self-hosted agent."""
    remark: str = ""
    """What else there is to say, e.g. that the log was still being written."""


async def read_job_log(client: SemaphoreClient, question: Question, budget: int, limit: int = LOG_LIMIT) -> LogEnd:
    """The end of a log, at most ``budget`` characters; the rest is that of :func:`read_events`."""
    tail = LogTail(budget)
    read = await read_events(client, question, tail.add, limit)
    return replace(tail.end(), remark=read.remark)


async def read_events(
    client: SemaphoreClient, question: Question, take: Callable[[object], None], limit: int = LOG_LIMIT
) -> LogRead:
    """Give each event of a log to ``take``, in order, while it arrives; of its bytes ``limit`` are read.

    Semaphore answers with the log of a job on its own machines, and with a redirect to that of a self-hosted one. The
    redirect is followed without the token, and never from https to http. Raises as :meth:`SemaphoreClient.ask` does,
    without its second try.
    """
    reading = _Reading(take, limit=limit)
    async with client.asking(question, whole_timeout=LOG_TIMEOUT) as response:
        if response.next_request is None:
            await _read(question, response, reading)
            return reading.end()
        place = _trusted(question, response.request.url, response.next_request.url)
    return await _poll(client, replace(question, operation="self_hosted_log"), place, reading)


async def _poll(client: SemaphoreClient, question: Question, place: httpx.URL, reading: _Reading) -> LogRead:
    """Read a self-hosted log until it says that it is complete (``next`` is null), or for so long."""
    position: int | None = None
    for _ in range(POLLS):
        url = place if position is None else place.copy_set_param("token", position)
        async with client.asking(question, elsewhere=url, whole_timeout=LOG_TIMEOUT) as response:
            following = await _read(question, response, reading)
        if following is None or reading.full:
            return reading.end(self_hosted=True)
        if following == position:
            await client.sleep(POLL_SECONDS)
        position = following
    return reading.end("the log was still being written", self_hosted=True)


async def _read(question: Question, response: httpx.Response, reading: _Reading) -> int | None:
    """Read an answer's events; gives back its ``next``. Raises for any answer other than 2xx."""
    if not response.is_success:
        raise await refusal(question, response)
    stream = LogStream()
    try:
        async for piece in response.aiter_bytes(PIECE):
            reading.length += len(piece)
            if reading.full:
                return None
            for event in stream.feed(piece):
                reading.take(event)
            await asyncio.sleep(0)
        for event in stream.close():
            reading.take(event)
    except PassingError as error:
        raise PassingError(f"{question.what}: {error}") from error
    return stream.following


def _trusted(question: Question, asked: httpx.URL, place: httpx.URL) -> httpx.URL:
    """Where a redirect leads, if it may be followed: https, or the way in which we speak to Semaphore itself."""
    if place.scheme not in {"https", asked.scheme}:
        raise RefusedError(f"{question.what}: Semaphore answered with a redirect to {place.scheme}://{place.host}")
    return place
