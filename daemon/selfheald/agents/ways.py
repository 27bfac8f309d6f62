"""The variables by which programs find their ways out."""

from collections.abc import Mapping

from selfheald.domain.zone import proxy_variables
from selfheald.ports import Passage

KEY_NAME = "SELFHEALD_MODEL_KEY"
"""Holds the word that stands for the model's key, and for the token of Semaphore's tools."""

MODEL_URL_NAME = "SELFHEALD_MODEL_URL"
MCP_URL_NAME = "SELFHEALD_MCP_URL"


def ways_out(passage: Passage | None) -> Mapping[str, str]:
    """What an agent needs to know of its passage; of what is not there nothing."""
    if passage is None:
        return {}
    ways = {KEY_NAME: passage.token, MODEL_URL_NAME: passage.model_url, MCP_URL_NAME: passage.tools_url}
    return {**{name: value for name, value in ways.items() if value}, **proxy_variables(passage.proxy_url)}
