"""Budgets at the model proxy: what is used up, which one it was, and what an agent is told."""

import asyncio
from typing import Any

import pytest
from tests.sandbox.model.forms import CHAT, GEMINI, MESSAGES, RESPONSES, Form
from tests.sandbox.model.provider import goes_on, provider, says
from tests.sandbox.model.rig import proxied
from tests.sandbox.model.test_passing import each_form
from tests.sandbox.model.test_troubles import until

from selfheald.domain.prices import PriceTable
from selfheald.domain.zone import Budget

COST = 600 * 2 + 400 // 2 + 50 * 10
"""Of the answer of each form."""


@each_form
async def test_when_a_budget_is_used_up_the_model_is_not_asked_any_more(form: Form) -> None:
    async with provider(says(form.whole)) as model, proxied(model.url, budget=Budget(attempt_micros=2500)) as agent:
        first, second, third = [await agent.ask(form, **small(form)) for _ in range(3)]

        assert [answer.status_code for answer in (first, second, third)] == [200, 400, 400]
        assert "limits.cost_usd_per_attempt" in second.json()["error"]["message"]
        assert (len(model.seen), agent.proxy.metered().over_budget) == (1, "attempt")
        assert agent.refusals == ["budget attempt", "budget attempt"]
        assert agent.proxy.metered().cost_micros == COST


@pytest.mark.parametrize(
    ("budget", "name", "told"),
    [
        (
            Budget(attempt_micros=5, project_micros=2, day_micros=5),
            "project",
            "the project's `limits.cost_usd_per_day`",
        ),
        (Budget(attempt_micros=5, project_micros=5, day_micros=2), "day", "`cost_usd_per_day` of all projects"),
        (Budget(tokens=20), "tokens", "`limits.tokens_per_attempt`"),
    ],
)
async def test_it_is_told_which_one_it_was(budget: Budget, name: str, told: str) -> None:
    async with provider(says({})) as model, proxied(model.url, budget=budget) as agent:
        answer = await agent.ask(RESPONSES)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "budget_used_up")
        assert told in answer.json()["error"]["message"]
        assert (model.seen, agent.proxy.metered().over_budget) == ([], name)


async def test_without_a_budget_nothing_is_used_up() -> None:
    async with provider(says(RESPONSES.whole)) as model, proxied(model.url) as agent:
        assert (await agent.ask(RESPONSES)).status_code == 200
        assert agent.proxy.metered().over_budget == ""


async def test_without_prices_money_is_no_bound_but_tokens_are_counted() -> None:
    budget = Budget(attempt_micros=0)
    async with (
        provider(says(RESPONSES.whole)) as model,
        proxied(model.url, prices=PriceTable(), budget=budget) as agent,
    ):
        assert (await agent.ask(RESPONSES)).status_code == 200
        assert agent.proxy.metered().usages == (RESPONSES.usage,)


@pytest.mark.parametrize(
    ("form", "asked", "bound"),
    [
        (RESPONSES, {}, "max_output_tokens"),
        (RESPONSES, {"max_output_tokens": 5000}, "max_output_tokens"),
        (CHAT, {"max_tokens": 5000}, "max_tokens"),
        (CHAT, {"max_completion_tokens": 5000}, "max_completion_tokens"),
        (MESSAGES, {}, "max_tokens"),
        (GEMINI, {}, "maxOutputTokens"),
        (GEMINI, {"generationConfig": {"temperature": 1, "maxOutputTokens": 5000}}, "maxOutputTokens"),
    ],
)
async def test_an_answer_is_bounded_to_what_is_left(form: Form, asked: dict[str, Any], bound: str) -> None:
    async with provider(says(form.whole)) as model, proxied(model.url, budget=Budget(attempt_micros=10_000)) as agent:
        await agent.ask(form, **asked)

        body = model.seen[0].json
        assert 990 <= body.get("generationConfig", body)[bound] < 1000


@pytest.mark.parametrize("form", [RESPONSES, CHAT, MESSAGES])
async def test_a_smaller_bound_stays(form: Form) -> None:
    async with provider(says(form.whole)) as model, proxied(model.url, budget=Budget(attempt_micros=10_000)) as agent:
        await agent.ask(form, **small(form))

        assert model.seen[0].json == form.ask | small(form)


async def test_an_answer_that_could_only_think_is_not_asked_for() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    async with provider(says({})) as model, proxied(model.url, budget=Budget(attempt_micros=10_000)) as agent:
        answer = await agent.ask(MESSAGES, thinking=thinking)

        assert (answer.status_code, model.seen, agent.proxy.metered().over_budget) == (400, [], "attempt")


async def test_a_server_that_may_not_know_the_bound_is_told_none() -> None:
    async with provider(says(CHAT.whole)) as model, proxied(model.url, budget=Budget(attempt_micros=10_000)) as agent:
        await agent.ask(CHAT)

        assert model.seen[0].json == CHAT.ask


async def test_requests_at_the_same_time_wait_for_each_other_when_little_is_left() -> None:
    async with provider() as model, proxied(model.url, budget=Budget(attempt_micros=50_000)) as agent:
        model.answers += [goes_on(model), says(RESPONSES.whole)]
        first = asyncio.create_task(agent.ask(RESPONSES, max_output_tokens=4900))
        await until(lambda: model.seen)
        second = asyncio.create_task(agent.ask(RESPONSES, max_output_tokens=4900))
        await until(lambda: len(agent.proxy._under_way) == 2)
        assert len(model.seen) == 1
        first.cancel()

        assert (await second).status_code == 200
        assert model.seen[1].json["max_output_tokens"] < 1000
        assert agent.proxy.metered().over_budget == ""
        assert agent.proxy.metered().cost_micros <= 50_000


def small(form: Form) -> dict[str, Any]:
    """A request whose answer is short, so that the first one fits."""
    bound = {"responses": "max_output_tokens", "chat": "max_tokens", "messages": "max_tokens"}.get(form.name)
    return {bound: 100} if bound else {"generationConfig": {"maxOutputTokens": 100}}
