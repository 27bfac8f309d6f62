"""What attempts may read, and what several passages used together."""

from tests import builders as make

from selfheald.domain.attempt import Usage
from selfheald.domain.ids import JobId, PipelineId, WorkflowId
from selfheald.domain.refusal import Refusal, RefusalKind
from selfheald.domain.zone import Budget, Metered, joined, proxy_variables, scope_of


def test_an_attempt_may_read_the_first_workflow_and_the_one_on_our_branch() -> None:
    first = make.pipeline(id=PipelineId("p1"), workflow_id=WorkflowId("w1"))
    later = make.pipeline(id=PipelineId("p2"), workflow_id=WorkflowId("w2"))
    failure = make.failure(pipeline=later, jobs=(make.failed_job(id=JobId("j")),))

    scope = scope_of(first, failure)

    assert (scope.organization_id, scope.project_id) == (later.organization_id, later.project_id)
    assert scope.workflow_ids == {"w1", "w2"}
    assert scope.pipeline_ids == {"p1", "p2"}
    assert scope.job_ids == {"j"}


def test_a_budget_tells_only_what_it_bounds() -> None:
    assert Budget().bounds() == {}
    assert Budget(attempt_micros=5_000_000, tokens=7).bounds() == {"attempt_micros": 5_000_000, "tokens": 7}


def test_nothing_together_is_nothing() -> None:
    assert joined([]) == Metered(usages=[], refusals=[])


def test_several_passages_add_up() -> None:
    host = Refusal(kind=RefusalKind.EGRESS, what="a.example:443", count=2)
    tool = Refusal(kind=RefusalKind.TOOL, what="a.example:443")
    usage = Usage(model="m", input_tokens=1)

    together = joined(
        [
            Metered(usages=[usage], cost_micros=3, refusals=[host, tool]),
            Metered(cost_micros=4, over_budget="day", refusals=[host]),
            Metered(over_budget="tokens"),
        ]
    )

    assert (together.usages, together.cost_micros, together.over_budget) == ([usage], 7, "day")
    assert together.refusals == [Refusal(kind=RefusalKind.EGRESS, what="a.example:443", count=4), tool]


def test_programs_find_the_proxy_by_their_environment() -> None:
    found = proxy_variables("http://127.0.0.1:61128")

    assert found["https_proxy"] == found["HTTP_PROXY"] == "http://127.0.0.1:61128"
    assert found["no_proxy"] == found["NO_PROXY"] == "127.0.0.1,localhost,::1"


def test_without_a_proxy_nothing_is_said_about_one() -> None:
    assert proxy_variables("") == {}
