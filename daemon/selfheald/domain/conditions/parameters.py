"""``${{ parameters.NAME }}`` and ``%{{ }}``: filled in as text before a pipeline's conditions are read.

Nothing is quoted: a value with ``'`` in it breaks the condition, or becomes part of it. That is Semaphore's behaviour.
"""

import json
import re
from collections.abc import Mapping

from selfheald.domain.conditions.templates import evaluated

EXPRESSION = re.compile(r"([$%])\{\{([^(}})]+)\}\}")
PARAMETER = re.compile(r"parameters\.([a-zA-Z0-9_]+)")


def filled_in(text: str, environment: Mapping[str, str]) -> str:
    """Replace the expressions; an unset or empty variable gives its own name. Raises ConditionError."""
    if EXPRESSION.search(text) is None:
        return text

    def replacement(found: re.Match[str]) -> str:
        return _written(found[1], evaluated(_with_values(found[2], environment)))

    return EXPRESSION.sub(replacement, text).strip()


def _with_values(template: str, environment: Mapping[str, str]) -> str:
    def quoted(found: re.Match[str]) -> str:
        return json.dumps(environment.get(found[1]) or found[1])

    return PARAMETER.sub(quoted, template)


def _written(mark: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if mark == "%" and isinstance(value, int | float):
        return json.dumps(value)
    return str(value)
