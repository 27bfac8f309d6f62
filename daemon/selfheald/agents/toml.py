"""Values as TOML, for what is set by arguments. Pure."""

import json
from collections.abc import Mapping


def toml(value: object) -> str:
    """Write a value as TOML, whose strings, numbers and booleans are JSON's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
