"""Semaphore's read tools for one organization: by MCP where that works, else by REST, call by call."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from selfheald.domain.events import ApiRequest
from selfheald.domain.zone import Members
from selfheald.ports import ToolAnswer
from selfheald.semaphore.client import SemaphoreClient
from selfheald.semaphore.mcp import OFF
from selfheald.semaphore.tools.contents import with_content
from selfheald.semaphore.tools.rest import RestTools
from selfheald.semaphore.tools.upstream import UnreachableError, Upstream

REST_FOR = 300.0
"""Seconds for which REST stands in without MCP being asked, after MCP could not be reached."""

REST_FOR_WHEN_OFF = 600.0
"""The same when the feature is off: Semaphore itself remembers that for ten minutes."""

_NOT_HERE = (
    "We couldn't verify access to Semaphore MCP tools",
    "Authorization service is not configured",
    "endpoint is not configured",
    "x-semaphore-user-id header is required",
    "not found: tool not found",
)
"""What an installation says that lacks a part behind a tool: REST may have it."""

log = structlog.get_logger()


class SemaphoreTools:
    """The port. ``upstream`` is ``None`` for an organization without ``mcp_url``."""

    def __init__(
        self,
        client: SemaphoreClient,
        rest: RestTools,
        upstream: Upstream | None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._rest = rest
        self._upstream = upstream
        self._now = now
        self._rest_until = now()

    async def aclose(self) -> None:
        """End the session with Semaphore's MCP server."""
        if self._upstream is not None:
            await self._upstream.aclose()

    async def members(self, workflow_id: str) -> Members:
        """Look up what belongs to a workflow. By REST, which answers it in one way for everybody."""
        return await self._rest.members(workflow_id)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Ask a tool; an address in its answer is replaced by what is there."""
        answer = await self._by_mcp(name, arguments) or await self._rest.call(name, arguments)
        return await with_content(self._client, answer)

    async def _by_mcp(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer | None:
        """What Semaphore's MCP server says; ``None`` when REST has to stand in."""
        if self._upstream is None or self._now() < self._rest_until:
            return None
        try:
            answer = await self._upstream.call(name, arguments)
        except UnreachableError as error:
            self._rest_stands_in(str(error), REST_FOR)
            return None
        if answer.is_error and answer.text.startswith(OFF):
            self._rest_stands_in("the organization has its read tools switched off", REST_FOR_WHEN_OFF)
            return None
        if answer.is_error and any(sign in answer.text for sign in _NOT_HERE):
            return None
        return answer

    def _rest_stands_in(self, why: str, seconds: float) -> None:
        self._rest_until = self._now() + seconds
        log.warning("mcp_unavailable", why=why, rest_stands_in_seconds=seconds)


def make_tools(
    organization: str,
    client: SemaphoreClient,
    *,
    mcp_url: str | None,
    token: Callable[[], str],
    observe: Callable[[ApiRequest], None],
) -> SemaphoreTools:
    """Make the tools of one organization, on its connection to Semaphore. Close them before the connection."""
    upstream = Upstream(mcp_url, token, observe=observe) if mcp_url else None
    return SemaphoreTools(client, RestTools(client, organization), upstream)
