"""Semaphore's tools when its MCP server is off, lost, slow or wrong; and what its addresses lead to."""

import asyncio
import gzip
from collections.abc import Callable

import httpx2
import pytest
from tests.semaphore.tooling import OTHER_TOKEN, TOKEN, Scene, scene

from selfheald.ports import ToolAnswer
from selfheald.semaphore.tools.contents import CUT, DOWNLOAD_LIMIT, TEXT_LIMIT, with_content
from selfheald.semaphore.tools.rest import RestTools
from selfheald.semaphore.tools.tools import REST_FOR, REST_FOR_WHEN_OFF, SemaphoreTools
from selfheald.semaphore.tools.transport import BODY_LIMIT, SafeTransport
from selfheald.semaphore.tools.upstream import UnreachableError, Upstream
from selfheald.simulator.faults import Fault, FaultKind
from selfheald.simulator.semaphore_mcp import PATH


def asked(made: Scene) -> list[str]:
    """The requests that Semaphore got: those of its MCP server by operation, those of REST as such."""
    return [one.operation if one.api == "semaphore-mcp" else "REST" for one in made.world.hooks.requests]


async def log_of(made: Scene) -> ToolAnswer:
    """Read the failed job's log."""
    answer = await made.call("jobs_logs", job_id=made.job.id)
    assert not answer.is_error, answer.text
    return answer


async def test_one_session_serves_all_calls_and_nothing_is_asked_by_rest() -> None:
    async with scene(mcp=True) as made:
        await asyncio.gather(*(log_of(made) for _ in range(10)))

        assert asked(made) == ["initialize", "notifications/initialized", *["jobs_logs"] * 10]
    assert asked(made)[-1] != "REST"


async def test_without_an_address_everything_is_asked_by_rest() -> None:
    async with scene(mcp=False) as made:
        await log_of(made)

        assert asked(made) == ["REST"]


async def test_every_call_is_counted_by_its_tool_and_status() -> None:
    async with scene(mcp=True) as made:
        await log_of(made)
        made.world.faults.add(Fault(kind=FaultKind.GATEWAY_TIMEOUT, operation="mcp"))
        await log_of(made)

        by_mcp = [(one.operation, one.status) for one in made.observed if one.api == "semaphore-mcp"]
        assert by_mcp == [("jobs_logs", "200"), ("jobs_logs", "504")]


async def test_rest_stands_in_where_the_tools_are_switched_off() -> None:
    async with scene(mcp=True) as made:
        made.organization.features.discard("mcp_server_read_tools")

        first, second = await log_of(made), await log_of(made)

        assert first == second
        assert asked(made).count("jobs_logs") == 1
        assert asked(made).count("REST") == 2


FAULTS = (
    FaultKind.INTERNAL_ERROR,
    FaultKind.EDGE_FORBIDDEN,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.FALSE_NOT_FOUND,
    FaultKind.CONNECTION_RESET,
    FaultKind.TRUNCATED_JSON,
)


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("kind", FAULTS)
async def test_rest_stands_in_for_a_call_that_fails(kind: FaultKind, connected: bool) -> None:  # noqa: FBT001 - a column
    async with scene(mcp=True) as made:
        if connected:
            await log_of(made)
        made.world.faults.add(Fault(kind=kind, operation="mcp", times=None))

        await asyncio.gather(log_of(made), log_of(made))

        assert asked(made)[-1] == "REST"


async def test_rest_stands_in_where_there_is_no_such_server() -> None:
    async with scene(mcp=True, mcp_path="/nowhere") as made:
        await log_of(made)

        assert asked(made)[-1] == "REST"


async def test_rest_stands_in_when_the_token_is_not_for_mcp() -> None:
    async with scene(mcp=False) as made:
        tools = _tools(made, token=lambda: "expired")
        answer = await tools.call("jobs_logs", {"job_id": made.job.id})
        await tools.aclose()

        assert not answer.is_error
        assert asked(made) == ["unauthorized", "REST"]


