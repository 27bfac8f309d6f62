"""Conditions with ``change_in``: git is asked when the decision depends on it, and only then."""

from pathlib import Path
from typing import Any

from tests import builders as make
from tests.engine.rig import Rig

from selfheald.domain.conditions.language import Condition
from selfheald.domain.decide import trace
from selfheald.domain.errors import TransientError
from selfheald.domain.observation import Check
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.reasons import Reason

BILLING = "change_in('/billing/', {default_branch: 'main'})"


def rig_with(state_dir: Path, when: str = BILLING) -> Rig:
    return Rig(state_dir, project=make.project(when=Condition.parse(when)))


def feature(rig: Rig, files: dict[str, str], **overrides: Any) -> Pipeline:
    """A pipeline that failed on a branch that changed these files since it left ``main``."""
    repositories = rig.repositories
    start = repositories.add(make.REPOSITORY, {"cents.py": "broken\n"}, branch="main")
    commit = repositories.add(make.REPOSITORY, {"cents.py": "broken\n"} | files, parent=start, branch="feature")
    return rig.failing(**{"commit": commit, "ref": make.branch("feature")} | overrides)


async def reason_of(rig: Rig, pipeline: Pipeline) -> Reason | None:
    await rig.sweep()
    verdict = await rig.store.journal.verdict(pipeline.id)
    assert verdict
    return verdict.reason


async def condition_of(rig: Rig, pipeline: Pipeline) -> Check:
    await rig.targets.refresh(make.project().organization)
    target = rig.targets.get(make.PROJECT)
    assert target
    checks = trace(await rig.decider.observe(target, pipeline))
    return next(check for check in checks if "`when`" in check.question)


async def test_a_branch_that_changed_the_files_is_healed(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)

    assert await reason_of(rig, feature(rig, {"billing/tax.py": "x"})) is Reason.ALLOWED


async def test_a_branch_that_changed_other_files_is_not_healed(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)

    assert await reason_of(rig, feature(rig, {"orders/list.py": "x"})) is Reason.CONDITION_FALSE


async def test_a_push_to_the_default_branch_counts_by_its_last_commit(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    pipeline = feature(rig, {"billing/tax.py": "x"}, ref=make.branch("main"))

    assert await reason_of(rig, pipeline) is Reason.ALLOWED


async def test_a_push_of_several_commits_counts_from_what_was_built_before(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    repositories = rig.repositories
    built = repositories.add(make.REPOSITORY, {"cents.py": "right\n"}, branch="main")
    rig.ci.put(make.passed_pipeline(id="before", commit=built, created_at=make.ago(hours=1)))
    first = repositories.add(make.REPOSITORY, {"cents.py": "right\n", "billing/tax.py": "x"}, parent=built)
    second = {"cents.py": "right\n", "billing/tax.py": "x", "orders/list.py": "x"}
    pipeline = rig.failing(commit=repositories.add(make.REPOSITORY, second, parent=first, branch="main"))

    assert await reason_of(rig, pipeline) is Reason.ALLOWED


async def test_a_pull_request_counts_from_where_it_left_its_target(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, "change_in('/billing/')")
    head = feature(rig, {"billing/tax.py": "x"})
    request = rig.code_host.add_pull_request(make.REPOSITORY, head_branch="feature", head_commit=head.commit)
    rig.code_host.set_branch(make.REPOSITORY, "feature", head.commit)
    pipeline = rig.failing(id="ppl-pr", ref=make.pull_request_ref(request.number), commit=make.sha(99))
    rig.ci.pipelines.pop(head.id)

    assert await reason_of(rig, pipeline) is Reason.ALLOWED


async def test_a_default_branch_that_does_not_exist_is_an_error_of_the_condition(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, "change_in('/billing/')")
    pipeline = feature(rig, {"billing/tax.py": "x"})

    assert await reason_of(rig, pipeline) is Reason.CONDITION_ERROR
    assert "Unknown git reference 'master'." in (await condition_of(rig, pipeline)).saw


async def test_while_git_cannot_be_read_the_decision_is_put_off(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    pipeline = feature(rig, {"billing/tax.py": "x"})
    rig.repositories.errors["changes_in_range"] = [TransientError("git: no network")]

    assert await reason_of(rig, pipeline) is Reason.UNAVAILABLE

    rig.clock.move(minutes=3)
    assert await reason_of(rig, pipeline) is Reason.ALLOWED


async def test_git_is_not_asked_without_the_function(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, "branch = 'feature'")

    assert await reason_of(rig, feature(rig, {})) is Reason.ALLOWED
    assert "changes_in_range" not in rig.repositories.calls


async def test_git_is_not_asked_when_the_decision_has_fallen_already(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)

    assert await reason_of(rig, feature(rig, {}, file=".semaphore/deploy.yml")) is Reason.PIPELINE_FILE
    assert "changes_in_range" not in rig.repositories.calls


async def test_the_explanation_counts_the_files_even_when_the_decision_has_fallen_already(tmp_path: Path) -> None:
    rig = rig_with(tmp_path)
    pipeline = feature(rig, {"billing/tax.py": "x", "readme": "x"}, file=".semaphore/deploy.yml")

    check = await condition_of(rig, pipeline)

    assert check.allows
    assert check.saw.endswith(
        f"; main...{pipeline.commit}: 2 changed files; change_in of /billing/: yes",
    )
