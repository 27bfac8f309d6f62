"""Metrics: what users see in /metrics."""

import re
import time
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from tests import builders as make
from tests.fakes.clock import ManualClock

from selfheald import __version__
from selfheald.domain.attempt import AttemptOutcome, Usage
from selfheald.domain.case import Case, CaseState, advance
from selfheald.domain.decision import Defer, Heal, Skip
from selfheald.domain.events import (
    AgentStands,
    ApiRequest,
    AttemptEnded,
    AttemptPhase,
    CaseMoved,
    Decided,
    Event,
    GateRefused,
    Load,
    PipelineSeen,
    Swept,
    Trouble,
)
from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.ids import AgentName, OrganizationName, ProjectName
from selfheald.domain.reasons import Reason
from selfheald.domain.refusal import RefusalKind
from selfheald.web.metrics import Metrics

ACME, BILLING, CODEX = OrganizationName("acme"), ProjectName("billing"), AgentName("codex")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics(clock: ManualClock) -> Metrics:
    return Metrics(clock)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"selfheald_{name}", labels)


def swept(outcome: str = "ok", project: str = "billing") -> Swept:
    return Swept(organization=ACME, project=ProjectName(project), outcome=outcome, seconds=0.2)


def proposed(number: int = 1) -> Case:
    return make.case(id=number, state=CaseState.PROPOSED)


def ended(case: Case, state: CaseState) -> Case:
    return advance(case, state, now=make.later(minutes=30), reason=Reason.MERGED)


EVERYTHING: list[Event] = [
    swept(),
    PipelineSeen(project=BILLING, pipeline=make.pipeline()),
    Decided(project=BILLING, pipeline=make.pipeline(), decision=Heal(approval=False), detection_seconds=12),
    CaseMoved(before=proposed(), after=ended(proposed(), CaseState.HEALED)),
    AttemptPhase(agent=CODEX, phase="agent", seconds=60),
    AttemptEnded(
        project=BILLING,
        attempt=make.attempt(
            outcome=AttemptOutcome.FIXED,
            usage=Usage(model="gpt-5", input_tokens=100, cached_input_tokens=40, output_tokens=7),
            cost_micros=1_500_000,
            findings=(
                Finding(rule="binary", path="a.png", line=0, action=GuardAction.APPROVE, text="not text"),
                Finding(rule="binary", path="b.png", line=0, action=GuardAction.APPROVE, text="not text"),
            ),
        ),
    ),
    ApiRequest(api="github", operation="get_pull", status="200", seconds=0.1),
    Trouble(component="sweep"),
    Load(workers_busy=1, queue_depth=3),
    GateRefused(project=BILLING, kind=RefusalKind.EGRESS),
    AgentStands(agent=AgentName("codex"), paused=True),
]


def test_polls_are_counted_and_timed(metrics: Metrics) -> None:
    metrics.listener(swept())
    metrics.listener(swept("transient"))

    assert value(metrics, "polls_total", organization="acme", outcome="ok") == 1
    assert value(metrics, "polls_total", organization="acme", outcome="transient") == 1
    assert value(metrics, "poll_seconds_count", organization="acme") == 2


def test_staleness_grows_until_a_look_succeeds(metrics: Metrics, clock: ManualClock) -> None:
    metrics.configured([make.project(name=BILLING)])
    clock.move(seconds=90)
    metrics.listener(swept("transient"))
    assert value(metrics, "project_staleness_seconds", project="billing") == 90

    metrics.listener(swept())
    clock.move(seconds=5)

    assert value(metrics, "project_staleness_seconds", project="billing") == 5


def test_a_project_that_nobody_announced_is_stale_from_its_first_look(metrics: Metrics, clock: ManualClock) -> None:
    metrics.listener(swept("refused", project="other"))
    clock.move(seconds=7)

    assert value(metrics, "project_staleness_seconds", project="other") == 7


def test_a_project_that_is_no_longer_configured_leaves_the_gauges(metrics: Metrics) -> None:
    metrics.configured([make.project(name=BILLING), make.project(name=ProjectName("old"))])
    metrics.listener(swept(project="unannounced"))
    assert value(metrics, "projects") == 2

    metrics.configured([make.project(name=BILLING)])

    assert value(metrics, "projects") == 1
    for name in ("old", "unannounced"):
        assert value(metrics, "project_staleness_seconds", project=name) is None
        assert value(metrics, "open_pull_requests", project=name) is None
    assert value(metrics, "open_pull_requests", project="billing") == 0


def test_decisions_are_counted_by_reason_and_detection_is_timed_once(metrics: Metrics) -> None:
    for decision, seconds in (
        (Defer(until=make.NOW, reason=Reason.DETAILS_PENDING), 3.0),
        (Skip(reason=Reason.TAG), None),
        (Heal(approval=True), None),
    ):
        metrics.listener(
            Decided(project=BILLING, pipeline=make.pipeline(), decision=decision, detection_seconds=seconds)
        )

    assert value(metrics, "decisions_total", project="billing", decision="defer", reason="details_pending") == 1
    assert value(metrics, "decisions_total", project="billing", decision="skip", reason="tag") == 1
    assert value(metrics, "decisions_total", project="billing", decision="heal", reason="allowed") == 1
    assert value(metrics, "detection_seconds_sum") == 3


def test_pipelines_are_counted_by_result(metrics: Metrics) -> None:
    metrics.listener(PipelineSeen(project=BILLING, pipeline=make.pipeline()))
    metrics.listener(PipelineSeen(project=BILLING, pipeline=make.pipeline(result=None)))

    assert value(metrics, "pipelines_total", project="billing", result="failed") == 1
    assert value(metrics, "pipelines_total", project="billing", result="unknown") == 1


