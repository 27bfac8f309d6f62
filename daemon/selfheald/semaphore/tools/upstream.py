"""The connection to Semaphore's MCP server: one session for all attempts, opened when it is needed.

It is opened again when it is lost. What goes wrong with the connection raises :class:`UnreachableError`; what Semaphore
says to a call is an answer. The mcp package loses the status of an HTTP error, and kills every pending call when the
connection breaks: :class:`SafeTransport` stands below it and makes both an error of one call.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from selfheald.domain.errors import SelfhealdError
from selfheald.domain.events import ApiRequest
from selfheald.ports import ToolAnswer
from selfheald.semaphore.credentials import usable

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

READ_TIMEOUT = 25.0
"""Seconds for one call: below the 30 after which Semaphore's own edge gives up."""

CONNECT_WAIT = 10.0
"""Seconds for the session to be there."""

CLOSE_WAIT = 3.0
"""Seconds for a session to be ended in good form."""

_LOST = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
"""How a session that the other side does not know is answered: before anything was done, so it may be sent again."""


class UnreachableError(Exception):
    """Semaphore's MCP server gave no answer. ``status`` is that of HTTP; 0 without one."""

    def __init__(self, message: str, status: int = 0, *, late: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.told = "timeout" if late else str(status or "error")
        """How it is counted."""


class Upstream:
    """Asks Semaphore's MCP server at ``url``. Close it with :meth:`aclose`."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        observe: Callable[[ApiRequest], None],
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._url = url
        self._token = token
        self._observe = observe
        self._read_timeout = read_timeout
        self._session: _Session | None = None

    async def aclose(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.aclose()
            self._session = None

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Ask a tool. Raises :class:`UnreachableError`."""
        started, status = time.perf_counter(), "error"
        try:
            answer = await self._asked(name, arguments)
            status = str(HTTPStatus.OK.value)
        except UnreachableError as error:
            status = error.told
            raise
        finally:
            seconds = time.perf_counter() - started
            self._observe(ApiRequest(api="semaphore-mcp", operation=name, status=status, seconds=seconds))
        return answer

    async def _asked(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        for attempt in (0, 1):
            session = self._present()
            try:
                return await session.call(name, arguments)
            except UnreachableError as error:
                lost = error.status in _LOST or session.over
                if lost and self._session is session:
                    self._session = None
                    await session.aclose()
                if error.status not in _LOST or attempt:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover - the second round returns or raises

    def _present(self) -> "_Session":
        if self._session is None or self._session.over:
            self._session = _Session(self._url, self._token, self._read_timeout)
        return self._session


class _Session:
    """One session, in a task of its own: a client has to be entered and left in the same one."""

    def __init__(self, url: str, token: Callable[[], str], read_timeout: float) -> None:
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._run(url, token, read_timeout), name="semaphore-mcp")

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    async def aclose(self) -> None:
        """End it; what it still waits for is given up."""
        self._leave.set()
        if not self._client.done():
            self._task.cancel()
        _, late = await asyncio.wait({self._task}, timeout=CLOSE_WAIT)
        for task in late:
            task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        try:
            async with asyncio.timeout(CONNECT_WAIT):
                client = await asyncio.shield(self._client)
        except TimeoutError:
            raise UnreachableError("Semaphore's MCP server cannot be connected to in time", late=True) from None
        except asyncio.CancelledError:
            raise _broken() from None
        return await _called(client, name, arguments)

    async def _run(self, url: str, token: Callable[[], str], read_timeout: float) -> None:
        try:
            async with _connected(url, token, read_timeout) as client:
                self._client.set_result(client)
                await self._leave.wait()
        except Exception as error:  # noqa: BLE001 - the mcp package wraps what happens in groups of many kinds
            if not self._client.done():
                self._client.set_exception(_unreachable(error))
                self._client.exception()  # a session that nobody waits for any more is no news
        finally:
            self._client.cancel()


@asynccontextmanager
async def _connected(url: str, token: Callable[[], str], read_timeout: float) -> AsyncIterator["Client"]:
    # Imported here: these packages take half a second, and most commands never speak MCP.
    import httpx2  # noqa: PLC0415
    from mcp import Client  # noqa: PLC0415
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

    from selfheald.semaphore.tools.transport import SafeTransport  # noqa: PLC0415

    http = httpx2.AsyncClient(
        transport=SafeTransport(url, lambda: usable(token(), url)),
        # Above the timeout of a call: one of HTTP's own would end the session.
        timeout=httpx2.Timeout(CONNECT_WAIT, read=read_timeout + 10),
    )
    # Semaphore's server speaks the protocol of 2025; "legacy" saves the request that finds this out.
    client = Client(streamable_http_client(url, http_client=http), mode="legacy", read_timeout_seconds=read_timeout)
    async with http, client as entered:
        yield entered


async def _called(client: "Client", name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
    from mcp import MCPError, types  # noqa: PLC0415

    # Not ``call_tool``: that would ask for the list of tools after each tool's first call.
    request = types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=dict(arguments)))
    try:
        result = await client.session.send_request(request, types.CallToolResult)
    except MCPError as error:
        return _of_error(error)
    except asyncio.CancelledError:
        raise _broken() from None
    except Exception as error:
        raise _unreachable(error) from error
    return _answer(result)


def _answer(result: "CallToolResult") -> ToolAnswer:
    texts = [block.text for block in result.content if block.type == "text"]
    return ToolAnswer(text="\n".join(texts), structured=result.structured_content, is_error=bool(result.is_error))


def _of_error(error: Any) -> ToolAnswer:
    """An error of JSON-RPC is an answer, e.g. a tool that an older server does not have; one of HTTP is none."""
    from mcp import types  # noqa: PLC0415

    if isinstance(error.data, dict) and "http_status" in error.data:
        raise UnreachableError(error.message, int(error.data["http_status"]))
    if error.code in {types.METHOD_NOT_FOUND, types.INVALID_PARAMS}:
        return ToolAnswer(text=error.message, is_error=True)
    raise UnreachableError(error.message, late=error.code == types.REQUEST_TIMEOUT)


def _broken() -> BaseException:
    """What a cancellation means: the package cancels who waits for a session that breaks, as others cancel us."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return asyncio.CancelledError()
    return UnreachableError("the connection to Semaphore's MCP server broke")


def _unreachable(error: BaseException) -> UnreachableError:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, UnreachableError):
        return error
    told = error.message if isinstance(error, SelfhealdError) else str(error)
    data = getattr(error, "data", None)
    status = data.get("http_status", 0) if isinstance(data, dict) else 0
    return UnreachableError(f"{type(error).__name__}: {told}", int(status))
