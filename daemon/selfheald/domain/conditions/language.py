"""The conditions language's front door."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Condition:
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text)

    def evaluate(self, inputs: Mapping[str, str]) -> bool:
        raise NotImplementedError
