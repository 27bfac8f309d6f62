"""A provider in a process of its own: answers each request at once with a short stream. Started, it prints its address.

The end of its standard input ends it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive, Scope, Send

from selfheald.simulator.serving import serve

START_SECONDS = 60
FIRST = b'event: response.created\ndata: {"type": "response.created", "response": {"usage": null}}\n\n'
LAST = (
    b"event: response.completed\ndata: %s\n\n"
    % json.dumps(
        {
            "type": "response.completed",
            "response": {"model": "m", "usage": {"input_tokens": 10, "output_tokens": 5}},
        }
    ).encode()
)


async def answer(_: Scope, receive: Receive, send: Send) -> None:
    """Read the request, then stream."""
    while (await receive()).get("more_body"):
        pass
    head = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": FIRST, "more_body": True})
    await send({"type": "http.response.body", "body": LAST, "more_body": False})


@asynccontextmanager
async def provider_process() -> AsyncIterator[str]:
    """Start one; gives its address."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.provider", stdin=pipe, stdout=pipe
    )
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(START_SECONDS):
            url = (await process.stdout.readline()).decode().strip()
        yield url
    finally:
        process.stdin.close()
        await process.wait()


async def main() -> None:
    """Serve until standard input ends."""
    async with serve(answer) as url:
        print(url, flush=True)  # noqa: T201 - for who started it
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
