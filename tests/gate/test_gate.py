"""Passages: what an attempt may reach, and that it ends with it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope
from tests import builders as make
from tests.gate.proxying import SECONDS, listening

from selfheald.domain.attempt import Usage
from selfheald.domain.errors import TransientError
from selfheald.domain.events import Event, GateRefused
from selfheald.domain.ids import OrganizationName, ProjectName
from selfheald.domain.refusal import Refusal, RefusalKind
from selfheald.domain.zone import Budget, Metered, Scope
from selfheald.ports import PassageWanted
from selfheald.sandbox.gate import web
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.gate import PROXY_DOOR, WEB_DOOR, NetworkGate
from selfheald.sandbox.gate.pace import Pace
from selfheald.sandbox.gate.refusals import LONGEST, MOST, Refused

ACME = OrganizationName("acme")
PROJECT = ProjectName("billing")
SCOPE = Scope(
    organization_id="o",
    project_id="p",
    workflow_ids=frozenset({"w"}),
    pipeline_ids=frozenset({"i"}),
    job_ids=frozenset(),
)
FULL = PassageWanted(project=PROJECT, agent=make.AGENT, organization=ACME, scope=SCOPE, budget=Budget(attempt_micros=7))


class FakeModel:
    """Tells what it was asked; refuses ``/no``; waits for ever at ``/wait``."""

    def __init__(self, *, budget: Budget, token: str, refused: Refused) -> None:
        self.budget, self.token, self.refused = budget, token, refused
        self.closed = False
        self.waiting, self.cancelled = asyncio.Event(), False

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope["root_path"])
        if path == "/no":
            self.refused(RefusalKind.MODEL, "POST /no")
        if path == "/wait":
            await self._wait()
        await PlainTextResponse(f"model {path}")(scope, receive, send)

    async def _wait(self) -> None:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True

    def metered(self) -> Metered:
        return Metered(usages=(Usage(model="m", input_tokens=3),), cost_micros=5, over_budget="tokens")

    async def aclose(self) -> None:
        self.closed = True


class Rig:
    """A gate with a model and tools that only tell of themselves."""

    def __init__(self, *, confined: bool) -> None:
        self.models: list[FakeModel] = []
        self.scopes: list[Scope] = []
        self.tools_open = 0
        self.breaking = asyncio.Event()
        self.events: list[Event] = []
        self.way = Way(Egress([("127.0.0.1", 9)])) if confined else None
        self.gate = NetworkGate(
            models={make.AGENT: self.model},
            tools={ACME: self.tools},
            way=self.way,
            redact=lambda text: text.replace("canary", "[redacted]"),
            listener=self.events.append,
        )

    def model(self, *, budget: Budget, token: str, refused: Refused) -> FakeModel:
        self.models.append(FakeModel(budget=budget, token=token, refused=refused))
        return self.models[-1]

    @asynccontextmanager
    async def tools(self, *, scope: Scope, token: str, refused: Refused) -> AsyncIterator[ASGIApp]:
        self.scopes.append(scope)
        self.tools_open += 1
        async with asyncio.TaskGroup() as group:
            breaking = group.create_task(self._break())
            try:
                yield PlainTextResponse(f"tools {token}")
            finally:
                self.tools_open -= 1
            breaking.cancel()

    async def _break(self) -> None:
        await self.breaking.wait()
        raise RuntimeError("a bug in the gateway")


@pytest.fixture
def confined() -> Rig:
    return Rig(confined=True)


@pytest.fixture
def unconfined() -> Rig:
    return Rig(confined=False)


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        return await client.get(url)


async def test_an_unconfined_passage_listens_on_the_host_itself(unconfined: Rig) -> None:
    async with unconfined.gate.open(FULL) as passage:
        assert passage.doors == ()
        assert passage.proxy_url == ""
        assert (await get(f"{passage.model_url}/v1/responses")).text == "model /v1/responses"
        assert (await get(passage.tools_url)).text == f"tools {passage.token}"
        assert passage.model_url.startswith("http://127.0.0.1:")

    with pytest.raises(httpx.ConnectError):
        await get(passage.model_url)


async def test_a_confined_passage_answers_at_the_sandboxs_doors(confined: Rig) -> None:
    async with confined.gate.open(FULL) as passage:
        listeners = {door: listening() for door in passage.doors}
        ports = {door: listener.getsockname()[1] for door, listener in listeners.items()}
        for door, listener in listeners.items():
            await passage.serve(door, listener)

        assert passage.doors == (WEB_DOOR, PROXY_DOOR)
        assert passage.model_url == f"http://127.0.0.1:{WEB_DOOR}/model"
        assert passage.tools_url == f"http://127.0.0.1:{WEB_DOOR}/mcp"
        assert passage.proxy_url == f"http://127.0.0.1:{PROXY_DOOR}"
        assert (await get(f"http://127.0.0.1:{ports[WEB_DOOR]}/model/x")).text == "model /x"
        async with httpx.AsyncClient(proxy=f"http://127.0.0.1:{ports[PROXY_DOOR]}") as client:
            assert (await client.get("http://evil.example/")).status_code == 403

    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_each_program_of_a_passage_brings_its_own_listening_sockets(confined: Rig) -> None:
    async with confined.gate.open(FULL) as passage:
        listeners = [listening() for _ in range(2)]
        for listener in listeners:
            await passage.serve(WEB_DOOR, listener)

        for listener in listeners:
            assert (await get(f"http://127.0.0.1:{listener.getsockname()[1]}/model/x")).text == "model /x"


async def test_a_closed_passage_serves_nothing_any_more(confined: Rig) -> None:
    async with confined.gate.open(FULL) as passage:
        pass
    with socket.socket() as listener, pytest.raises(TransientError):
        await passage.serve(WEB_DOOR, listener)


async def test_each_passage_has_a_token_a_budget_and_a_scope_of_its_own(confined: Rig) -> None:
    async with confined.gate.open(FULL) as one, confined.gate.open(FULL) as other:
        assert one.token != other.token
        assert len(one.token) >= 32
        assert [model.token for model in confined.models] == [one.token, other.token]
    assert [model.budget for model in confined.models] == [FULL.budget] * 2
    assert confined.scopes == [SCOPE] * 2


@pytest.mark.parametrize("unwanted", [{"agent": None}, {"agent": "another"}])
async def test_without_a_model_there_is_no_way_to_one(confined: Rig, unwanted: Mapping[str, Any]) -> None:
    async with confined.gate.open(PassageWanted(project=PROJECT, **unwanted)) as passage:
        assert (passage.model_url, passage.tools_url) == ("", "")
        assert passage.doors == (PROXY_DOOR,)
        assert passage.metered() == Metered()
    assert confined.models == []


async def test_an_unconfined_passage_to_nothing_listens_nowhere(unconfined: Rig) -> None:
    async with unconfined.gate.open(PassageWanted(project=PROJECT)) as passage:
        assert (passage.doors, passage.model_url, passage.proxy_url) == ((), "", "")
        assert not any(one.get_name().startswith("gate-") for one in asyncio.all_tasks())


async def test_tools_need_an_organization_and_a_scope(confined: Rig) -> None:
    async with confined.gate.open(PassageWanted(project=PROJECT, organization=ACME)) as passage:
        assert passage.tools_url == ""
    async with confined.gate.open(PassageWanted(project=PROJECT, scope=SCOPE)) as passage:
        assert passage.tools_url == ""
    assert confined.scopes == []


async def test_what_was_metered_and_refused_is_told(unconfined: Rig) -> None:
    async with unconfined.gate.open(FULL) as passage:
        await get(f"{passage.model_url}/no")
        await get(f"{passage.model_url}/no")
        await get(passage.model_url.replace("/model", "/modelx"))

    met = passage.metered()
    assert (met.cost_micros, met.over_budget, met.usages[0].model) == (5, "tokens", "m")
    assert met.refusals == (
        Refusal(kind=RefusalKind.MODEL, what="POST /no", count=2),
        Refusal(kind=RefusalKind.MODEL, what="GET /modelx"),
    )
    assert unconfined.events == [GateRefused(project=PROJECT, kind=RefusalKind.MODEL)] * 3


async def test_refusals_are_plain_short_without_secrets_and_not_too_many(unconfined: Rig) -> None:
    async with unconfined.gate.open(FULL) as passage:
        refuse = unconfined.models[0].refused
        refuse(RefusalKind.MODEL, "a\x1b[31mb canary\n" + "x" * 10_000)
        for number in range(2 * MOST):
            refuse(RefusalKind.EGRESS, f"host-{number}.example:443")

    refusals = passage.metered().refusals
    assert refusals[0].what.startswith("ab [redacted] xxx")
    assert len(refusals[0].what) == LONGEST
    assert len(refusals) == MOST + 1
    assert refusals[-1] == Refusal(kind=RefusalKind.EGRESS, what="others", count=MOST + 1)
    assert len(unconfined.events) == 2 * MOST + 1


async def test_closing_ends_model_tools_and_what_is_under_way(unconfined: Rig) -> None:
    async with unconfined.gate.open(FULL) as passage:
        asking = asyncio.create_task(get(f"{passage.model_url}/wait"))
        await asyncio.wait_for(unconfined.models[0].waiting.wait(), SECONDS)

    with pytest.raises(httpx.TransportError):
        await asking
    assert unconfined.models[0].cancelled
    assert unconfined.models[0].closed
    assert unconfined.tools_open == 0


async def test_an_error_or_a_cancellation_closes_all_the_same(unconfined: Rig) -> None:
    async def work(until: Callable[[], Any]) -> None:
        async with unconfined.gate.open(FULL):
            await until()

    async def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await work(fail)
    task = asyncio.create_task(work(asyncio.Event().wait))
    while len(unconfined.models) < 2:
        await asyncio.wait([task], timeout=0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [model.closed for model in unconfined.models] == [True, True]
    assert unconfined.tools_open == 0


async def test_a_bug_in_the_tools_does_not_end_the_attempt(unconfined: Rig) -> None:
    async with unconfined.gate.open(FULL) as passage:
        unconfined.breaking.set()
        while unconfined.tools_open:
            await get(f"{passage.model_url}/x")

        assert (await get(f"{passage.model_url}/x")).text == "model /x"


async def test_tools_that_cannot_be_opened_are_an_error(unconfined: Rig) -> None:
    @asynccontextmanager
    async def broken(*, scope: Scope, token: str, refused: Refused) -> AsyncIterator[ASGIApp]:
        raise TransientError("no tools today")
        yield

    def make_broken(*, scope: Scope, token: str, refused: Refused) -> AbstractAsyncContextManager[ASGIApp]:
        return broken(scope=scope, token=token, refused=refused)

    gate = NetworkGate(models={}, tools={ACME: make_broken}, way=None, redact=str, listener=unconfined.events.append)

    with pytest.raises(TransientError, match="no tools today"):
        async with gate.open(FULL):
            pass


async def test_more_connections_than_places_wait_for_theirs(unconfined: Rig) -> None:
    async with unconfined.gate.open(FULL) as passage:
        port = int(passage.model_url.split(":")[2].split("/")[0])
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(web.CONNECTIONS)]
        asking = asyncio.create_task(get(f"{passage.model_url}/x"))
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done

        idle.pop()[1].close()

        assert (await asyncio.wait_for(asking, SECONDS)).text == "model /x"
        for _, writer in idle:
            writer.close()


async def test_what_comes_too_often_waits_for_its_turn() -> None:
    pace, loop = Pace(burst=10, per_second=1000), asyncio.get_running_loop()
    began = loop.time()
    for _ in range(110):
        await pace.turn()

    assert loop.time() - began >= 0.1
