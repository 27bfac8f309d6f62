"""A human's no, and branches that move on: the real daemon in the simulated town."""

import pytest
from tests.system.house import SLUG, House, until

from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason
from selfheald.simulator.runner import Outcome, Plan

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
    house.settings["defaults"]["superseded_by"] = "pipeline"
    house.settings["agents"]["fixer"]["command"] = ["sh", "-c", "sleep 60"]
    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.HEALING)

        await house.town.push_files(SLUG, "main", RIGHT, "Put it right by hand")
        case = await house.case(CaseState.SUPERSEDED)

        assert case.reason is Reason.BRANCH_GREEN
        await until(lambda: not house.leftovers)
    assert not await house.branches()


async def test_a_newer_commit_stops_a_case_before_its_pipeline_has_ended(house: House) -> None:
    house.town.runner.plans.append(Plan(branches="selfheal-*", outcome=Outcome.NEVER_END))
    async with house.daemon():
        await house.break_main()
        await house.case(CaseState.VALIDATING)

        house.town.runner.plans.append(Plan(branches="main", outcome=Outcome.NEVER_END))
        newer = await house.town.push_files(SLUG, "main", {"notes.txt": "more\n"}, "Go on")
        case = await house.case(CaseState.SUPERSEDED)
        _, history = await house.history(case)

    assert case.reason is Reason.SUPERSEDED
    assert history[-1].note == f"main is at {newer} now"
    assert not house.pull_requests
