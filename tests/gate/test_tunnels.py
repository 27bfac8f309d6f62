"""The egress proxy's tunnels, over real sockets."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Sequence

from tests.gate.proxying import SECONDS, proxy, server

from selfheald.sandbox.gate.egress import door
from selfheald.sandbox.gate.egress.allowed import Address, Host

LOOPBACK = ipaddress.ip_address("127.0.0.1")
MEGABYTES = 64 << 20
"""More than all buffers of the kernel between two programs hold."""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give everything back, once the other side has ended."""
    writer.write(b"got " + await reader.read(-1))
    writer.close()


async def test_bytes_go_both_ways_and_each_side_may_end_first() -> None:
    async with server(echo) as port, proxy(("127.0.0.1", port)) as through:
        reader, writer = await through.tunnel(f"127.0.0.1:{port}")
        writer.write(b"hello")
        writer.write_eof()

        assert await asyncio.wait_for(reader.read(-1), SECONDS) == b"got hello"
        writer.close()
    assert through.refused == []


async def test_what_comes_with_the_request_is_passed_on_too() -> None:
    async with server(echo) as port, proxy(("127.0.0.1", port)) as through:
        reader, writer = await through.connect()
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a\r\n\r\nhello".encode())
        writer.write_eof()

        assert (await asyncio.wait_for(reader.read(-1), SECONDS)).endswith(b"\r\n\r\ngot hello")
        writer.close()


async def test_a_server_may_speak_first_and_end_first() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    async with server(greet) as port, proxy(("localhost", port)) as through:
        reader, writer = await through.tunnel(f"localhost:{port}")

        assert await asyncio.wait_for(reader.read(-1), SECONDS) == b"welcome"
        writer.close()


async def test_a_slow_reader_slows_the_server_down() -> None:
    written = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        for _piece in range(MEGABYTES >> 16):
            writer.write(b"x" * (1 << 16))
            await writer.drain()
            written += 1 << 16
        writer.close()

    async with server(flood) as port, proxy(("127.0.0.1", port)) as through:
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(small, ("127.0.0.1", through.port))
        await loop.sock_sendall(small, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        before, never = -1, asyncio.Event()
        while written != before:  # until nothing moves any more
            before = written
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.2)
        assert written < MEGABYTES

        got = 0
        while data := await asyncio.wait_for(loop.sock_recv(small, 1 << 20), SECONDS):
            got += len(data)
        small.close()
    assert got > MEGABYTES


async def test_hosts_that_are_not_allowed_are_refused_and_told() -> None:
    async with server(echo) as port, proxy(("registry.example.com", 443)) as through:
        for host in (f"127.0.0.1:{port}", "registry.example.com:80", "evil.example:443", f"[::1]:{port}"):
            answer = await through.ask(f"CONNECT {host} HTTP/1.1\r\nHost: registry.example.com:443\r\n\r\n".encode())

            assert answer.startswith(b"HTTP/1.1 403 ")
            assert b"is not in egress" in answer
    assert through.refused == [
        f"127.0.0.1:{port}",
        "registry.example.com:80",
        "evil.example:443",
        f"[::1]:{port}",
    ]


