"""Functions whose answers were written down, as ``when reduce`` takes them: name, parameters, result."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from selfheald.domain.conditions.functions import Function, FunctionError
from selfheald.domain.conditions.values import fingerprint

ANY_NUMBER = range(20_001)
"""Allowed numbers of parameters where nothing was said about them: more than an expression can hold."""


class ShapeError(ValueError):
    """A description of functions is not of a known shape."""


class Foreign:
    """Something that a host's function gave and that is no answer at all."""

    def __init__(self, shown: object) -> None:
        self._shown = shown

    def __str__(self) -> str:
        return json.dumps(self._shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call gives."""

    name: str
    params: Sequence[object] | None
    """``None``: whatever the parameters are."""
    result: object

    def fits(self, params: Sequence[object]) -> bool:
        """Tell whether it answers these parameters (JSON equality)."""
        return self.params is None or fingerprint(list(self.params)) == fingerprint(list(params))


def functions_of(answers: Sequence[Answer]) -> dict[str, Function]:
    """Make functions that give the recorded answers, and refuse any other parameters."""
    named: dict[str, list[Answer]] = {}
    for answer in answers:
        named.setdefault(answer.name, []).append(answer)
    return {name: _function(of_name) for name, of_name in named.items()}


def _function(answers: list[Answer]) -> Function:
    def answer(params: Sequence[object], _inputs: Mapping[str, object]) -> object:
        for recorded in answers:
            if recorded.fits(params):
                return recorded.result
        raise FunctionError("no answer is known for these parameters")

    counts = {len(recorded.params) for recorded in answers if recorded.params is not None}
    open_ended = any(recorded.params is None for recorded in answers)
    return Function(arities=ANY_NUMBER if open_ended else tuple(sorted(counts)), answer=answer)


def described_functions(description: object) -> dict[str, Function]:
    """Read functions from JSON; raises ShapeError for any other shape.

    Either a list of ``{"name", "params", "result"}`` (without ``params``: any), or an object of functions by name, each
    with ``arity`` (a list) and what it gives: ``cases`` (``params``, ``result``), then ``error``, ``raw`` (an answer of
    no known kind), ``returns_param`` (a position), ``returns_input`` (a name) or ``result``.
    """
    if isinstance(description, dict):
        return {name: _Described.read(function).function() for name, function in description.items()}
    if not isinstance(description, list):
        raise ShapeError('"functions" must be a list or an object')
    return functions_of([_answer(item) for item in description])


def _answer(item: object, **known: object) -> Answer:
    item = {**item, **known} if isinstance(item, dict) else {}
    if not isinstance(item.get("name"), str):
        raise ShapeError('a function must be an object with a "name"')
    params = item.get("params")
    if params is not None and not isinstance(params, list):
        raise ShapeError('the "params" of a function must be a list')
    return Answer(name=item["name"], params=params, result=item.get("result"))


@dataclass(frozen=True, slots=True)
class _Described:
    arities: Sequence[int]
    cases: Sequence[Answer]
    otherwise: Mapping[str, object]

    @classmethod
    def read(cls, description: object) -> Self:
        if not isinstance(description, dict):
            raise ShapeError("a function must be an object")
        arities = description.get("arity", ANY_NUMBER)
        cases = description.get("cases", [])
        if not isinstance(arities, list | range) or not isinstance(cases, list):
            raise ShapeError('"arity" and "cases" of a function must be lists')
        return cls(arities, [_answer(case, name="") for case in cases], description)

    def function(self) -> Function:
        return Function(arities=self.arities, answer=self._answered)

    def _answered(self, params: Sequence[object], inputs: Mapping[str, object]) -> object:
        for case in self.cases:
            if case.fits(params):
                return case.result
        told = self.otherwise
        if "error" in told:
            raise FunctionError(told["error"])
        if "raw" in told:
            return Foreign(told["raw"])
        if "returns_param" in told:
            return next((param for position, param in enumerate(params) if position == told["returns_param"]), None)
        return inputs.get(str(told["returns_input"])) if "returns_input" in told else told.get("result")