def test_every_state_and_outcome_is_there_from_the_start(metrics: Metrics) -> None:
    for state in CaseState:
        assert value(metrics, "cases", state=state) == 0
        assert value(metrics, "case_seconds_count", outcome=state) == (0 if state.is_end else None)
    assert value(metrics, "errors_total", component="sweep") == 0
    assert value(metrics, "build_info", version=__version__) == 1


def test_cases_are_taken_over_and_followed(metrics: Metrics) -> None:
    metrics.load([proposed(1), proposed(2), make.case(id=3, state=CaseState.QUEUED)])
    metrics.configured([make.project(name=BILLING)])
    metrics.listener(CaseMoved(before=proposed(1), after=ended(proposed(1), CaseState.HEALED)))
    metrics.listener(CaseMoved(before=None, after=make.case(id=4, state=CaseState.QUEUED)))
    metrics.listener(CaseMoved(before=proposed(2), after=proposed(2)))

    assert value(metrics, "cases", state="proposed") == value(metrics, "cases", state="healed") == 1
    assert value(metrics, "cases", state="queued") == 2
    assert value(metrics, "open_pull_requests", project="billing") == 1
    assert value(metrics, "cases_closed_total", project="billing", outcome="healed") == 1
    assert value(metrics, "case_seconds_count", outcome="healed") == 1


def test_attempts_count_tokens_once_and_cost_in_dollars(metrics: Metrics) -> None:
    metrics.listener(EVERYTHING[5])

    assert value(metrics, "attempts_total", project="billing", agent="codex", outcome="fixed") == 1
    assert value(metrics, "agent_cost_usd_total", project="billing", agent="codex") == 1.5
    for kind, tokens in (("input", 60), ("cached_input", 40), ("output", 7)):
        assert value(metrics, "agent_tokens_total", agent="codex", model="gpt-5", kind=kind) == tokens


def test_tokens_are_counted_by_model(metrics: Metrics) -> None:
    usages = (
        Usage(model="big", input_tokens=100, cached_input_tokens=40, cache_write_tokens=50, output_tokens=7),
        Usage(model="small", input_tokens=3),
    )
    metrics.listener(AttemptEnded(project=BILLING, attempt=make.attempt(usage=usages[0], usages=usages)))

    for kind, tokens in (("input", 10), ("cached_input", 40), ("cache_write", 50), ("output", 7)):
        assert value(metrics, "agent_tokens_total", agent="codex", model="big", kind=kind) == tokens
    assert value(metrics, "agent_tokens_total", agent="codex", model="small", kind="input") == 3


def test_what_the_guards_found_is_counted_by_rule(metrics: Metrics) -> None:
    metrics.listener(EVERYTHING[5])

    assert value(metrics, "guard_findings_total", project="billing", rule="binary", action="approve") == 2


def test_names_of_models_from_outside_are_bounded(metrics: Metrics) -> None:
    for number in range(200):
        usage = Usage(model=f"{number}-{'x' * 500}", output_tokens=1)
        metrics.listener(AttemptEnded(project=BILLING, attempt=make.attempt(usage=usage)))

    page = generate_latest(metrics.registry).decode()
    assert len(re.findall(r"^selfheald_agent_tokens_total\{", page, re.MULTILINE)) == 51
    assert "x" * 81 not in page


def test_requests_trouble_and_load_are_shown(metrics: Metrics) -> None:
    for event in EVERYTHING:
        metrics.listener(event)

    assert value(metrics, "api_requests_total", api="github", operation="get_pull", status="200") == 1
    assert value(metrics, "api_request_seconds_count", api="github", operation="get_pull") == 1
    assert value(metrics, "attempt_seconds_count", agent="codex", phase="agent") == 1
    assert value(metrics, "errors_total", component="sweep") == 1
    assert value(metrics, "gate_refusals_total", project="billing", kind="egress") == 1
    assert value(metrics, "agent_paused", agent="codex") == 1
    assert (value(metrics, "workers_busy"), value(metrics, "queue_depth")) == (1, 3)


def test_the_docs_name_every_metric_with_its_type_and_labels(metrics: Metrics) -> None:
    for event in EVERYTHING:
        metrics.listener(event)
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    told = {
        name: (kind, tuple(sorted(re.findall(r"`(\w+)`", labels))))
        for name, kind, labels in re.findall(r"^\| `(selfheald_\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    }

    suffixes = {"counter": "_total", "info": "_info"}
    real = {
        f"{family.name}{suffixes.get(family.type, '')}": (
            family.type.replace("info", "gauge"),
            tuple(sorted({label for sample in family.samples for label in sample.labels} - {"le"})),
        )
        for family in metrics.registry.collect()
    }

    assert told == real


def test_a_sweep_of_a_thousand_projects_costs_little(metrics: Metrics) -> None:
    metrics.configured([make.project(name=ProjectName(f"p{number}")) for number in range(1000)])
    started = time.monotonic()

    for number in range(1000):
        metrics.listener(swept(project=f"p{number}"))

    assert time.monotonic() - started < 1


def test_what_the_command_line_did_to_a_case_is_counted_once(metrics: Metrics) -> None:
    """Another process cancelled it, so no event tells of that."""
    opened = make.case()
    metrics.listener(CaseMoved(before=None, after=opened))
    cancelled = advance(opened, CaseState.CANCELLED, now=make.NOW, reason=Reason.CANCELLED)

    assert list(metrics.open_cases) == [opened.id]
    metrics.load([cancelled])
    metrics.load([cancelled])

    assert value(metrics, "cases", state="queued") == 0
    assert value(metrics, "cases", state="cancelled") == 1
    assert value(metrics, "cases_closed_total", project=opened.project, outcome="cancelled") == 1
    assert not metrics.open_cases
