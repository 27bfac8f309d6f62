"""Ways into raw values of which nobody knows yet whether they are right. What has the wrong type is passed over."""

from collections.abc import Iterator, Mapping

from selfheald.settings.mistakes import Value

Keys = dict[str, Value]


def mapping(value: Value) -> Keys:
    """Give the keys of a value; none when it has none."""
    return value if isinstance(value, dict) else {}


def listed(value: Value) -> list[Value]:
    """Give the items of a list; none when it is no list."""
    return value if isinstance(value, list) else []


def entries(value: Value) -> list[tuple[int, Keys]]:
    """Give the items of a list that have keys, with their places."""
    return [(index, item) for index, item in enumerate(listed(value)) if isinstance(item, dict)]


def secret_variables(raw: Mapping[str, Value]) -> Iterator[str]:
    """Find the names of the variables that hold secrets."""
    levels = [organization for _, organization in entries(raw.get("organizations"))]
    levels += [mapping(raw.get("github")), *map(mapping, mapping(raw.get("agents")).values())]
    for level in levels:
        for key in ("token_env", "api_key_env"):
            name = level.get(key)
            if isinstance(name, str):
                yield name


def passed_variables(raw: Mapping[str, Value]) -> Iterator[str]:
    """Find the names of the variables that agents are given."""
    for agent in mapping(raw.get("agents")).values():
        yield from (name for name in listed(mapping(agent).get("env")) if isinstance(name, str))
