"""Faults of a simulated Semaphore, to be switched on by a test or by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong. Each is something that the real API is known to do."""

    INTERNAL_ERROR = "internal_error"
    """500 with the JSON string ``"Internal error"``: how an overload looks."""
    EDGE_FORBIDDEN = "edge_forbidden"
    """403 from the edge, in plain text: its authentication service is slow."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """504 from the edge. ``seconds`` delays it."""
    DELAY = "delay"
    """The right answer, ``seconds`` late."""
    FALSE_NOT_FOUND = "false_not_found"
    """404 ``Not Found`` for something that is there."""
    PIPELINE_VANISHED = "pipeline_vanished"
    """400 ``"Pipeline with id: ... not found"`` for a whole page."""
    EMPTY_LIST = "empty_list"
    """200 with an empty list: permissions could not be read."""
    CONNECTION_RESET = "connection_reset"
    """The connection is reset, with no answer."""
    TRUNCATED_JSON = "truncated_json"
    """200 with the first half of the body."""
    LATE_DONE = "late_done"
    """Finished pipelines still look running: ``done_at`` was stamped, the state comes later."""
    MISSING_RESULT = "missing_result"
    """Finished pipelines come without their result keys."""
    SELF_HOSTED_LOGS = "self_hosted_logs"
    """A job's log answers as for a self-hosted agent: 302 to another address."""
    MISSING_LOG = "missing_log"
    """404 with a JSON string for a log that was there."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault, for the next ``times`` matching requests."""

    kind: FaultKind
    operation: str | None = None
    """The operation that it hits, e.g. ``list_pipelines``; ``None`` hits every one."""
    times: int | None = 1
    """How often; ``None`` is for ever."""
    seconds: float = 0.0
    """How long the answer is held back."""
    when: Callable[[str, str], bool] | None = None
    """Hits only requests for whose path and raw query string this is true."""
    hits: int = 0
    """How often it has hit."""

    def matches(self, operation: str, path: str, query: str) -> bool:
        """Whether it hits this request."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.operation not in {None, operation}:
            return False
        return self.when is None or self.when(path, query)


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults that are switched on, first come first hit."""

    active: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on."""
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        """Switch every fault off."""
        self.active.clear()

    def take(self, operation: str, path: str, query: str) -> Fault | None:
        """The fault that hits this request, if any; it counts as used once."""
        for fault in self.active:
            if fault.matches(operation, path, query):
                fault.hits += 1
                if fault.times is not None and fault.hits >= fault.times:
                    self.active.remove(fault)
                return fault
        return None
