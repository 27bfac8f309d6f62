"""The conditions language's front door: Semaphore's ``when`` expressions, as master (1.4.0) evaluates them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Self

from selfheald.domain.conditions.evaluation import Program, run
from selfheald.domain.conditions.functions import Function
from selfheald.domain.conditions.grammar import parse
from selfheald.domain.conditions.syntax import Call, Keyword

__all__ = ["Condition", "Function"]

PARSED = 512
"""How many expressions are kept parsed: more than any configuration names."""
NO_FUNCTIONS: Mapping[str, Function] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression such as ``branch = 'main' AND result = 'failed'``."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check an expression; raises ConditionError with Semaphore's wording."""
        _program(text)
        return cls(text)

    def evaluate(
        self,
        inputs: Mapping[str, object],
        functions: Mapping[str, Function] = NO_FUNCTIONS,
        *,
        dry_run: bool = False,
    ) -> bool:
        """Tell whether the condition holds; raises ConditionError only.

        ``inputs`` has the keywords' values by lower-case name; a missing one is an error if the expression names it
        anywhere. In a dry run functions are checked but not called, and answer false.
        """
        return run(_program(self.text), inputs, functions, dry_run=dry_run)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The keywords used, in the order of their first use."""
        return tuple(dict.fromkeys(step.name for step in _program(self.text).steps if isinstance(step, Keyword)))

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions used, in the order of their first use."""
        return tuple(dict.fromkeys(step.name for step in _program(self.text).steps if isinstance(step, Call)))

    def calls(self, function: str) -> tuple[tuple[object, ...], ...]:
        """The parameters of each call of a function, from left to right."""
        return tuple(call.params for call in _program(self.text).calls if call.name == function)


@lru_cache(maxsize=PARSED)
def _program(text: str) -> Program:
    return Program.of(parse(text))
