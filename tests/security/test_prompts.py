"""Attacks on the agent by what it reads: the prompt shows them as data, where a naive one has them speak."""

import re

import pytest

from selfheald.domain.default_prompt import DEFAULT_PROMPT
from selfheald.domain.failure import Failure
from selfheald.domain.hygiene import redacted_failure
from selfheald.domain.prompt import render_prompt, variables_of
from tests import builders as make
from tests.security.attacks.prompts import ORDER, PROMPTS, PromptAttack

pytestmark = pytest.mark.slow

MARK = "6f1ed002ab559585"
"""Made by chance for each attempt: no attacker knows it."""

NAIVE = "Branch: {branch}\nCommit: {message}\n{earlier}\n# Job {job} of {block}\n```\n{log}\n```\n"


def _failure(attack: PromptAttack) -> Failure:
    where = attack.where
    job = make.failed_job(
        name=where.get("job", "tests"), block=where.get("block", "unit"), log=where.get("log", "FAILED")
    )
    pipeline = make.pipeline(
        ref=make.branch(where.get("branch", "main")), commit_message=where.get("message", "Break it")
    )
    return make.failure(pipeline=pipeline, jobs=(job,))


def _prompt(attack: PromptAttack) -> str:
    failure = redacted_failure(_failure(attack), lambda text: text)
    variables = variables_of(failure, project=make.project().name, commit=make.sha(), attempt=2)
    earlier = [attack.where["earlier"]] if "earlier" in attack.where else []
    return render_prompt(DEFAULT_PROMPT, variables, failure, earlier, mark=MARK)


def _naive(attack: PromptAttack) -> str:
    words = {"branch": "main", "message": "Break it", "earlier": "", "job": "tests", "block": "unit", "log": "FAILED"}
    return NAIVE.format(**{**words, **attack.where})


def _speaks(prompt: str, fence: str) -> bool:
    """Whether the order stands outside of everything that is marked as data."""
    outside = re.sub(fence, "", prompt, flags=re.DOTALL | re.MULTILINE)
    return ORDER in re.sub(r'"(?:[^"\\\n]|\\.)*"', "", outside)


@pytest.mark.parametrize("attack", PROMPTS, ids=[attack.name for attack in PROMPTS])
def test_it_fails_and_is_seen(attack: PromptAttack) -> None:
    prompt = _prompt(attack)

    assert not _speaks(prompt, rf"^BEGIN {MARK}$.*?^END {MARK}$"), prompt
    assert (ORDER in prompt) is attack.shown  # the attempt's prompt.md keeps it
    assert "<|im_" not in prompt
    assert not re.search(r"[\x1b\u202e\r]", prompt)


@pytest.mark.parametrize("attack", PROMPTS, ids=[attack.name for attack in PROMPTS])
def test_it_succeeds_in_a_naive_prompt(attack: PromptAttack) -> None:
    assert _speaks(_naive(attack), r"^```$.*?^```$")
