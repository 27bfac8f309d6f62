"""Loops, a human's no, and branches that move on: the real daemon in the simulated town."""

from collections import Counter

import pytest
from tests.system.house import BROKEN, PROJECT, SLUG, House, agent, page, until

from selfheald.domain.case import CaseState
from selfheald.domain.ids import PipelineId
from selfheald.domain.reasons import Reason
from selfheald.ports import Verdict
from selfheald.store.open import FILE_NAME, open_store

pytestmark = pytest.mark.system

RIGHT = {"answer.txt": "right\n"}


async def test_our_pull_request_is_closed_with_a_comment_when_the_branch_is_green_again(house: House) -> None:
    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.PROPOSED)

        await house.town.push_files(SLUG, "main", RIGHT, "Put it right by hand")
        case = await house.case(CaseState.WITHDRAWN)

    (pull_request,) = house.pull_requests
    assert case.reason is Reason.BRANCH_GREEN
    assert not pull_request.is_open
    (comment,) = pull_request.comments
    assert "green again without this change" in comment


async def test_the_label_stop_ends_the_case_and_leaves_the_pull_request(house: House) -> None:
    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.PROPOSED)

        house.pull_requests[0].labels.append("selfheal:stop")
        case = await house.case(CaseState.DECLINED)

    assert case.reason is Reason.STOP_LABEL
    assert house.pull_requests[0].is_open


async def test_an_agent_at_work_is_stopped_when_its_branch_is_green_again(house: House) -> None:
    house.settings["agents"]["fixer"]["command"] = ["sh", "-c", "sleep 60"]
    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.HEALING)

        await house.town.push_files(SLUG, "main", RIGHT, "Put it right by hand")
        case = await house.case(CaseState.SUPERSEDED)

        assert case.reason is Reason.BRANCH_GREEN
        await until(lambda: not house.leftovers)
    assert not await house.branches()


async def test_a_fix_that_is_reverted_again_and_again_is_proposed_within_the_limit(house: House) -> None:
    house.settings["defaults"]["limits"]["cases_per_branch"] = "2 per 24h"
    async with house.daemon():
        await house.break_main()
        for number in (1, 2):
            await house.case(CaseState.PROPOSED, number)
            await house.town.github.merge(SLUG, number)
            await house.case(CaseState.HEALED, number)
            reverted = await house.town.push_files(SLUG, "main", BROKEN, 'Revert "selfheal CI: put it back"')
            (pipeline,) = await house.town.finished(reverted)

        assert await put_off(house, pipeline.id) is Reason.CASES_PER_BRANCH
        explained = await house.selfheald("explain", pipeline.id, "--json")

    assert explained.json["reason"] == "cases_per_branch"
    assert len(house.pull_requests) == 2


async def test_a_heal_branch_that_fails_for_ever_uses_up_its_attempts(house: House) -> None:
    house.settings["agents"] = {"fixer": agent("echo wrong again $SELFHEAL_ATTEMPT > answer.txt")}
    async with house.daemon() as running:
        await house.break_main()
        case = await house.case(CaseState.EXHAUSTED)
        ours = [one for one in house.project.pipelines if one.workflow.ref == case.branch]
        reasons = {await house.skipped(pipeline.id) for pipeline in ours}
        _, metrics = await page(running, "/metrics")

    attempts, _ = await house.history(case)
    assert len(attempts) == len(ours) == 3
    assert (case.reason, reasons) == (Reason.ATTEMPTS_USED_UP, {Reason.OWN_BRANCH})
    assert f'decisions_total{{decision="skip",project="{PROJECT}",reason="own_branch"}} 3.0' in metrics
    assert not house.pull_requests


async def test_many_branches_that_fail_at_once_are_healed_within_the_limits(house: House) -> None:
    house.settings["workers"] = 1
    house.settings["defaults"]["limits"]["cases_per_project"] = "3 per 24h"
    commits = [await house.break_main(f"feature/{number}") for number in range(8)]
    async with house.daemon():
        for number in (1, 2, 3):
            await house.case(CaseState.PROPOSED, number)
        verdicts = [await decided(house, (await house.town.finished(commit))[0].id) for commit in commits]

    assert Counter(verdict.decision for verdict in verdicts) == {"heal": 3, "defer": 5}
    assert {verdict.reason for verdict in verdicts} == {Reason.ALLOWED, Reason.CASES_PER_PROJECT}
    assert len(house.pull_requests) == len(await house.branches()) == 3


async def decided(house: House, pipeline_id: str) -> Verdict:
    """What was decided about a pipeline."""
    async with await open_store(house.state / FILE_NAME, read_only=True) as store:
        verdict = await store.journal.verdict(PipelineId(pipeline_id))
    assert verdict
    return verdict


async def put_off(house: House, pipeline_id: str) -> Reason | None:
    """Why a pipeline is put off, as soon as it is."""

    async def decided() -> Verdict | None:
        async with await open_store(house.state / FILE_NAME, read_only=True) as store:
            verdict = await store.journal.verdict(PipelineId(pipeline_id))
        return verdict if verdict and verdict.decision == "defer" else None

    return (await until(decided, what=house.told)).reason
