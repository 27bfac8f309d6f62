"""Every metric with its name, labels and buckets: names and labels are promises to users."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from selfheald.domain.case import END_STATES, CaseState

_REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds: an API answers within a second, and is given up after a minute."""

_DETECTION_BUCKETS = (1, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600)
"""Seconds: the usual intervals are 30 s and 5 min."""

_ATTEMPT_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200)
"""Seconds: an agent's time limit is 30 min unless configured."""

_CASE_BUCKETS = (60, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400, 259_200, 604_800)
"""Seconds: from a minute to a week, for a pull request waits for people."""

_COMPONENTS = ("sweep", "heal", "case", "github", "store", "schedule")
"""Those that report trouble; shown as 0 before any."""


class Instruments:
    """The instruments, registered. Series whose labels are bounded start at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.build = Info("selfheald_build", "The version that runs.", registry=registry)
        self.projects = self._gauge("projects", "Configured projects.")
        self._polling()
        self._cases()
        self._attempts()
        self._health()
        self._start_at_zero()

    def _polling(self) -> None:
        self.poll_seconds = self._histogram(
            "poll_seconds", "How long a look at a project took.", ("organization",), _REQUEST_BUCKETS
        )
        self.polls = self._counter("polls", "Looks at a project.", ("organization", "outcome"))
        self.detection_seconds = self._histogram(
            "detection_seconds", "From done at Semaphore until decided here.", (), _DETECTION_BUCKETS
        )
        self.pipelines = self._counter("pipelines", "Pipelines that ended, each once.", ("project", "result"))
        self.decisions = self._counter(
            "decisions",
            "Decisions about failed pipelines; a deferred one comes again.",
            ("project", "decision", "reason"),
        )

    def _cases(self) -> None:
        self.cases = self._gauge("cases", "Cases in the store.", ("state",))
        self.cases_closed = self._counter("cases_closed", "Cases that ended.", ("project", "outcome"))
        self.case_seconds = self._histogram(
            "case_seconds", "From a case's opening until its end.", ("outcome",), _CASE_BUCKETS
        )
        self.open_pull_requests = self._gauge("open_pull_requests", "Open pull requests.", ("project",))

    def _attempts(self) -> None:
        self.attempts = self._counter("attempts", "Attempts that ended.", ("project", "agent", "outcome"))
        self.guard_findings = self._counter(
            "guard_findings", "What the guards on the diff found in attempts.", ("project", "rule", "action")
        )
        self.attempt_seconds = self._histogram(
            "attempt_seconds", "How long a part of an attempt took.", ("agent", "phase"), _ATTEMPT_BUCKETS
        )
        self.agent_tokens = self._counter(
            "agent_tokens", "Tokens, as the model counts them.", ("agent", "model", "kind")
        )
        self.agent_cost = self._counter("agent_cost_usd", "Cost by the configured prices.", ("project", "agent"))
        self.gate_refusals = self._counter(
            "gate_refusals", "What the network gate did not let through.", ("project", "kind")
        )
        self.agent_paused = self._gauge("agent_paused", "Whether an agent that failed by itself is paused.", ("agent",))
        self.workers_busy = self._gauge("workers_busy", "Attempts that run now.")
        self.queue_depth = self._gauge("queue_depth", "Cases that wait for a worker.")

    def _health(self) -> None:
        self.api_requests = self._counter(
            "api_requests", "Requests to Semaphore and GitHub.", ("api", "operation", "status")
        )
        self.api_request_seconds = self._histogram(
            "api_request_seconds", "How long a request took.", ("api", "operation"), _REQUEST_BUCKETS
        )
        self.errors = self._counter("errors", "Errors that a component survived.", ("component",))

    def _start_at_zero(self) -> None:
        for state in CaseState:
            self.cases.labels(state)
        for outcome in END_STATES:
            self.case_seconds.labels(outcome)
        for component in _COMPONENTS:
            self.errors.labels(component)

    def _gauge(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"selfheald_{name}", meaning, labels, registry=self._registry)

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"selfheald_{name}", meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"selfheald_{name}", meaning, labels, buckets=buckets, registry=self._registry)
