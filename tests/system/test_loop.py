"""The whole loop: a failed pipeline becomes a pull request that CI has passed."""

from pathlib import Path

import pytest
from tests.sandbox.processes import token
from tests.system.house import BROKEN, FIX, PROJECT, SLUG, SUMMARY, House, agent, events, page
from tests.system.scripted_model import Say, Shell, scripted_model

from selfheald.domain.attempt import AttemptOutcome
from selfheald.domain.case import CaseState
from selfheald.domain.reasons import Reason
from selfheald.simulator.bare import run_git
from selfheald.simulator.state import JobResult, PullRequestHead

pytestmark = pytest.mark.system

CODEX = Path(__file__).parents[2] / ".tools" / "node_modules" / ".bin" / "codex"
BILLED = {
    "api_key_env": "OPENAI_API_KEY",
    "model": "gpt-5.5",
    "prices": {"input": 2, "cached_input": 0.5, "output": 10},
}


async def test_a_failed_pipeline_becomes_a_pull_request_and_its_merge_heals(house: House) -> None:
    async with house.daemon():
        commit = await house.break_main()
        case = await house.case(CaseState.PROPOSED)

        (pull_request,) = house.pull_requests
        assert (pull_request.base, pull_request.head) == ("main", f"selfheal-{commit}")
        assert pull_request.title == f"Selfheal CI: {SUMMARY}"
        assert pull_request.labels == ["selfheal"]
        assert case.pull_request_url.endswith(f"/{SLUG}/pull/1")

        await house.town.github.merge(SLUG, 1)
        assert (await house.case(CaseState.HEALED)).reason is Reason.MERGED
    assert await run_git(house.town.github.path(SLUG), "show", "main:answer.txt") == "right\n"


async def test_the_branch_is_one_commit_on_the_failed_one_with_its_trailers(house: House) -> None:
    async with house.daemon():
        commit = await house.break_main()
        await house.case(CaseState.PROPOSED)

    git = house.town.github.path(SLUG)
    ours = (await house.branches())[f"selfheal-{commit}"]
    assert (await run_git(git, "rev-list", f"{commit}..{ours}")).split() == [ours]
    assert (await run_git(git, "diff", "--name-only", commit, ours)).split() == ["answer.txt"]
    message = await run_git(git, "log", "-1", "--format=%B", ours)
    assert message.startswith(f"selfheal CI: {SUMMARY}\n")


async def test_a_closed_pull_request_is_a_lasting_no(house: House) -> None:
    async with house.daemon():
        commit = await house.break_main()
        await house.case(CaseState.PROPOSED)
        house.town.github.close(SLUG, 1)
        assert (await house.case(CaseState.DECLINED)).reason is Reason.CLOSED_BY_HUMAN

        again = house.town.world.push(house.project, commit_sha=commit).pipeline
        again.finish("failed", jobs=[JobResult(name="Unit tests", result="failed")])

        assert await house.skipped(again.id) is Reason.DECLINED
    assert len(house.pull_requests) == len(await house.cases()) == 1


async def test_the_real_codex_heals_by_a_scripted_model(house: House) -> None:
    if not CODEX.exists():
        pytest.fail("codex is not installed: run tests/system/tools.sh")
    key = token()
    house.environment["OPENAI_API_KEY"] = key
    async with scripted_model([Shell(command=FIX), Say(text="I put it back.")], key=key) as model:
        house.settings["agents"] = {
            "codex": {"kind": "codex", "binary": str(CODEX), "base_url": model.url, **BILLED},
        }
        async with house.daemon() as running:
            await house.break_main()
            case = await house.case(CaseState.PROPOSED)
            metrics = await running.metrics()

    (attempt,) = (await house.history(case))[0]
    assert (attempt.outcome, attempt.summary, attempt.message) == (AttemptOutcome.FIXED, SUMMARY, "I put it back.")
    assert (attempt.usage.input_tokens, attempt.usage.output_tokens, attempt.cost_micros) == (2000, 100, 3800)
    assert 'selfheald_agent_tokens_total{agent="codex",kind="output",model="gpt-5.5"} 100.0' in metrics
    assert "FAILED: the answer is wrong" in str(model.requests[0])
    (pull_request,) = house.pull_requests
    assert "| 1 | `codex` (`gpt-5.5`) | fixed | 2,000 | 100 | 0.0038 USD |" in (pull_request.body or "")
    assert key not in str([path.read_text(errors="replace") for path in house.state.rglob("attempts/*/*")])