async def test_rest_stands_in_for_a_part_that_an_installation_lacks() -> None:
    async with scene(mcp=True) as made:
        answer = await made.call("docs_search", query="after pipeline")
        await log_of(made)

        assert "MCP server alone" in answer.text
        assert asked(made)[-1] == "jobs_logs"


@pytest.mark.parametrize("off", [True, False])
async def test_mcp_is_asked_again_after_a_while(off: bool) -> None:  # noqa: FBT001 - a column
    async with scene(mcp=False) as made:
        clock = [0.0]
        tools = _tools(made, now=lambda: clock[0])
        if off:
            made.organization.features.discard("mcp_server_read_tools")
        else:
            made.world.faults.add(Fault(kind=FaultKind.GATEWAY_TIMEOUT, operation="mcp"))
        pause = REST_FOR_WHEN_OFF if off else REST_FOR

        for clock[0] in (0.0, 1.0, pause - 1, pause + 1):
            await tools.call("jobs_logs", {"job_id": made.job.id})
        await tools.aclose()

        calls = [operation for operation in asked(made) if operation in {"REST", "jobs_logs"}]
        first = ["jobs_logs"] if off else []
        assert calls == [*first, "REST", "REST", "REST", "jobs_logs", *(["REST"] if off else [])]


async def test_a_session_that_is_not_known_any_more_is_opened_again() -> None:
    async with scene(mcp=True) as made:
        await log_of(made)
        made.world.faults.add(Fault(kind=FaultKind.FALSE_NOT_FOUND, operation="mcp"))

        await log_of(made)

        assert asked(made)[2:] == [
            "jobs_logs",
            "jobs_logs",
            "delete",
            "initialize",
            "notifications/initialized",
            "jobs_logs",
        ]


async def test_a_new_token_takes_effect_within_the_session() -> None:
    async with scene(mcp=False) as made:
        token = [OTHER_TOKEN]
        tools = _tools(made, token=lambda: token[0])
        await tools.call("organizations_list", {})
        token[0] = TOKEN
        answer = await tools.call("organizations_list", {})
        await tools.aclose()

        assert answer.structured is not None
        assert answer.structured["organizations"][0]["name"] == "acme"
        assert asked(made).count("initialize") == 1


async def test_a_token_that_no_header_can_hold_is_not_sent() -> None:
    async with scene(mcp=False) as made:
        tools = _tools(made, token=lambda: "a\r\nb")
        answer = await tools.call("jobs_logs", {"job_id": made.job.id})
        await tools.aclose()

        assert not answer.is_error
        assert asked(made) == ["REST"]


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    async with scene(mcp=False) as made:
        upstream = Upstream(made.url + PATH, lambda: TOKEN, observe=made.observed.append, read_timeout=0.3)
        await upstream.call("organizations_list", {})
        made.world.faults.add(Fault(kind=FaultKind.DELAY, operation="mcp", seconds=60))

        with pytest.raises(UnreachableError):
            await upstream.call("jobs_logs", {"job_id": made.job.id})
        answer = await upstream.call("jobs_logs", {"job_id": made.job.id})
        await upstream.aclose()

        assert not answer.is_error
        assert asked(made).count("initialize") == 1
        assert [one.status for one in made.observed] == ["200", "timeout", "200"]


async def test_whoever_is_cancelled_while_asking_is_cancelled() -> None:
    async with scene(mcp=False) as made:
        upstream = Upstream(made.url + PATH, lambda: TOKEN, observe=made.observed.append)
        made.world.faults.add(Fault(kind=FaultKind.DELAY, operation="mcp", seconds=60, times=None))
        call = asyncio.create_task(upstream.call("organizations_list", {}))
        await asyncio.sleep(0)

        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await upstream.aclose()


async def test_what_semaphore_refuses_is_an_answer_and_rest_is_not_asked() -> None:
    async with scene(mcp=True) as made:
        made.project.visible = False

        answer = await made.call("jobs_logs", job_id=made.job.id)

        assert answer.is_error
        assert answer.text.startswith("Permission denied while accessing project")
        assert "REST" not in asked(made)


