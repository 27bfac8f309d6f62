"""Asks the provider, once, and passes its answer on as it comes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import structlog

from selfheald.sandbox.model.asking import Asked
from selfheald.sandbox.model.headers import Headers, to_agent
from selfheald.sandbox.model.meter import Tally
from selfheald.sandbox.model.problems import Problem, silent, unreachable
from selfheald.sandbox.model.reply import Reply
from selfheald.sandbox.model.scrub import Scrubber
from selfheald.sandbox.model.watch import Watch

log = structlog.get_logger()

GATEWAY_TIMEOUT = 504
"""The provider has the request, and may be working on it."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; a longer one is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as the provider gets it."""

    method: str
    target: str
    """Path and query below the base address."""
    headers: Headers
    key: str
    """Must not come back to the agent."""
    body: bytes | None = None


class Upstream:
    """A provider's API."""

    def __init__(self, client: httpx.AsyncClient, base_url: str) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")

    async def ask(self, call: Call, reply: Reply) -> None:
        """Ask for what costs nothing."""
        async with self._answer(call) as response:
            await _pass_on(response, reply, call.key, None)

    async def ask_metered(self, call: Call, asked: Asked, tally: Tally, reply: Reply) -> None:
        """Ask the model. However it ends, the tally gets what was used."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        watch = Watch(asked.route.form, streams=asked.streams)
        charged = True  # until the provider has refused, or could not be reached: somebody may hang up before
        try:
            async with self._answer(call) as response:
                charged = response.is_success
                await _pass_on(response, reply, call.key, watch)
        except Problem as problem:
            charged = charged and (reply.begun or problem.status == GATEWAY_TIMEOUT)
            raise
        finally:
            if charged:
                tally.usage = watch.usage(asked.wanted, seconds=loop.time() - started)
                if not watch.figures.final:
                    log.info("model_usage_estimated", output_tokens=tally.usage.output_tokens)

    @asynccontextmanager
    async def _answer(self, call: Call) -> AsyncIterator[httpx.Response]:
        """The answer's head; its body has to be read. Raises :class:`Problem`."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in call.headers]
        url = self._base_url + call.target
        request = self._client.build_request(call.method, url, headers=raw, content=call.body)
        with _translated():
            response = await self._client.send(request, stream=True)
        try:
            if response.is_redirect or response.headers.get("content-encoding", "identity") != "identity":
                raise unreachable("answers with a redirect, or compressed")
            yield response
        finally:
            await response.aclose()


async def _pass_on(response: httpx.Response, reply: Reply, key: str, watch: Watch | None) -> None:
    """Pass the answer on, chunk by chunk. An answer that breaks off stays without an end. Raises :class:`Problem`."""
    scrubber = Scrubber(key)
    size = 0
    if watch:
        watch.begin(response.headers.get("content-type", ""))
    await reply.begin(response.status_code, to_agent(response.headers.multi_items(), key))
    with _translated():
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise unreachable(f"answers with more than {LARGEST_ANSWER} bytes")
            if watch:
                watch.feed(chunk)
            await reply.go_on(scrubber.feed(chunk))
    if watch:
        watch.end()
    await reply.go_on(scrubber.end())
    await reply.end()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's errors into answers. Their texts stay here: one may quote a header, and so the key."""
    try:
        yield
    except httpx.ConnectTimeout:
        raise unreachable("could not be reached in time") from None
    except httpx.TimeoutException:
        raise silent() from None
    except httpx.ConnectError:
        raise unreachable("could not be reached") from None
    except (httpx.HTTPError, httpx.StreamError):
        raise unreachable("broke off") from None
