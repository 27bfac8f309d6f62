import logging
import traceback

import httpx
import pytest
from tests.semaphore import payloads
from tests.semaphore.asking import TOKEN, URL, answer, asking, text

from selfheald import __version__
from selfheald.domain.errors import NotFoundError, RefusedError, SelfhealdError, TransientError, UnauthorizedError
from selfheald.domain.ids import PipelineId
from selfheald.semaphore import client as client_module

ID = PipelineId("8e1f")
GOOD = answer({"pipeline": payloads.described(), "blocks": []})


async def test_a_request_says_who_asks_and_carries_the_token() -> None:
    async with asking(GOOD) as (api, asked):
        await api.describe_pipeline(ID)

    headers = asked.requests[0].headers
    assert str(asked.requests[0].url) == f"{URL}/api/v1alpha/pipelines/8e1f"
    assert headers["authorization"] == f"Token {TOKEN}"
    assert headers["user-agent"] == f"selfheald/{__version__}"
    assert not any(name.startswith("x-semaphore") for name in headers)


async def test_the_token_is_read_at_each_request() -> None:
    tokens = iter(["first", "second"])

    async with asking(GOOD, token=lambda: next(tokens)) as (api, asked):
        await api.describe_pipeline(ID)
        await api.describe_pipeline(ID)

    assert [request.headers["authorization"] for request in asked.requests] == ["Token first", "Token second"]


async def test_a_cookie_of_an_answer_is_not_sent_back() -> None:
    async with asking(answer({"pipeline": payloads.described()}, set_cookie="session=1; Path=/")) as (api, asked):
        await api.describe_pipeline(ID)
        await api.describe_pipeline(ID)

    assert "cookie" not in asked.requests[1].headers


@pytest.mark.parametrize(
    "bad",
    [
        answer("Internal error", 500),
        text("upstream request timeout", 504),
        text("Not Found", 404),
        answer("Pipeline with id: 8e1f not found", 400),
        text("<html>"),
        answer({"pipeline": []}),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
)
async def test_a_single_bad_answer_is_asked_for_again_after_a_pause(bad: httpx.Response | Exception) -> None:
    async with asking(bad, GOOD) as (api, asked):
        pipeline = await api.describe_pipeline(ID)

    assert pipeline.name == "Build"
    assert len(asked.requests) == len(asked.observed) == 2
    assert len(asked.pauses) == 1
    assert client_module.PAUSE_SECONDS[0] <= asked.pauses[0] <= client_module.PAUSE_SECONDS[1]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (answer("Internal error", 500), TransientError),
        (text("Not Found", 404), NotFoundError),
        (answer("Pipeline with id: 8e1f not found", 400), TransientError),
        (text("<html>"), TransientError),
        (httpx.ConnectError("All connection attempts failed"), TransientError),
    ],
)
async def test_two_bad_answers_are_an_error(bad: httpx.Response | Exception, kind: type[SelfhealdError]) -> None:
    async with asking(bad) as (api, asked):
        with pytest.raises(kind, match="describing pipeline 8e1f"):
            await api.describe_pipeline(ID)

    assert len(asked.requests) == 2


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (text("Unauthorized", 401), UnauthorizedError),
        (text("", 403), TransientError),
        (text("", 429, retry_after="7"), TransientError),
        (answer({"message": "Not found"}, 404), NotFoundError),
        (answer("no", 400), RefusedError),
        (httpx.ReadTimeout("slow"), TransientError),
    ],
)
async def test_what_a_second_try_does_not_mend_is_not_tried(
    bad: httpx.Response | Exception, kind: type[SelfhealdError]
) -> None:
    async with asking(bad) as (api, asked):
        with pytest.raises(kind):
            await api.describe_pipeline(ID)

    assert len(asked.requests) == 1


async def test_a_second_try_of_what_is_not_idempotent_is_the_callers_business() -> None:
    async with asking(answer("Internal error", 500)) as (api, asked):
        with pytest.raises(TransientError):
            await api.run_workflow("5f0c", "main")

    assert len(asked.requests) == 1


async def test_a_redirect_is_not_followed() -> None:
    async with asking(text("", 302, location="https://elsewhere.example/?key=1")) as (api, asked):
        with pytest.raises(RefusedError, match="url right") as caught:
            await api.describe_pipeline(ID)

    assert len(asked.requests) == 1
    assert "key" not in caught.value.message


@pytest.mark.parametrize("bad", [text(f"who is {TOKEN}?", 400), answer({"message": TOKEN}, 401), text(TOKEN, 500)])
async def test_no_error_shows_the_token(bad: httpx.Response) -> None:
    async with asking(bad) as (api, _):
        with pytest.raises(SelfhealdError) as caught:
            await api.describe_pipeline(ID)

    assert TOKEN not in "".join(traceback.format_exception(caught.value))


async def test_a_broken_token_is_not_sent() -> None:
    async with asking(GOOD, token=lambda: f"{TOKEN}\r\nx: y") as (api, asked):
        with pytest.raises(UnauthorizedError) as caught:
            await api.describe_pipeline(ID)

    assert asked.requests == []
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


async def test_every_request_is_observed() -> None:
    async with asking(answer("x", 500), httpx.ReadError("reset")) as (api, asked):
        with pytest.raises(TransientError):
            await api.describe_pipeline(ID)
    async with asking(httpx.ReadTimeout("slow")) as (api, slow):
        with pytest.raises(TransientError):
            await api.describe_pipeline(ID)

    told = [(event.api, event.operation, event.status) for event in asked.observed + slow.observed]
    assert told == [("semaphore", "describe_pipeline", status) for status in ("500", "error", "timeout")]
    assert all(event.seconds >= 0 for event in asked.observed)


async def test_an_answer_without_end_is_given_up() -> None:
    async with asking(text(b" " * (client_module.PAGE_LIMIT + 1))) as (api, _):
        with pytest.raises(TransientError, match="more than"):
            await api.describe_pipeline(ID)


async def test_addresses_are_not_logged_by_the_http_library(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with asking(GOOD) as (api, _):
            await api.describe_pipeline(ID)

    assert "8e1f" not in caplog.text


@pytest.mark.parametrize(("hostile", "path"), [("a/b?c#d", "a%2Fb%3Fc%23d"), ("é x", "%C3%A9%20x")])
async def test_an_identifier_stays_one_segment(hostile: str, path: str) -> None:
    async with asking(GOOD) as (api, asked):
        await api.describe_pipeline(PipelineId(hostile))

    assert asked.requests[0].url.raw_path == f"/api/v1alpha/pipelines/{path}".encode()


@pytest.mark.parametrize("hostile", ["", ".", ".."])
async def test_an_identifier_that_names_another_place_is_refused(hostile: str) -> None:
    async with asking(GOOD) as (api, asked):
        with pytest.raises(RefusedError, match="identifier"):
            await api.describe_pipeline(PipelineId(hostile))

    assert asked.requests == []
