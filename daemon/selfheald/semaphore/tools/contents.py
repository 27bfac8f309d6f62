"""The text of an artifact in the place of its signed address.

Semaphore's tools answer with an address that whoever has it can read from for 20 minutes. In an agent's sandbox it
leads nowhere, and outside of it it is a credential: so it is read here.
"""

import zlib
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx

from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError, TransientError
from selfheald.ports import ToolAnswer
from selfheald.semaphore.client import Question, SemaphoreClient

DOWNLOAD_LIMIT = 4 * 1024 * 1024
"""Bytes that are downloaded."""

TEXT_LIMIT = 1_000_000
"""Characters of text that are kept; the beginning."""

TIMEOUT = timedelta(seconds=30)

CUT = "\n… cut here: the file is longer than what is shown"

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def with_content(client: SemaphoreClient, answer: ToolAnswer) -> ToolAnswer:
    """Give the answer with the text behind its address; as it is when it has none."""
    structured = answer.structured or {}
    address = _address(structured)
    if answer.is_error or not address:
        return answer
    try:
        content = await _text(client, str(structured.get("path", "")), address)
    except SelfhealdError as error:
        return ToolAnswer(text=error.message, is_error=True)
    kept = {key: value for key, value in structured.items() if key not in {"artifactUrl", "url", "urls"}}
    return ToolAnswer(text=answer.text, structured={**kept, "content": content})


def _address(structured: Mapping[str, Any]) -> str:
    match structured:
        case {"artifactUrl": str(address)} | {"url": str(address)} | {"urls": [{"url": str(address)}, *_]}:
            return address
        case _:
            return ""


async def _text(client: SemaphoreClient, path: str, address: str) -> str:
    what = f"reading artifact {path}"
    try:
        place = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise RefusedError(f"{what}: Semaphore gave no good address for it") from error
    if place.scheme not in {"https", client.url.scheme}:
        raise RefusedError(f"{what}: Semaphore gave an address of {place.scheme}")
    question = Question(operation="read_artifact", what=what, path="")
    return await client.twice(question, lambda: _download(client, question, place))


async def _download(client: SemaphoreClient, question: Question, place: httpx.URL) -> str:
    async with client.asking(question, elsewhere=place, whole_timeout=TIMEOUT) as response:
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise NotFoundError(f"{question.what}: there is no such file")
        if not response.is_success:
            # What a storage says may repeat the address.
            raise TransientError(f"{question.what}: its storage answered {response.status_code}")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > DOWNLOAD_LIMIT:
                break
    return _decoded(question.what, bytes(body[:DOWNLOAD_LIMIT]), cut=len(body) > DOWNLOAD_LIMIT)


def _decoded(what: str, body: bytes, *, cut: bool) -> str:
    """The text of a file, packed or not, whatever its storage says of it."""
    if body.startswith(_GZIP):
        inflate = zlib.decompressobj(_GZIP_WINDOW)
        try:
            body = inflate.decompress(body, TEXT_LIMIT + 1)
        except zlib.error as error:
            raise RefusedError(f"{what}: it cannot be unpacked") from error
    if b"\x00" in body[:TEXT_LIMIT]:
        raise RefusedError(f"{what}: it is no text")
    text = body.decode("utf-8", errors="replace")
    return text if len(text) <= TEXT_LIMIT and not cut else text[:TEXT_LIMIT] + CUT
