"""HTTP as bytes: what no well-behaved client would send."""

import asyncio
from collections.abc import Sequence

import httpx


async def raw_request(
    http: httpx.AsyncClient, method: str, target: str, headers: Sequence[str], body: bytes
) -> tuple[int, bytes]:
    """Send a request exactly as it is written; gives status and body."""
    port = http.base_url.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*head, *headers, "", ""]).encode("latin-1") + body)
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    status, _, rest = answer.partition(b"\r\n")
    return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]
