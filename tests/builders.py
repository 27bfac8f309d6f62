"""Domain values for tests: sensible defaults, and any field by keyword.

``pipeline(result=Result.PASSED)`` reads as "a pipeline that passed; the rest does not matter".
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case, CaseState, NewCase, advance, branch_of
from selfheald.domain.conditions.language import Condition
from selfheald.domain.failure import FailedJob, Failure
from selfheald.domain.history import History
from selfheald.domain.ids import (
    AgentName,
    AttemptId,
    CaseId,
    JobId,
    OrganizationName,
    PipelineId,
    ProjectName,
    Sha,
    Slug,
    WorkflowId,
)
from selfheald.domain.pipeline import Pipeline, Ref, RefKind, Result, State, Trigger
from selfheald.domain.policy import (
    BranchFilter,
    Choice,
    Limits,
    Mode,
    Project,
    PullRequestPolicy,
    Rate,
    SupersededBy,
    Target,
    Validation,
)
from selfheald.domain.proposal import PullRequest, PullRequestState

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""The present of most tests: a Monday, noon."""

WHEN = "result = 'failed' AND branch !~ '^selfheal-.*'"
PROJECT = ProjectName("billing")
REPOSITORY = Slug("acme/billing")
AGENT = AgentName("codex")


def sha(number: int = 1) -> Sha:
    """Make a commit id out of a small number; the same number gives the same id."""
    return Sha(f"{number:040x}")


def ago(**parts: float) -> datetime:
    """Give an instant before :data:`NOW`: ``ago(minutes=5)``."""
    return NOW - timedelta(**parts)


def later(**parts: float) -> datetime:
    """Give an instant after :data:`NOW`: ``later(minutes=5)``."""
    return NOW + timedelta(**parts)


def branch(name: str = "main") -> Ref:
    """A branch as what was built."""
    return Ref(kind=RefKind.BRANCH, name=name)


def tag(name: str = "v1.0.0") -> Ref:
    """A tag as what was built."""
    return Ref(kind=RefKind.TAG, name=name)


def pull_request_ref(number: int = 7) -> Ref:
    """A pull request as what was built."""
    return Ref(kind=RefKind.PULL_REQUEST, name=str(number))


def pipeline(**overrides: Any) -> Pipeline:
    """A pipeline of ``main`` that failed a few minutes ago. ``id`` may be any text."""
    default = Pipeline(
        id=PipelineId("ppl-1"),
        project_id="project-1",
        organization_id="organization-1",
        workflow_id=WorkflowId("workflow-1"),
        name="Pipeline",
        file=".semaphore/semaphore.yml",
        ref=branch(),
        commit=sha(),
        commit_message="Round to the nearest cent",
        state=State.DONE,
        result=Result.FAILED,
        reason="test",
        error="",
        created_at=ago(minutes=10),
        done_at=ago(minutes=2),
        promotion_of=None,
        partial_rerun_of=None,
        triggered_by=Trigger.HOOK,
        rerun_of=None,
    )
    return replace(default, **overrides)


def passed_pipeline(**overrides: Any) -> Pipeline:
    """A pipeline of ``main`` that passed."""
    return pipeline(**{"result": Result.PASSED, "reason": ""} | overrides)


def running_pipeline(**overrides: Any) -> Pipeline:
    """A pipeline of ``main`` that has not ended."""
    return pipeline(**{"state": State.RUNNING, "result": None, "reason": "", "done_at": None} | overrides)


def failed_job(**overrides: Any) -> FailedJob:
    """A job that failed, with a short log."""
    default = FailedJob(
        id=JobId("job-1"),
        name="Unit tests",
        block="Test",
        result="failed",
        log="E   assert 1 == 2\nFAILED tests/test_cents.py::test_rounding\n",
    )
    return replace(default, **overrides)


def failure(**overrides: Any) -> Failure:
    """A failed pipeline with one failed job."""
    return replace(Failure(pipeline=pipeline(), jobs=(failed_job(),)), **overrides)


