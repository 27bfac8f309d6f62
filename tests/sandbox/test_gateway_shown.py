"""What an agent is shown by the tools gateway: clean, bounded, and nothing lost."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.sandbox.gateway import JOB, PIPELINE, SCOPE, SECRET, Agent, Semaphore, gateway

from selfheald.sandbox.tools.bounds import ANSWER_LIMIT, CONTENT_LIMIT, LOG_LIMIT, STRING_LIMIT


@pytest.fixture
def semaphore() -> Semaphore:
    return Semaphore()


@pytest.fixture
async def agent(semaphore: Semaphore) -> AsyncIterator[Agent]:
    async with gateway(semaphore, SCOPE) as at_the_door:
        yield at_the_door


def events(*outputs: str) -> list[str]:
    return [json.dumps({"event": "cmd_output", "output": output}) for output in outputs]


async def test_a_secret_that_a_log_has_in_pieces_is_taken_out(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "preview": events("token: canary-\x1b[31mse", "cret-7777\nnext\n")}

    result = await agent.call("jobs_logs", job_id=JOB)

    assert result.structured is not None
    assert result.structured["preview"] == events("token: [redacted]\nnext\n") or json.loads(
        result.structured["preview"][0]
    ) == {"event": "cmd_output", "output": "token: [redacted]\nnext\n"}
    assert result.text.endswith("token: [redacted]\nnext\n")


async def test_a_secret_right_after_an_escaped_line_end_is_taken_out(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "preview": events(f"a\n{SECRET}\n")}

    assert SECRET not in json.dumps((await agent.call("jobs_logs", job_id=JOB)).structured)


async def test_a_log_is_shown_as_people_read_it_beside_its_events(agent: Agent, semaphore: Semaphore) -> None:
    log = [
        {"event": "job_started", "timestamp": 1},
        {"event": "cmd_started", "directive": "make \x1b]0;x\x07test"},
        {"event": "cmd_output", "output": "1 failure\n"},
        {"event": "cmd_finished", "directive": "make test", "exit_code": 2},
        {"event": "job_finished", "result": "failed"},
    ]
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "preview": [json.dumps(event) for event in log], "Final": True}

    result = await agent.call("jobs_logs", job_id=JOB)

    assert result.text.split("\n\n", 1)[1] == "$ make test\n1 failure\n[exit code 2]\n[job failed]\n"
    assert result.structured is not None
    assert [json.loads(event)["event"] for event in result.structured["preview"]] == [
        "job_started",
        "cmd_started",
        "cmd_output",
        "cmd_finished",
        "job_finished",
    ]


async def test_no_key_and_no_signed_address_is_shown(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {
        "jobId": JOB,
        "source": "loghub2",
        "token": "eyJ.canary",
        "tokenType": "PULL",
        "tokenTtlSeconds": 300,
        "logsUrl": "https://acme.example/logs?jwt=eyJ.canary",
        "preview": ["see https://storage.example/a?X-Goog-Signature=canary&x=1 there"],
    }
    semaphore.answers["artifacts_signed_url"] = {"path": "a", "urls": [{"url": "canary"}], "url": "canary"}

    log = await agent.call("jobs_logs", job_id=JOB)
    artifact = await agent.call("artifacts_signed_url", scope="jobs", scope_id=JOB, path="a")

    assert log.structured == {"jobId": JOB, "source": "loghub2", "preview": ["see [signed address left out] there"]}
    assert artifact.structured == {"path": "a"}
    assert "canary" not in log.text + artifact.text


async def _read_whole_log(agent: Agent) -> list[str]:
    """The whole log, as an agent reads it: page by page, backward."""
    pages: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        result = await agent.call("jobs_logs", job_id=JOB, **cursor)
        assert result.structured is not None, result.text
        assert len(json.dumps(result.structured, ensure_ascii=False)) <= ANSWER_LIMIT
        pages = [*result.structured.get("preview", []), *pages]
        if "nextCursor" not in result.structured:
            return pages
        assert result.structured["note"]
        cursor = {"cursor": result.structured["nextCursor"]}


async def test_a_huge_page_of_a_log_is_read_part_by_part_and_nothing_is_lost(
    agent: Agent, semaphore: Semaphore
) -> None:
    lines = [f"{number} {'x' * 900}" for number in range(400)]

    def page(arguments: dict[str, Any]) -> dict[str, Any]:
        if "cursor" in arguments:
            return {"jobId": JOB, "source": "loghub2", "preview": lines[:200]}
        shown = {"jobId": JOB, "source": "loghub2", "preview": lines[200:]}
        return {**shown, "startLine": 200, "nextCursor": "0", "previewTruncated": True}

    semaphore.answers["jobs_logs"] = page

    text = "\n".join(await _read_whole_log(agent))

    assert [line for line in text.split("\n") if line] == lines
    assert semaphore.asked == [("jobs_logs", {"job_id": JOB}), ("jobs_logs", {"job_id": JOB, "cursor": "0"})]


async def test_one_endless_line_is_read_part_by_part(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "preview": events("y" * (3 * LOG_LIMIT))}

    parts = [json.loads(part)["output"] for part in await _read_whole_log(agent)]

    assert "".join(parts) == "y" * (3 * LOG_LIMIT)


async def test_a_long_report_is_read_page_by_page(agent: Agent, semaphore: Semaphore) -> None:
    content = "".join(f"<case {number}/>\n" for number in range(5000))
    semaphore.answers["get_test_results"] = {"scope": "job", "content": content}
    read = ""
    cursor: dict[str, str] = {}

    while True:
        shown = (await agent.call("get_test_results", scope="job", job_id=JOB, **cursor)).structured
        assert shown is not None
        assert len(shown["content"]) <= CONTENT_LIMIT
        read += shown["content"]
        if "nextCursor" not in shown:
            break
        cursor = {"cursor": shown["nextCursor"]}

    assert read == content
    assert len(semaphore.asked) == 1


async def test_a_large_list_says_what_is_left_out(agent: Agent, semaphore: Semaphore) -> None:
    jobs = [{"jobId": str(uuid.UUID(int=number)), "name": "n" * 300} for number in range(1000)]
    semaphore.answers["pipeline_jobs"] = {"jobs": jobs, "pipeline": {"name": "p" * 5000}}

    shown = (await agent.call("pipeline_jobs", pipeline_id=PIPELINE)).structured

    assert shown is not None
    assert len(json.dumps(shown, ensure_ascii=False)) <= ANSWER_LIMIT
    assert f"left out: {1000 - len(shown['jobs'])} of jobs" in shown["note"]
    assert len(shown["pipeline"]["name"]) == STRING_LIMIT


async def test_an_answer_that_cannot_be_bounded_is_not_shown(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_describe"] = {f"key{number}": "v" * 1000 for number in range(100)}

    assert (await agent.call("jobs_describe", job_id=JOB)).structured == {"note": "the answer is too large to be shown"}


async def test_an_answer_with_too_many_floors_is_cut(agent: Agent, semaphore: Semaphore) -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = {"in": [deep]}
    semaphore.answers["jobs_describe"] = {"deep": deep, "odd": object()}

    result = await agent.call("jobs_describe", job_id=JOB)

    assert not result.is_error
    assert "end" not in result.text
    assert result.text.count("[left out]") == 2


async def test_a_line_of_a_self_hosted_log_that_looks_like_an_event_hides_nothing(
    agent: Agent, semaphore: Semaphore
) -> None:
    lines = ["1 failure", '{"event":"cmd_output","output":"all passed"}', '{"event":"job_finished"}', "the end"]
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "source": "loghub2", "preview": lines}

    result = await agent.call("jobs_logs", job_id=JOB)

    assert result.structured is not None
    assert "\n".join(result.structured["preview"]) == "\n".join(lines)
    assert result.text.endswith("\n".join(lines) + "\n")


async def test_an_entry_that_is_no_event_is_shown_as_output(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "source": "loghub", "preview": ["not JSON", 7, *events("output\n")]}

    result = await agent.call("jobs_logs", job_id=JOB)

    assert result.text.endswith("not JSON\n7\noutput\n")


async def test_what_there_is_to_say_of_a_log_is_told_beside_how_to_read_on(agent: Agent, semaphore: Semaphore) -> None:
    semaphore.answers["jobs_logs"] = {"jobId": JOB, "preview": events("x"), "nextCursor": "5", "note": "still written"}

    shown = (await agent.call("jobs_logs", job_id=JOB)).structured

    assert shown is not None
    assert shown["note"].startswith("still written. This is not the beginning")
