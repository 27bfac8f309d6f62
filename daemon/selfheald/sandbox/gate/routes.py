"""What stands behind the web door, by the beginning of the path."""

from collections.abc import Mapping

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from selfheald.domain.refusal import RefusalKind
from selfheald.sandbox.gate.pace import Pace
from selfheald.sandbox.gate.refusals import Refused

MODEL = "/model"
TOOLS = "/mcp"


class Routes:
    """An ASGI application that passes requests on to others, by the path as it came: nothing in it is decoded."""

    def __init__(self, apps: Mapping[str, ASGIApp], refused: Refused) -> None:
        self._apps = apps
        self._refused = refused
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; one that comes too soon waits."""
        await self._pace.turn()
        path = scope["raw_path"].decode("latin-1")
        for prefix, app in self._apps.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                await app({**scope, "root_path": prefix}, receive, send)
                return
        self._refused(RefusalKind.MODEL, f"{scope['method']} {path}")
        await PlainTextResponse("selfheald: nothing is served here\n", 404)(scope, receive, send)
