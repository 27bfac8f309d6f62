"""What a sweep could not look at: where nothing was found because nothing was seen."""

from collections.abc import Sequence

from selfheald.domain.events import Event, Swept
from selfheald.engine.targets import Targets


class Unseen:
    """Listens to one sweep; :meth:`told` says afterwards what it has missed."""

    def __init__(self) -> None:
        self._outcomes: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        """Note a project that could not be swept."""
        if isinstance(event, Swept) and event.outcome != "ok":
            self._outcomes[event.project] = event.outcome

    def told(self, targets: Targets) -> Sequence[str]:
        """One line per organization or project that was not looked at; the log has the errors themselves."""
        return [
            *(f"organization {name} did not say which projects it has" for name in targets.not_contacted),
            *(f"project {name} was not looked at: {problem}" for name, problem in targets.problems.items()),
            *(f"project {name} was not looked at ({outcome})" for name, outcome in self._outcomes.items()),
        ]
