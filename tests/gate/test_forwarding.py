"""Plain HTTP through the egress proxy: one request a connection, written anew in both directions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from tests.gate.proxying import SECONDS, proxy, server

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(answer: bytes, heads: list[bytes], *, body: int = 0) -> Answer:
    """Keep the request's head (and so many bytes of its body), then answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head + (await reader.readexactly(body) if body else b""))
        writer.write(answer)
        writer.close()

    return serve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Ours: yes\r\nKeep-Alive: timeout=5\r\n\r\nhello"


async def test_a_request_is_passed_on_and_its_answer_comes_back() -> None:
    heads: list[bytes] = []
    async with (
        server(answering(OK, heads)) as port,
        proxy(("127.0.0.1", port)) as through,
        httpx.AsyncClient(proxy=f"http://127.0.0.1:{through.port}") as client,
    ):
        response = await client.get(f"http://127.0.0.1:{port}/a/b?c=d")

    assert (response.status_code, response.text, response.headers["x-ours"]) == (200, "hello", "yes")
    assert heads[0].startswith(b"GET /a/b?c=d HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n".lower().encode() in heads[0].lower()
    assert through.refused == []


async def test_headers_of_one_hop_stay_there_and_the_host_is_the_targets() -> None:
    heads: list[bytes] = []
    async with server(answering(OK, heads)) as port, proxy(("127.0.0.1", port)) as through:
        answer = await through.ask(
            f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: evil.example\r\nConnection: keep-alive, X-Mine\r\n"
            "X-Mine: 1\r\nProxy-Authorization: Basic abc\r\nProxy-Connection: keep-alive\r\nUpgrade: websocket\r\n"
            "TE: trailers\r\nAccept: a\r\n\r\n".encode()
        )

    names = [line.split(b":")[0].lower() for line in heads[0].split(b"\r\n")[1:] if line]
    assert sorted(names) == [b"accept", b"connection", b"host"]
    assert b"evil.example" not in heads[0]
    assert b"connection: close" in heads[0].lower()
    assert b"keep-alive" not in answer.lower()
    assert b"connection: close" in answer.lower()


async def test_a_second_request_on_the_same_connection_is_not_passed_on() -> None:
    heads: list[bytes] = []
    async with server(answering(OK, heads)) as port, proxy(("127.0.0.1", port)) as through:
        one = f"GET http://127.0.0.1:{port}/%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        answer = await through.ask((one % 1 + one % 2).encode())

    assert answer.count(b"HTTP/1.1 200") == 1
    assert len(heads) == 1
    assert b"/2" not in heads[0]


async def test_a_body_is_passed_on_and_nothing_after_it() -> None:
    got: list[bytes] = []

    async def all_of_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"hello"))
        writer.write(OK)
        writer.write_eof()
        got.append(await reader.read(-1))
        writer.close()

    async with server(all_of_it) as port, proxy(("127.0.0.1", port)) as through:
        await through.ask(
            f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
            "GET /hidden HTTP/1.1\r\n\r\n".encode()
        )

    assert got[0].endswith(b"\r\n\r\nhello")
    assert got[1] == b""


async def test_a_length_beside_chunks_does_not_count() -> None:
    heads: list[bytes] = []
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    async with server(answering(OK, heads, body=len(chunked))) as port, proxy(("127.0.0.1", port)) as through:
        await through.ask(
            f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + chunked
        )

    assert b"content-length" not in heads[0].lower()
    assert b"transfer-encoding: chunked" in heads[0].lower()
    assert heads[0].endswith(chunked)


async def test_a_large_upload_and_a_chunked_answer_go_through() -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        got = len(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for text in (str(got), "!"):
            writer.write(f"{len(text):x}\r\n{text}\r\n".encode())
        writer.write(b"0\r\n\r\n")
        writer.close()

    async with (
        server(count) as port,
        proxy(("127.0.0.1", port)) as through,
        httpx.AsyncClient(proxy=f"http://127.0.0.1:{through.port}", timeout=SECONDS) as client,
    ):
        response = await client.put(f"http://127.0.0.1:{port}/", content=b"x" * 3_000_000)

    assert response.text == "3000000!"


async def test_an_answer_before_the_end_of_the_body_comes_back() -> None:
    heads: list[bytes] = []
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    async with server(answering(early, heads)) as port, proxy(("127.0.0.1", port)) as through:
        reader, writer = await through.connect()
        writer.write(f"PUT http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx".encode())

        assert (await asyncio.wait_for(reader.read(-1), SECONDS)).startswith(b"HTTP/1.1 413 ")
        writer.close()


@asynccontextmanager
async def broken(answer: bytes) -> AsyncIterator[bytes]:
    """What a program gets when the server answers this."""
    async with server(answering(answer, [])) as port, proxy(("127.0.0.1", port)) as through:
        yield await through.ask(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode())


async def test_a_server_that_breaks_off_or_talks_nonsense_is_told() -> None:
    for nonsense in (b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"):
        async with broken(nonsense) as got:
            assert got.startswith(b"HTTP/1.1 502 "), nonsense


async def test_an_answer_that_breaks_off_in_its_middle_ends_there() -> None:
    async with broken(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf") as got:
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.endswith(b"half")


async def test_hosts_that_are_not_allowed_are_refused() -> None:
    async with proxy(("127.0.0.1", 1)) as through:
        for address in (
            "http://127.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://evil.example:1/?secret",
        ):
            answer = await through.ask(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 403 ")

    assert through.refused == ["127.0.0.1:80", "169.254.169.254:80", "evil.example:1"]
