"""Metrics: events counted, and what is true now. ``docs/metrics.md`` explains each."""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Iterator
from typing import assert_never

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from selfheald import __version__
from selfheald.domain.attempt import Usage
from selfheald.domain.case import Case, CaseState
from selfheald.domain.decision import Decision, Defer, Heal, Skip
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
from selfheald.domain.ids import AgentName, CaseId, ProjectName
from selfheald.domain.policy import Project
from selfheald.domain.reasons import Reason
from selfheald.ports import Clock
from selfheald.web.instruments import Instruments

_MODELS = 50
"""Names of models that get a series; the rest is ``other``: the names come from outside."""

_LONGEST_NAME = 80
"""Characters of a model's name."""


Place = tuple[CaseState, ProjectName]
"""Where a case is counted."""


class Metrics:
    """All metrics of the daemon, in a registry of its own. Give :meth:`listener` every event."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._metrics = Instruments(self.registry)
        self._metrics.build.info({"version": __version__})
        self._swept: dict[ProjectName, float] = {}
        self._open_pull_requests: Tally[ProjectName] = Tally()
        self._models: set[str] = set()
        self._cases: dict[CaseId, Place] = {}
        self.registry.register(_Staleness(clock, self._swept))

    def configured(self, projects: Iterable[Project]) -> None:
        """Tell which projects are configured, at the start and after each reload. Former ones leave the gauges."""
        names = {project.name for project in projects}
        self._metrics.projects.set(len(names))
        for name in self._swept.keys() - names:
            del self._swept[name]
            self._metrics.open_pull_requests.remove(name)
        for name in names:
            self._swept.setdefault(name, self._clock.monotonic())
            self._metrics.open_pull_requests.labels(name).set(self._open_pull_requests[name])

    def load(self, cases: Iterable[Case]) -> None:
        """Take over cases as the store has them: at the start, and when somebody else may have changed them."""
        for case in cases:
            self._see(case, self._cases.get(case.id))

    @property
    def open_cases(self) -> Collection[CaseId]:
        """The cases that are open as far as is known here."""
        return [case for case, (state, _) in self._cases.items() if not state.is_end]

    def listener(self, event: Event) -> None:  # noqa: C901 - one case for each event
        """Count an event. Neither blocks nor raises."""
        match event:
            case Swept():
                self._on_swept(event)
            case PipelineSeen():
                result = event.pipeline.result or "unknown"
                self._metrics.pipelines.labels(event.project, result).inc()
            case Decided():
                self._on_decided(event)
            case CaseMoved():
                self._on_case(event)
            case AttemptPhase():
                self._metrics.attempt_seconds.labels(event.agent, event.phase).observe(event.seconds)
            case AttemptEnded():
                self._on_attempt(event)
            case ApiRequest():
                self._metrics.api_requests.labels(event.api, event.operation, event.status).inc()
                self._metrics.api_request_seconds.labels(event.api, event.operation).observe(event.seconds)
            case Trouble():
                self._metrics.errors.labels(event.component).inc()
            case Load():
                self._metrics.workers_busy.set(event.workers_busy)
                self._metrics.queue_depth.set(event.queue_depth)
            case AgentStands():
                self._metrics.agent_paused.labels(event.agent).set(event.paused)
            case GateRefused():
                self._metrics.gate_refusals.labels(event.project, event.kind).inc()
            case _:
                assert_never(event)

    def _on_swept(self, event: Swept) -> None:
        self._metrics.poll_seconds.labels(event.organization).observe(event.seconds)
        self._metrics.polls.labels(event.organization, event.outcome).inc()
        if event.outcome == "ok":
            self._swept[event.project] = self._clock.monotonic()
        else:
            self._swept.setdefault(event.project, self._clock.monotonic())

    def _on_decided(self, event: Decided) -> None:
        decision, reason = _words(event.decision)
        self._metrics.decisions.labels(event.project, decision, reason).inc()
        if event.detection_seconds is not None:
            self._metrics.detection_seconds.observe(event.detection_seconds)

    def _on_case(self, event: CaseMoved) -> None:
        self._see(event.after, self._cases.get(event.after.id, _place(event.before) if event.before else None))

    def _see(self, case: Case, before: Place | None) -> None:
        """Count a case where it is now, and no longer where it was."""
        after = _place(case)
        if before == after:
            return
        if case.id in self._cases and before is not None:
            self._count(before, -1)
        self._count(after, 1)
        self._cases[case.id] = after
        if before is not None and case.state.is_end:
            self._metrics.cases_closed.labels(case.project, case.state).inc()
            ended = case.closed_at or case.updated_at
            self._metrics.case_seconds.labels(case.state).observe((ended - case.opened_at).total_seconds())

    def _count(self, place: Place, change: int) -> None:
        state, project = place
        self._metrics.cases.labels(state).inc(change)
        if state is CaseState.PROPOSED:
            self._open_pull_requests[project] += change
        self._metrics.open_pull_requests.labels(project).set(self._open_pull_requests[project])

    def _on_attempt(self, event: AttemptEnded) -> None:
        attempt = event.attempt
        self._metrics.attempts.labels(event.project, attempt.agent, attempt.outcome or "unknown").inc()
        self._metrics.agent_cost.labels(event.project, attempt.agent).inc(max(0, attempt.cost_micros) / 1_000_000)
        for finding in attempt.findings:
            self._metrics.guard_findings.labels(event.project, finding.rule, finding.action).inc()
        for usage in attempt.usages or (attempt.usage,):
            self._on_usage(attempt.agent, usage)

    def _on_usage(self, agent: AgentName, usage: Usage) -> None:
        model = self._model(usage.model)
        for kind, tokens in (
            ("input", usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens),
            ("cached_input", usage.cached_input_tokens),
            ("cache_write", usage.cache_write_tokens),
            ("output", usage.output_tokens),
        ):
            if tokens > 0:
                self._metrics.agent_tokens.labels(agent, model, kind).inc(tokens)

    def _model(self, name: str) -> str:
        """Bound the names of models: a provider may answer with any."""
        name = name[:_LONGEST_NAME] or "unknown"
        if name not in self._models and len(self._models) >= _MODELS:
            return "other"
        self._models.add(name)
        return name


def _place(case: Case) -> Place:
    return case.state, case.project


def _words(decision: Decision) -> tuple[str, Reason]:
    match decision:
        case Heal():
            return "heal", Reason.ALLOWED
        case Skip():
            return "skip", decision.reason
        case Defer():
            return "defer", decision.reason
        case _:
            assert_never(decision)


class _Staleness(Collector):
    """Computed when it is asked for: it grows by itself."""

    def __init__(self, clock: Clock, swept: dict[ProjectName, float]) -> None:
        self._clock = clock
        self._swept = swept

    def describe(self) -> Iterator[Metric]:
        """Give the family without its values."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """Give each project's staleness now. May run in another thread than the listener."""
        family, now = self._family(), self._clock.monotonic()
        for name, swept in sorted(self._swept.copy().items()):
            family.add_metric([name], max(0.0, now - swept))
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "selfheald_project_staleness_seconds",
            "Since the last successful look at the project, or since the start.",
            labels=["project"],
        )
