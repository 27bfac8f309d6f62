"""What the gate refused to one attempt: counted, logged, and told to those who watch."""

from collections import Counter
from collections.abc import Callable

import structlog

from selfheald.domain.events import GateRefused
from selfheald.domain.plain import one_line
from selfheald.domain.refusal import Refusal, RefusalKind
from selfheald.ports import Listener, PassageWanted, Redact

log = structlog.get_logger()

MOST = 100
"""Different refusals that are told apart; an agent may ask for any number of things."""

LONGEST = 200
"""Characters of one: a host name has at most 253, and few have more than 60."""

OTHERS = "others"
"""Stands for what is refused once :data:`MOST` are known."""

Refused = Callable[[RefusalKind, str], None]


class Refusals:
    """Counts for one attempt. To be called with each refusal; ``what`` may be anything that an agent has written."""

    def __init__(self, wanted: PassageWanted, *, redact: Redact, listener: Listener) -> None:
        self._wanted = wanted
        self._redact = redact
        self._listener = listener
        self._counts: Counter[tuple[RefusalKind, str]] = Counter()
        self._known: dict[tuple[RefusalKind, str], tuple[RefusalKind, str]] = {}
        """What an agent has written, and how that is told."""

    def __call__(self, kind: RefusalKind, what: str) -> None:
        """Count a refusal. Each different one is logged once: an agent may ask as often as it likes."""
        self._listener(GateRefused(project=self._wanted.project, kind=kind))
        written = kind, what[: 2 * LONGEST]
        key = self._known.get(written) or self._learnt(*written)
        self._counts[key] += 1

    def _learnt(self, kind: RefusalKind, written: str) -> tuple[RefusalKind, str]:
        """How something is told; once there are many, nothing is looked at any more, which would take time."""
        if len(self._known) >= MOST:
            return kind, OTHERS
        key = self._known[kind, written] = kind, one_line(self._redact(written), LONGEST)
        if key not in self._counts:
            log.info("gate_refused", kind=kind, what=key[1])
        return key

    def counted(self) -> tuple[Refusal, ...]:
        """All so far, in the order in which they came first."""
        return tuple(Refusal(kind=kind, what=what, count=count) for (kind, what), count in self._counts.items())
