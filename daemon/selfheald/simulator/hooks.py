"""What the simulated servers tell about the requests they got."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

REMEMBERED_REQUESTS = 5000
"""How many requests are kept: enough for a test's questions, small enough to run for days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request that a simulated server has answered."""

    api: str
    """Which server: ``semaphore``, ``semaphore-mcp``, ``github`` or ``git``."""
    operation: str
    """What was asked in the server's own word, e.g. ``list_pipelines``; ``unknown`` when no route matched.
    A call of the MCP server is named after its tool."""
    method: str
    path: str
    query: str
    """The raw query string, without the question mark; of the MCP server, the body."""
    status: int
    """The status that was answered; 0 when the connection was cut instead."""
    token: str | None
    """The credential that came with the request, whatever its scheme; ``None`` without one."""
    host: str = ""
    """The Host header as sent."""


Listener = Callable[[RequestRecord], None]


@dataclass(slots=True, kw_only=True)
class Hooks:
    """Keeps the newest requests and tells them to listeners, in the order in which they were answered."""

    listeners: list[Listener] = field(default_factory=list)
    requests: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=REMEMBERED_REQUESTS))

    def record(self, record: RequestRecord) -> None:
        """Keep one request and tell every listener."""
        self.requests.append(record)
        for listener in self.listeners:
            listener(record)

    def count(self, operation: str) -> int:
        """How many of the kept requests were for this operation."""
        return sum(1 for request in self.requests if request.operation == operation)
