"""One request in absolute form: ``GET http://host/path``."""

import asyncio

import h11

from selfheald.sandbox.gate.egress.target import HTTP_PORT, Target
from selfheald.sandbox.gate.egress.wire import Wire, end_to_end

CLOSE = (b"connection", b"close")


async def forward(request: h11.Request, target: Target, program: Wire, server: Wire) -> None:
    """Pass a request on, and its answer back: both written anew, and nothing after them.

    Raises h11.RemoteProtocolError when the server breaks the protocol, and OSError.
    """
    await server.send(_written_anew(request, target))
    upload = asyncio.create_task(_body(program, server))
    try:
        await _answer(server, program)
    finally:
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)


def _written_anew(request: h11.Request, target: Target) -> h11.Request:
    host = str(target.host).removesuffix(f":{HTTP_PORT}").encode()
    kept = [(name, value) for name, value in end_to_end(list(request.headers)) if name != b"host"]
    if any(name == b"transfer-encoding" for name, _ in request.headers):
        # As h11 reads it: the length, if there is one too, does not count.
        kept = [(name, value) for name, value in kept if name != b"content-length"]
        kept.append((b"transfer-encoding", b"chunked"))
    return h11.Request(method=request.method, target=target.path, headers=[(b"host", host), *kept, CLOSE])


async def _body(program: Wire, server: Wire) -> None:
    while not isinstance(event := await program.next_event(), h11.EndOfMessage):
        if not isinstance(event, h11.Data):
            return
        await server.send(h11.Data(data=bytes(event.data)))
    await server.send(h11.EndOfMessage())


async def _answer(server: Wire, program: Wire) -> None:
    while True:
        event = await server.next_event()
        match event:
            case h11.InformationalResponse():
                headers = end_to_end(list(event.headers))
                await program.send(h11.InformationalResponse(status_code=event.status_code, headers=headers))
            case h11.Response():
                headers = [*end_to_end(list(event.headers)), CLOSE]
                await program.send(
                    h11.Response(status_code=event.status_code, headers=headers, reason=bytes(event.reason))
                )
            case h11.Data():
                await program.send(h11.Data(data=bytes(event.data)))
            case h11.EndOfMessage():
                await program.send(h11.EndOfMessage())
                return
            case _:
                raise h11.RemoteProtocolError("the server has hung up")