@pytest.mark.parametrize("mcp", [True, False])
async def test_artifacts_that_are_switched_off_say_so(mcp: bool) -> None:  # noqa: FBT001 - a column
    async with scene(mcp=mcp) as made:
        made.organization.features.clear()
        made.organization.features.add("mcp_server_read_tools")

        answer = await made.call("artifacts_list", **made.ids, scope="jobs", scope_id=made.job.id)

        assert answer.is_error
        assert "enabled for your organization" in answer.text or "disabled for this organization" in answer.text


async def test_an_address_of_another_scheme_is_not_followed() -> None:
    async with scene(mcp=False) as made:
        for address in ("file:///etc/passwd", "ftp://127.0.0.1/x", "http://[", ""):
            answer = await with_content(made.client, _pointing(address))

            assert answer.is_error == bool(address)
            assert "passwd" not in answer.text


def _pointing(address: str) -> ToolAnswer:
    return ToolAnswer(text="", structured={"path": "a.txt", "artifactUrl": address})


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"x" * (TEXT_LIMIT + 1), "x" * TEXT_LIMIT + CUT),
        (gzip.compress(b"y" * 50_000_000), "y" * TEXT_LIMIT + CUT),
        ("grüße".encode("latin-1"), "gr\ufffd\ufffde"),
    ],
    ids=["long", "bomb", "no UTF-8"],
)
async def test_what_an_address_leads_to_is_bounded_text(content: bytes, shown: str) -> None:
    async with scene(mcp=False) as made:
        made.job.artifacts["test-results/junit.xml"] = content

        told = await made.told("get_test_results", scope="job", job_id=made.job.id)

        assert told["content"] == shown


async def test_a_file_that_is_larger_than_what_is_downloaded_is_cut() -> None:
    async with scene(mcp=False) as made:
        made.job.artifacts["test-results/junit.xml"] = b"z" * (DOWNLOAD_LIMIT * 2)

        told = await made.told("get_test_results", scope="job", job_id=made.job.id)

        assert told["content"] == "z" * TEXT_LIMIT + CUT


async def test_a_file_that_cannot_be_unpacked_is_an_error() -> None:
    async with scene(mcp=False) as made:
        made.job.artifacts["test-results/junit.xml"] = b"\x1f\x8bnonsense"

        answer = await made.call("get_test_results", scope="job", job_id=made.job.id)

        assert answer.text == "reading artifact test-results/junit.xml: it cannot be unpacked"


async def test_a_storage_that_refuses_is_not_quoted() -> None:
    async with scene(mcp=False) as made:
        address = f"{made.url}/storage/jobs/{made.job.id}/a.txt?X-Goog-Expires=1&X-Goog-Signature=canary"

        answer = await with_content(made.client, _pointing(address))

        assert answer.is_error
        assert answer.text == "reading artifact a.txt: its storage answered 403"


def _tools(
    made: Scene, *, token: Callable[[], str] = lambda: TOKEN, now: Callable[[], float] = lambda: 0.0
) -> SemaphoreTools:
    """The tools with another token or another clock, on the scene's connection."""
    upstream = Upstream(made.url + PATH, token, observe=made.observed.append)
    return SemaphoreTools(made.client, RestTools(made.client, "acme"), upstream, now=now)


async def test_the_token_goes_to_the_configured_place_alone_and_no_answer_is_endless() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, content=b"x" * (BODY_LIMIT + 1))

    transport = SafeTransport("https://mcp.example/mcp", lambda: TOKEN, httpx2.MockTransport(answer))
    for url in ("https://evil.example/mcp", "http://mcp.example/mcp", "https://mcp.example:444/mcp"):
        refused = await transport.handle_async_request(httpx2.Request("POST", url))
        assert refused.status_code == 502
        assert "is not followed" in refused.json()["error"]["message"]
    assert seen == []

    endless = await transport.handle_async_request(httpx2.Request("POST", "https://mcp.example/mcp"))

    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "more than" in endless.json()["error"]["message"]
