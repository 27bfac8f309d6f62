"""The variables by which programs find their ways out."""

from collections.abc import Mapping

from selfheald.ports import Passage

KEY_NAME = "SELFHEALD_MODEL_KEY"
"""Holds the word that stands for the model's key, and for the token of Semaphore's tools."""

MODEL_URL_NAME = "SELFHEALD_MODEL_URL"
MCP_URL_NAME = "SELFHEALD_MCP_URL"

LOCAL = "127.0.0.1,localhost,::1"
"""Asked directly: the model, Semaphore's tools, and whatever the agent itself starts."""


def ways_out(passage: Passage | None) -> Mapping[str, str]:
    """What an agent needs to know of its passage; of what is not there nothing."""
    if passage is None:
        return {}
    ways = {KEY_NAME: passage.token, MODEL_URL_NAME: passage.model_url, MCP_URL_NAME: passage.tools_url}
    return {**{name: value for name, value in ways.items() if value}, **_proxy(passage.proxy_url)}


def _proxy(url: str) -> Mapping[str, str]:
    """In both spellings: some programs know the one, some the other."""
    if not url:
        return {}
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")
    return {**dict.fromkeys(names, url), "NO_PROXY": LOCAL, "no_proxy": LOCAL}
