"""The network gate in the whole product: what an agent and the project's checks reach, and what they do not."""

import asyncio
import shlex

import pytest
from tests.gate.proxying import server
from tests.system.house import FIX, House, agent, events, page

from selfheald.domain.case import CaseState
from selfheald.domain.refusal import Refusal, RefusalKind

pytestmark = pytest.mark.system

ASK = (
    'ask() { exec 3<>"/dev/tcp/127.0.0.1/${http_proxy##*:}"; '
    'printf "GET %s HTTP/1.0\\r\\n\\r\\n" "$1" >&3; cat <&3; }; '
)
"""A client in a line: bash opens the connection to the proxy, whose port it finds in its environment."""

REFUSED = ("http://127.0.0.1:9/", "http://registry.example.com/package", "http://registry.example.com/package")


def bash(script: str) -> str:
    """A line of ``sh`` that has bash run a script."""
    return f"bash -c {shlex.quote(ASK + script)}"


async def packages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A registry with one package."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = b"the answer is right\n" if b"GET /answer HTTP/1.1" in head else b"nothing\n"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    writer.close()


async def test_an_allowed_host_is_reached_and_all_others_are_refused_and_told(house: House) -> None:
    asked = "; ".join(f"ask {address} | head -1" for address in REFUSED)
    async with server(packages) as port:
        directly = f"(exec 4<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null || echo no way around"
        looking = bash(f"ask http://127.0.0.1:{port}/answer; {asked}; {directly}")
        house.settings["egress"] = [f"127.0.0.1:{port}"]
        house.settings["agents"] = {"fixer": agent(f"{looking}; {FIX}")}
        house.settings["defaults"]["verify"] = [bash(f"ask http://127.0.0.1:{port}/answer | grep -q right")]

        async with house.daemon() as running:
            await house.break_main()
            case = await house.case(CaseState.PROPOSED)
            (attempt,), _ = await house.history(case)
            _, metrics = await page(running, "/metrics")

    said = (house.state / attempt.folder / "transcript.txt").read_text()
    assert "the answer is right" in said
    assert said.count("403 Forbidden") == len(REFUSED)
    assert "no way around" in said
    expected = (
        Refusal(kind=RefusalKind.EGRESS, what="127.0.0.1:9"),
        Refusal(kind=RefusalKind.EGRESS, what="registry.example.com:80", count=2),
    )
    assert attempt.refusals == expected
    assert 'selfheald_gate_refusals_total{kind="egress",project="billing"} 3.0' in metrics
    told = [(line["case"], line["what"]) for line in events(running, "gate_refused")]
    assert told == [(case.id, one.what) for one in expected]
    shown = await house.selfheald("case", str(case.id))
    assert "refused by the gate" in shown.out
    assert "registry.example.com:80" in shown.out
    (plain,) = (await house.selfheald("case", str(case.id), "--json")).json["attempts"]
    assert plain["refusals"][1] == {"kind": "egress", "what": "registry.example.com:80", "count": 2}
