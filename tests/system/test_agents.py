"""The real coding agents through the whole product: sandbox, gate, model proxy and tools gateway, to a pull request."""

import json

import pytest
from tests.system.house import FIX, SUMMARY, House
from tests.system.scripted_model import Ask, Say, Shell, Step, scripted_model
from tests.system.zone import KEY, MODELS, base_url, program

from selfheald.agents.build import KINDS
from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason

pytestmark = [pytest.mark.system, pytest.mark.slow]

SECONDS = 150.0
"""For an agent's whole attempt on a busy machine."""

IDS = {"pipeline_id": "$Pipeline ID", "organization_id": "$Organization ID"}
LOOK = Ask(tool="pipeline_jobs", arguments=IDS)


def use(house: House, kind: str, url: str, **more: object) -> None:
    """Let the project's agent be of this kind, and Semaphore's MCP server be there."""
    house.environment["MODEL_KEY"] = KEY
    house.settings["organizations"][0]["mcp_url"] = f"{house.town.semaphore_url}/mcp"
    house.settings["agents"] = {
        kind: {
            "kind": kind,
            "binary": str(program(kind)),
            "api_key_env": "MODEL_KEY",
            "base_url": url,
            "model": MODELS[kind],
            "prices": {"input": 2, "cached_input": 0.5, "output": 10},
            **more,
        }
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_it_asks_semaphore_fixes_the_tree_and_becomes_a_pull_request(kind: str, house: House) -> None:
    async with scripted_model([LOOK, Shell(command=FIX), Say(text="I put it back.")], key=KEY) as model:
        use(house, kind, base_url(kind, model))
        async with house.daemon() as running:
            await house.break_main()
            case = await house.case(CaseState.PROPOSED, seconds=SECONDS)
            logs = "\n".join(map(str, running.lines))

    (attempt,) = (await house.history(case))[0]
    assert (attempt.agent, attempt.outcome, attempt.summary) == (kind, AttemptOutcome.FIXED, SUMMARY)
    assert attempt.message == "I put it back."
    assert not attempt.refusals or kind == "opencode"  # which asks npm's registry, whatever it is told
    asked = len(model.requests)
    assert (attempt.usage.input_tokens, attempt.cost_micros) == (1000 * asked, 1900 * asked)
    (call,) = [record for record in house.town.world.hooks.requests if record.operation == "pipeline_jobs"]
    assert (call.api, case.failed_pipeline in call.query or case.pipeline.id in call.query) == ("semaphore-mcp", True)
    assert "Unit tests" in json.dumps(model.requests[-1])
    assert [one.title for one in house.pull_requests] == [f"Selfheal CI: {SUMMARY}"]
    kept = [path.read_text(errors="replace") for path in house.state.rglob("*") if path.is_file()]
    assert KEY not in "".join([*kept, logs, json.dumps(model.requests)])


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_changes_nothing_ends_the_case(kind: str, house: House) -> None:
    house.settings["defaults"]["limits"]["attempts_per_case"] = 1
    async with scripted_model([Say(text="It is not the code.")], key=KEY) as model:
        use(house, kind, base_url(kind, model))
        async with house.daemon():
            await house.break_main()
            case = await house.case(CaseState.NOT_FIXABLE, seconds=SECONDS)

    (attempt,) = (await house.history(case))[0]
    assert (attempt.outcome, attempt.message) == (AttemptOutcome.NO_CHANGE, "It is not the code.")
    assert case.reason is Reason.NO_CHANGE


async def test_another_agent_stands_in_for_one_whose_model_is_down(house: House) -> None:
    script: list[Step] = [Shell(command=FIX), Say(text="I put it back.")]
    async with scripted_model(script, key=KEY) as model, scripted_model(script, key="another") as down:
        use(house, "codex", model.url)
        mine = house.settings["agents"]["codex"]
        house.settings["agents"]["first"] = {**mine, "base_url": down.url, "fallback": ["codex"]}
        house.settings["defaults"]["agent"] = "first"
        async with house.daemon() as running:
            await house.break_main()
            case = await house.case(CaseState.PROPOSED, seconds=SECONDS)
            metrics = await running.metrics()

    attempts = (await house.history(case))[0]
    assert [(one.agent, one.outcome) for one in attempts] == [
        ("first", AttemptOutcome.AUTH_ERROR),
        ("codex", AttemptOutcome.FIXED),
    ]
    assert 'selfheald_agent_paused{agent="codex"} 0.0' in metrics
