"""Loops, a human's no, and branches that move on: the real daemon in the simulated town."""

import pytest
from tests.system.house import BROKEN, SLUG, House, until

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


async def put_off(house: House, pipeline_id: str) -> Reason | None:
    """Why a pipeline is put off, as soon as it is."""

    async def decided() -> Verdict | None:
        async with await open_store(house.state / FILE_NAME, read_only=True) as store:
            verdict = await store.journal.verdict(PipelineId(pipeline_id))
        return verdict if verdict and verdict.decision == "defer" else None

    return (await until(decided, what=house.told)).reason