def new_case(**overrides: Any) -> NewCase:
    """A case about to be opened for :func:`pipeline`; ``commit`` follows the pipeline unless given."""
    built = overrides.get("pipeline", pipeline())
    default = NewCase(
        project=PROJECT,
        repository=REPOSITORY,
        pipeline=built,
        commit=built.commit,
        source_branch="main",
        state=CaseState.QUEUED,
        opened_at=NOW,
    )
    return replace(default, **overrides)


def case(**overrides: Any) -> Case:
    """A queued case for :func:`pipeline`; what follows from the pipeline and the commit does so unless given."""
    built: Pipeline = overrides.get("pipeline", pipeline())
    commit = overrides.get("commit", built.commit)
    default = Case(
        id=CaseId(1),
        version=1,
        project=PROJECT,
        repository=REPOSITORY,
        pipeline=built,
        commit=commit,
        source_branch="main",
        branch=branch_of(commit),
        state=CaseState.QUEUED,
        reason=None,
        opened_at=NOW,
        updated_at=NOW,
        due_at=NOW,
        base=commit,
        failed_pipeline=built.id,
    )
    return replace(default, **overrides)


def attempt(**overrides: Any) -> Attempt:
    """A running first attempt of :func:`case`."""
    default = Attempt(
        id=AttemptId(1),
        case_id=CaseId(1),
        number=1,
        agent=AGENT,
        base=sha(),
        started_at=NOW,
        folder="cases/1/1",
    )
    return replace(default, **overrides)


def limits(**overrides: Any) -> Limits:
    """The limits of the annotated configuration."""
    default = Limits(
        attempts_per_commit=1,
        attempts_per_case=3,
        cases_per_branch=Rate(count=3, window=timedelta(hours=24)),
        cases_per_project=Rate(count=10, window=timedelta(hours=24)),
        open_pull_requests=5,
        cost_usd_per_day=Decimal(20),
        cooldown=timedelta(minutes=30),
    )
    return replace(default, **overrides)


def history(**overrides: Any) -> History:
    """Nothing has happened before."""
    return replace(History(), **overrides)


def project(**overrides: Any) -> Project:
    """A project with the defaults of the annotated configuration, in mode ``heal``."""
    default = Project(
        name=PROJECT,
        organization=OrganizationName("acme"),
        repository=REPOSITORY,
        agent=AGENT,
        mode=Mode.HEAL,
        when=overrides["when"] if "when" in overrides else Condition.parse(WHEN),
        branches=BranchFilter(include=("**",), exclude=("selfheal-*", "dependabot/**", "renovate/**")),
        pipeline_files=(".semaphore/semaphore.yml",),
        tags=Choice.SKIP,
        own_pull_requests=Choice.HEAL,
        forked_pull_requests=Choice.SKIP,
        superseded_by=SupersededBy.COMMIT,
        prompt="Heal the pipeline $SEMAPHORE_PIPELINE_ID.",
        verify=(),
        limits=limits(),
        validation=Validation(timeout=timedelta(hours=2), start_timeout=timedelta(minutes=10)),
        pull_request=PullRequestPolicy(
            base="source", title="Selfheal CI: {summary}", labels=("selfheal",), reviewers=(), draft=False
        ),
        protected_paths=(".semaphore/**", ".github/**", "**/CODEOWNERS"),
    )
    return replace(default, **overrides)


def target(**overrides: Any) -> Target:
    """A project together with what Semaphore says about it."""
    chosen: Project = overrides.get("project", project())
    default = Target(
        project=chosen,
        project_id="project-1",
        organization_id="organization-1",
        repository=chosen.repository or REPOSITORY,
    )
    return replace(default, **overrides)


def pull_request(**overrides: Any) -> PullRequest:
    """An open pull request of ours against ``main``."""
    default = PullRequest(
        repository=REPOSITORY,
        number=7,
        url="https://github.com/acme/billing/pull/7",
        state=PullRequestState.OPEN,
        title="Selfheal CI: round to the nearest cent",
        body="",
        base_branch="main",
        head_branch=branch_of(sha()),
        head_repository=REPOSITORY,
        head_commit=sha(2),
        labels=("selfheal",),
    )
    return replace(default, **overrides)


def advance_to_healing(queued: Case, *, owner: str, until: datetime) -> Case:
    """A queued case, claimed."""
    return advance(queued, CaseState.HEALING, now=NOW, lease_owner=owner, lease_until=until)
