"""The scripted model in each of its wire forms."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from tests.system.scripted_model import Ask, Cut, Fail, Refuse, Reject, Say, Shell, Step, scripted_model

KEY = "sk-right"
TEXT = "All is well."
GEMINI = "/v1beta/models/m1"
TOOLS: Mapping[str, Mapping[str, Any]] = {
    "/v1/responses": {"tools": [{"type": "function", "name": "exec_command"}]},
    "/v1/messages": {"tools": [{"name": "Bash"}, {"name": "mcp__semaphore__jobs_describe"}]},
    "/v1/chat/completions": {
        "tools": [{"function": {"name": "bash"}}, {"function": {"name": "semaphore_jobs_describe"}}]
    },
    f"{GEMINI}:streamGenerateContent": {"tools": [{"functionDeclarations": [{"name": "run_shell_command"}]}]},
}
RESULT: Mapping[str, Mapping[str, Any]] = {
    "/v1/responses": {"input": [{"type": "function_call_output"}]},
    "/v1/messages": {"messages": [{"content": [{"type": "tool_result"}]}]},
    "/v1/chat/completions": {"messages": [{"role": "tool"}], "stream_options": {"include_usage": True}},
    f"{GEMINI}:streamGenerateContent": {"contents": [{"parts": [{"functionResponse": {}}]}]},
}
KEYS = {
    "/v1/responses": "authorization",
    "/v1/messages": "x-api-key",
    "/v1/chat/completions": "authorization",
    f"{GEMINI}:streamGenerateContent": "x-goog-api-key",
}


async def ask(
    path: str, steps: list[Step], body: Mapping[str, Any], *, stream: bool = True, key: str = KEY
) -> tuple[int, str]:
    shown = f"Bearer {key}" if KEYS[path] == "authorization" else key
    where = path if stream else path.replace("streamGenerate", "generate")
    async with scripted_model(steps, key=KEY) as model, httpx.AsyncClient() as client:
        answer = await client.post(
            f"{model.origin}{where}", headers={KEYS[path]: shown}, json={"model": "m1", "stream": stream, **body}
        )
        assert [asked.path for asked in model.asked] == [where]
    return answer.status_code, answer.text


@pytest.mark.parametrize("path", KEYS)
async def test_the_step_follows_the_number_of_results(path: str) -> None:
    steps: list[Step] = [Shell(command="ls -la"), Say(text=TEXT)]

    first, then = await ask(path, steps, TOOLS[path]), await ask(path, steps, {**TOOLS[path], **RESULT[path]})

    assert (first[0], then[0]) == (200, 200)
    assert "ls -la" in first[1]
    assert TEXT in then[1]


@pytest.mark.parametrize("path", KEYS)
async def test_usage_is_told_in_a_stream_and_in_one_piece(path: str) -> None:
    streamed = await ask(path, [Say(text=TEXT)], RESULT[path])
    whole = await ask(path, [Say(text=TEXT)], RESULT[path], stream=False)

    assert json.loads(whole[1])
    assert all("400" in text and TEXT in text for _, text in (streamed, whole))


@pytest.mark.parametrize("path", KEYS)
async def test_a_wrong_key_is_refused(path: str) -> None:
    assert (await ask(path, [Say(text=TEXT)], {}, key="sk-wrong"))[0] == 401


@pytest.mark.parametrize("path", KEYS)
async def test_faults_are_in_the_forms_own_words(path: str) -> None:
    status, text = await ask(path, [Fail(status=429, message="slow down")], {})
    cut = await ask(path, [Cut()], {})
    rejected = await ask(path, [Reject(code="overloaded", message="too much")], {})
    refused = await ask(path, [Refuse(text="never")], {})

    assert (status, json.loads(text)["error"]["message"]) == (429, "slow down")
    assert TEXT not in cut[1]
    assert "too much" in rejected[1]
    assert any(sign in refused[1] for sign in ("never", "SAFETY"))


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_a_tool_is_called_by_the_name_under_which_it_is_offered(path: str) -> None:
    _, text = await ask(path, [Ask(tool="jobs_describe", arguments={"job_id": "7"})], TOOLS[path])

    assert any(name in text for name in ("mcp__semaphore__jobs_describe", '"semaphore_jobs_describe"'))
    assert "job_id" in text


async def test_an_id_is_taken_from_what_the_model_was_given() -> None:
    known = "01234567-0123-0123-0123-0123456789ab"
    given = {**TOOLS["/v1/messages"], "messages": [{"content": f"Pipeline ID: {known}"}]}

    _, text = await ask("/v1/messages", [Ask(tool="x", arguments={"id": "$Pipeline ID", "no": "$Job ID"})], given)

    assert known in text
    assert "$Job ID" in text


async def test_who_offers_no_tools_gets_a_text() -> None:
    _, text = await ask("/v1/chat/completions", [Shell(command="ls")], {})

    assert "A title" in text
