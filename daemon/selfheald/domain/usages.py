"""Usage figures, added up. Pure."""

from collections.abc import Sequence

from selfheald.domain.attempt import Usage


def add_usage(one: Usage, other: Usage) -> Usage:
    """Both together, by the first one's name."""
    return Usage(
        model=one.model,
        input_tokens=one.input_tokens + other.input_tokens,
        cached_input_tokens=one.cached_input_tokens + other.cached_input_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
    )


def total_usage(usages: Sequence[Usage]) -> Usage:
    """All of them together, by the name of the model that was used most."""
    most = max(usages, key=lambda usage: usage.input_tokens + usage.output_tokens, default=Usage())
    total = Usage(model=most.model)
    for usage in usages:
        total = add_usage(total, usage)
    return total
