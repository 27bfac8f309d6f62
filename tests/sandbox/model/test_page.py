"""What docs/model.md says about numbers is what the proxy does."""

import pytest
from tests.house.checkout import ROOT

from selfheald.domain.budget import UNBOUNDED_ANSWER
from selfheald.engine.costs import NOTED_EVERY
from selfheald.sandbox.model.asking import BYTES_PER_TOKEN, TOKENS_PER_IMAGE
from selfheald.sandbox.model.hosted import _PARAMETERS
from selfheald.sandbox.model.reply import LARGEST_REQUEST
from selfheald.sandbox.model.watch import TOKENS_PER_SECOND, UNSEEN_ANSWER

PAGE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


@pytest.mark.parametrize(
    "said",
    [
        f"more than {LARGEST_REQUEST >> 20} MiB",
        f"a token for each {BYTES_PER_TOKEN} bytes of the request",
        f"{TOKENS_PER_IMAGE:,} for each image",
        f"or {TOKENS_PER_SECOND} for each second",
        f"at least {UNSEEN_ANSWER:,} for an answer",
        f"hold back {UNBOUNDED_ANSWER:,} tokens",
        f"written down every {'five' if NOTED_EVERY.total_seconds() == 5 else '?'} seconds",
    ],
)
def test_a_number_is_the_programs(said: str) -> None:
    assert said in TEXT


@pytest.mark.parametrize(
    "name", ["mcp_servers", "web_search_options", "prompt", "cachedContent", "service_tier", "speed", "background"]
)
def test_a_parameter_that_is_named_is_taken_out(name: str) -> None:
    assert f"`{name}`" in TEXT
    assert any(name in names for names in _PARAMETERS.values())
