"""What an agent asks of Semaphore, held to the failing workflow: only what :func:`pin` gives may leave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from selfheald.domain.plain import one_line
from selfheald.domain.tools import forms
from selfheald.domain.tools.reach import Id, Reach
from selfheald.domain.tools.rules import RULES, WRITE_TOOLS, Rule

SHOWN_IDS = 20
"""Ids that a refusal names: the agent is to correct itself, not to read a list."""

QUOTED = 80
"""Characters of what an agent wrote that are told again."""

FILLED_IN = frozenset({Id.ORGANIZATION, Id.PROJECT})
"""Of these there is one only, so it need not be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A question that may leave."""

    name: str
    arguments: Mapping[str, Any]
    """Complete, and nothing else: ids within reach as Semaphore writes them, the rest in good form."""
    window: str = ""
    """As :attr:`Rule.window`."""
    at: int | None = None
    """Which part of the answer is wanted: of a log what is before this part, of a content what is after so many
    characters. ``None``: its newest part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A question that is no question; the agent may correct itself."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfReach:
    """A question about what is not the failing workflow's, or for a tool that is not offered."""

    text: str
    """For the agent: what is allowed."""
    what: str
    """For people: one line."""
    may_belong: bool = False
    """Whether it is a pipeline or job that may belong to the failing workflow: it has to be looked up."""


def pin(name: str, arguments: Mapping[str, Any], reach: Reach) -> Pinned | Mistake | OutOfReach:
    """Hold a question to what is within reach."""
    rule = RULES.get(name)
    if rule is None:
        return _not_offered(name)
    try:
        return _Pinning(name, rule, arguments, reach).pinned()
    except forms.WrongFormError as wrong:
        return Mistake(text=str(wrong))
    except _OutOfReachError as refused:
        return refused.answer


class _OutOfReachError(Exception):
    def __init__(self, answer: OutOfReach) -> None:
        super().__init__(answer.text)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Pinning:
    name: str
    rule: Rule
    given: Mapping[str, Any]
    reach: Reach

    def pinned(self) -> Pinned:
        cursor, at = self._window()
        asked = {**self._ids(), **self._chosen(), **dict(self._texts()), **cursor, **self.rule.fixed}
        return Pinned(name=self.name, arguments=asked, window=self.rule.window, at=at)

    def _ids(self) -> Mapping[str, str]:
        return {argument: self._id(argument, kind) for argument, kind in self.rule.ids.items()}

    def _chosen(self) -> Mapping[str, str]:
        if not self.rule.choices:
            return {}
        scope = self.given.get("scope")
        choice = self.rule.choices.get(scope.strip()) if isinstance(scope, str) else None
        if scope == "projects":
            raise self._refusal("scope", "projects", "the project's artifacts are not the failing workflow's alone")
        if choice is None or not isinstance(scope, str):
            raise forms.WrongFormError(f"scope must be one of [{' '.join(self.rule.choices)}]")
        argument, kind = choice
        return {"scope": scope.strip(), argument: self._id(argument, kind)}

    def _id(self, argument: str, kind: Id) -> str:
        value = self.given.get(argument)
        if value is None or value == "":
            if kind in FILLED_IN and (known := self.reach.all_of(kind)):
                return known[0]
            raise forms.WrongFormError(f"{argument} is required. {self._allowed(kind)}")
        if not isinstance(value, str):
            raise forms.WrongFormError(f"{argument} must be a string. {self._allowed(kind)}")
        found = self.reach.find(kind, value)
        if found is None:
            may_belong = kind in {Id.PIPELINE, Id.JOB} and bool(forms.uuids_in(value))
            raise self._refusal(argument, value, self._allowed(kind), may_belong=may_belong)
        return found

    def _texts(self) -> Iterator[tuple[str, str | int]]:
        for argument in self.rule.texts:
            value = forms.formed(argument, self.given.get(argument))
            if value is not None:
                self._hold(argument, str(value))
                yield argument, value
            elif argument in self.rule.required:
                raise forms.WrongFormError(f"{argument} is required")

    def _hold(self, argument: str, text: str) -> None:
        """No id of something else leaves in a text. A path may hold any: it is below what is within reach."""
        if argument != "path" and not all(self.reach.holds(each) for each in forms.uuids_in(text)):
            raise self._refusal(argument, text, "it names an id that is not the failing workflow's")

    def _window(self) -> tuple[Mapping[str, str], int | None]:
        match self.rule.window:
            case "log":
                cursor, before = forms.log_cursor(self.given.get("cursor"))
                return ({"cursor": cursor} if cursor else {}), before
            case "content":
                return {}, forms.offset(self.given.get("cursor"))
            case _:
                return {}, None

    def _allowed(self, kind: Id) -> str:
        known = self.reach.all_of(kind)
        if not known:
            return "Call tasks_list first." if kind is Id.TASK else f"No {kind} of the failing workflow is known."
        more = " and others of the failing workflow" if len(known) > SHOWN_IDS else ""
        return f"Allowed: {', '.join(known[:SHOWN_IDS])}{more}."

    def _refusal(self, argument: str, value: str, why: str, *, may_belong: bool = False) -> _OutOfReachError:
        told = one_line(value, QUOTED)
        text = f"Refused: {argument} {told!r} is not the failing workflow's. {why[:1].upper()}{why[1:]}"
        return _OutOfReachError(
            OutOfReach(text=text, what=f"{self.name} {argument}={told}", may_belong=may_belong),
        )


def _not_offered(name: str) -> OutOfReach:
    told = one_line(name, QUOTED)
    why = "it does not only read" if name in WRITE_TOOLS else "there is no such tool"
    return OutOfReach(text=f"Refused: {told!r}: {why}. Tools: {', '.join(RULES)}.", what=told or "(no name)")