async def test_a_fix_that_fails_ci_is_fed_back_until_it_passes(house: House) -> None:
    first = "[ $SELFHEAL_ATTEMPT = 1 ] && echo worse > answer.txt && exit"
    seen = "grep -q 'the answer is worse' $1 && grep -q 'Attempt 1: fixed' $1 || exit 3"
    house.settings["agents"] = {"fixer": agent(f"{first}; {seen}; {FIX}")}

    async with house.daemon():
        commit = await house.break_main()
        case = await house.case(CaseState.PROPOSED)

    attempts, _ = await house.history(case)
    assert [attempt.outcome for attempt in attempts] == [AttemptOutcome.FIXED, AttemptOutcome.FIXED]
    assert attempts[1].base == attempts[0].commit
    git, ours = house.town.github.path(SLUG), (await house.branches())[f"selfheal-{commit}"]
    assert (await run_git(git, "rev-list", "--count", f"{commit}..{ours}")).strip() == "2"
    assert len(house.pull_requests) == 1


async def test_another_branch_gets_its_pull_request_onto_itself(house: House) -> None:
    async with house.daemon():
        commit = await house.break_main(branch="feature/prices")
        case = await house.case(CaseState.PROPOSED)

    assert (case.source_branch, case.branch) == ("feature/prices", f"selfheal-{commit}")
    assert [pull_request.base for pull_request in house.pull_requests] == ["feature/prices"]


async def test_our_own_branches_are_never_healed(house: House) -> None:
    async with house.daemon():
        await house.break_main()
        case = await house.case(CaseState.PROPOSED)
        head = PullRequestHead(number=1, sha=case.pushed or "", branch=case.branch, slug=SLUG)
        for how in ({"pull_request": head}, {"branch": case.branch}):
            pipeline = house.town.world.push(house.project, **how).pipeline
            pipeline.finish("failed", jobs=[JobResult(name="Unit tests", result="failed")])
            reason = Reason.OWN_PULL_REQUEST if "pull_request" in how else Reason.OWN_BRANCH
            assert await house.skipped(pipeline.id) is reason

    assert len(await house.cases()) == len(await house.branches()) == 1


async def test_a_pull_request_of_the_repository_is_healed_at_its_head(house: House) -> None:
    house.settings["defaults"]["branches"] = {"include": ["main", "wip/*"]}
    async with house.daemon():
        house.project.pipeline_file = ".semaphore/other.yml"  # the push alone is to build nothing
        commit = await house.town.push_files(SLUG, "wip/prices", BROKEN, "Work on prices")
        house.project.pipeline_file = ".semaphore/semaphore.yml"
        asked = house.town.github.add_pull_request(SLUG, head="wip/prices", head_sha=commit)
        head = PullRequestHead(number=asked.number, sha=commit, branch="wip/prices", slug=SLUG)
        pipeline = house.town.world.push(house.project, pull_request=head).pipeline
        pipeline.finish("failed", jobs=[JobResult(name="Unit tests", result="failed", log_text="FAILED")])
        case = await house.case(CaseState.PROPOSED)

    assert (case.commit, case.source_branch) == (commit, "wip/prices")
    assert [(it.base, it.head) for it in house.pull_requests[1:]] == [("wip/prices", f"selfheal-{commit}")]


async def test_what_the_daemon_did_is_in_its_log_and_metrics(house: House) -> None:
    async with house.daemon() as running:
        await house.break_main()
        await house.case(CaseState.PROPOSED)
        status, metrics = await page(running, "/metrics")

    assert status == 200
    assert f'selfheald_decisions_total{{decision="heal",project="{PROJECT}",reason="allowed"}} 1.0' in metrics
    assert f'selfheald_attempts_total{{agent="fixer",outcome="fixed",project="{PROJECT}"}} 1.0' in metrics
    assert [line["after"] for line in events(running, "case_moved")] == ["validating", "publishing", "proposed"]
    (finished,) = events(running, "attempt_finished")
    assert (finished["outcome"], finished["case"], finished["state"]) == ("fixed", 1, "pushing")
