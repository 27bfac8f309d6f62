"""Whether Semaphore's MCP server can be reached, and has the tools that an agent reads with."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from selfheald.domain.errors import SelfhealdError
from selfheald.ports import Probe
from selfheald.semaphore.credentials import usable

if TYPE_CHECKING:
    from mcp import Client

READ_TOOLS = (
    "artifact_job_logs",
    "artifacts_list",
    "artifacts_signed_url",
    "get_test_results",
    "jobs_describe",
    "jobs_logs",
    "organizations_list",
    "pipeline_jobs",
    "pipelines_list",
    "projects_list",
    "projects_search",
    "tasks_describe",
    "tasks_list",
    "workflows_search",
)
"""What Semaphore's server offers for reading. ``docs_search`` is left out: an installation may lack its index."""

OFF = "Semaphore MCP read tools are disabled"
"""How Semaphore begins to say that an organization has them switched off."""

TIMEOUT = timedelta(seconds=20)
"""For a whole probe: a connection, a handshake and a list."""

PAGES_LIMIT = 20
"""Pages of tools; Semaphore has one."""

REST_STANDS_IN = "REST answers agents' tools in its place"


async def probe_mcp(
    url: str,
    token: Callable[[], str],
    timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - bounds the probe, and is told in its finding
    *,
    organization: str = "",
) -> Probe:
    """Connect, list the tools, and say what was found or how to mend what is wrong. Never raises for the other side.

    Semaphore lists its tools for everybody and refuses them when they are called, so one is called for the organization
    of this name.
    """
    statuses: list[int] = []
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            names, off = await _asked(url, usable(token(), url), timeout.total_seconds(), statuses, organization)
    except TimeoutError:
        return _failed(f"{url} did not answer within {timeout.total_seconds():g} s; is mcp_url right?")
    except SelfhealdError as error:
        return _failed(error.message)
    except Exception as error:  # noqa: BLE001 - the mcp package wraps what happens in groups of many kinds
        return _failed(_trouble(url, statuses, error))
    probe = found_tools(names)
    if not off:
        return probe
    return Probe(ok=probe.ok, found=f"{probe.found}; they are switched off for {organization}: {REST_STANDS_IN}")


def _failed(told: str) -> Probe:
    return Probe(ok=False, found=f"{told}. Meanwhile {REST_STANDS_IN}")


def found_tools(names: Iterable[str]) -> Probe:
    """What these tools mean for an agent. Pure."""
    offered = set(names)
    missing = [tool for tool in READ_TOOLS if tool not in offered]
    if not missing:
        return Probe(ok=True, found=f"{len(offered)} tools, all {len(READ_TOOLS)} that read among them")
    told = f"{len(offered)} tools, without {', '.join(missing)}"
    if len(missing) < len(READ_TOOLS):
        return Probe(ok=True, found=told)
    return _failed(f"{len(offered)} tools, none of Semaphore's; is mcp_url that of Semaphore?")


async def _asked(
    url: str, token: str, seconds: float, statuses: list[int], organization: str
) -> tuple[Sequence[str], bool]:
    """The names of the server's tools, and whether they are switched off for the organization.

    ``statuses`` gets the HTTP status of every answer that is an error.
    """
    # Imported here: these packages take half a second, and most commands never speak MCP.
    import httpx2  # noqa: PLC0415
    from mcp import Client  # noqa: PLC0415
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

    async def note(response: httpx2.Response) -> None:
        # The client's background GET may be refused with 405, which is no trouble.
        if response.is_error and response.request.method == "POST":
            statuses.append(response.status_code)

    names: list[str] = []
    http = httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {token}"},
        timeout=httpx2.Timeout(seconds, read=seconds + 5),
        event_hooks={"response": [note]},
    )
    # Semaphore's server speaks the protocol of 2025; "legacy" saves the request that finds this out.
    async with (
        http,
        Client(streamable_http_client(url, http_client=http), mode="legacy", read_timeout_seconds=seconds) as client,
    ):
        cursor = None
        for _ in range(PAGES_LIMIT):
            page = await client.list_tools(cursor=cursor)
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        return names, bool(organization) and "projects_list" in names and await _is_off(client, organization)


async def _is_off(client: "Client", organization: str) -> bool:
    """Whether Semaphore refuses its tools to this organization; what cannot be found out is no."""
    listed = (await client.call_tool("organizations_list", {"limit": 100})).structured_content or {}
    for one in listed.get("organizations") or []:
        if organization in {one.get("username"), one.get("name")}:
            answer = await client.call_tool("projects_list", {"organization_id": one.get("id"), "limit": 1})
            return bool(answer.is_error) and any(OFF in str(getattr(part, "text", "")) for part in answer.content)
    return False


def _trouble(url: str, statuses: Sequence[int], error: BaseException) -> str:
    """What is wrong and how to mend it. The error's own text is told only when no status says more."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    status = statuses[-1] if statuses else None
    match status:
        case 401 | 403:
            return f"{url} refused the token ({status}); is it valid, and may its owner use MCP?"
        case 404 | 405:
            return f"{url} is no MCP server ({status}); is mcp_url right? It ends in /mcp"
        case None:
            return f"{url} cannot be reached: {type(error).__name__}: {error}"
        case _:
            return f"{url} answered {status}; try again later"
