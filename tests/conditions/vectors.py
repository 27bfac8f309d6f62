"""The vectors: what Semaphore's own implementation of the language answered."""

import json
from pathlib import Path
from typing import Any

from selfheald.domain.conditions.errors import ConditionError
from selfheald.domain.conditions.language import Condition
from selfheald.domain.conditions.recorded import described_functions

FOLDER = Path(__file__).parent / "vectors"
KINDS = {"missing_keyword": "missing_input"}
"""Kinds that the vectors name otherwise."""


def read(name: str) -> list[dict[str, Any]]:
    """Read a file of vectors; ``place`` says where each one stands."""
    lines = (FOLDER / f"{name}.jsonl").read_bytes().splitlines()
    return [json.loads(line) | {"place": f"{name}-{number}"} for number, line in enumerate(lines, 1)]


def answer(vector: dict[str, Any]) -> tuple[object, str | None, str | None]:
    """Evaluate one vector: the result or ``"error"``, the error's kind and its text."""
    functions = described_functions(vector.get("functions", {}))
    try:
        condition = Condition.parse(vector["expr"])
        return condition.evaluate(vector["inputs"], functions, dry_run=vector.get("dry_run", False)), None, None
    except ConditionError as error:
        return "error", error.kind, str(error)


def agrees(vector: dict[str, Any]) -> bool:
    result, kind, _ = answer(vector)
    wanted = vector.get("error_kind")
    return result is vector["expect"] or (
        result == vector["expect"] and (not wanted or KINDS.get(wanted, wanted) == kind)
    )