async def test_an_allowed_name_that_leads_to_the_machine_itself_is_refused() -> None:
    async def resolve(_: Host) -> Sequence[Address]:
        return [LOOPBACK]

    async with server(echo) as port, proxy(("registry.example.com", port), resolve=resolve) as through:
        answer = await through.ask(f"CONNECT registry.example.com:{port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert through.refused == [f"registry.example.com:{port} at 127.0.0.1"]


async def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to() -> None:
    answers = [[LOOPBACK], [ipaddress.ip_address("192.0.2.1")]]

    async def resolve(_: Host) -> Sequence[Address]:
        return answers.pop(0)

    async with server(echo) as port, proxy(("localhost", port), resolve=resolve) as through:
        _, writer = await through.tunnel(f"localhost:{port}")
        writer.close()

    assert len(answers) == 1


async def test_an_address_that_is_off_limits_is_left_out_and_the_others_are_tried() -> None:
    async def resolve(_: Host) -> Sequence[Address]:
        return [ipaddress.ip_address("192.0.2.1"), LOOPBACK]  # the first is not what localhost may be

    async with server(echo) as port, proxy(("localhost", port), resolve=resolve) as through:
        _, writer = await through.tunnel(f"localhost:{port}")
        writer.close()


async def test_a_name_that_does_not_resolve_is_told_and_is_no_refusal() -> None:
    async def resolve(_: Host) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with proxy(("registry.example.com", 443), resolve=resolve) as through:
        answer = await through.ask(b"CONNECT registry.example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"Name or service not known" in answer
    assert through.refused == []


async def test_a_port_at_which_nobody_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with proxy(("127.0.0.1", port)) as through:
        answer = await through.ask(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"refused" in answer


async def test_the_same_name_is_looked_up_once_at_a_time() -> None:
    asked, answer = [], asyncio.Event()

    async def resolve(host: Host) -> Sequence[Address]:
        asked.append(host)
        await answer.wait()
        return [LOOPBACK]

    async with server(echo) as port, proxy(("localhost", port), resolve=resolve) as through:
        opening = [asyncio.create_task(through.tunnel(f"localhost:{port}")) for _ in range(5)]
        while not asked:
            await asyncio.wait(opening, timeout=0.01)
        answer.set()
        for _, writer in await asyncio.gather(*opening):
            writer.close()
    assert len(asked) == 1


async def test_what_is_no_request_to_a_proxy_is_refused() -> None:
    requests = (
        b"GET / HTTP/1.1\r\nHost: registry.example.com\r\n\r\n",
        b"CONNECT registry.example.com HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT registry.example.com:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"GET https://registry.example.com/ HTTP/1.1\r\nHost: registry.example.com\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS it is\r\n\r\n",
        b"GET http://registry.example.com/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET http://registry.example.com/ HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000,
    )
    async with proxy(("registry.example.com", 443), ("registry.example.com", 80)) as through:
        for request in requests:
            assert (await through.ask(request)).startswith(b"HTTP/1.1 400 "), request[:60]
    assert through.refused == [door.NO_REQUEST] * len(requests)


async def test_a_connection_without_a_byte_ends_after_a_while() -> None:
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        ended.set()
        writer.close()

    async with server(silent) as port, proxy(("127.0.0.1", port), idle_seconds=2) as through:
        reader, writer = await through.tunnel(f"127.0.0.1:{port}")

        assert await asyncio.wait_for(_end(reader), SECONDS)
        await asyncio.wait_for(ended.wait(), SECONDS)
        writer.close()


async def _end(reader: asyncio.StreamReader) -> bool:
    """Whether it ended, in whatever way."""
    try:
        return await reader.read(-1) == b""
    except ConnectionResetError:
        return True


async def test_closing_the_door_cuts_what_is_open() -> None:
    async with server(echo) as port, proxy(("127.0.0.1", port)) as through:
        reader, writer = await through.tunnel(f"127.0.0.1:{port}")

        await through.door.aclose()

        assert await asyncio.wait_for(_end(reader), SECONDS)
        writer.close()
        try:
            late, again = await through.connect()
        except ConnectionRefusedError:
            return
        again.close()
        assert await _end(late)


async def test_more_connections_than_places_wait_for_theirs() -> None:
    async with server(echo) as port, proxy(("127.0.0.1", port)) as through:
        opened = [await through.tunnel(f"127.0.0.1:{port}") for _ in range(door.CONNECTIONS)]
        waiting = asyncio.create_task(through.tunnel(f"127.0.0.1:{port}"))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done

        opened.pop()[1].close()

        opened.append(await asyncio.wait_for(waiting, SECONDS))
        for _, writer in opened:
            writer.close()
