"""What stands before the services: hosts, tokens, paging, error shapes."""

import httpx
import pytest

from selfheald.simulator.hooks import RequestRecord
from selfheald.simulator.world import World
from tests.simulator.conftest import TOKEN, Stage


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
async def test_both_schemes_are_accepted(stage: Stage, scheme: str) -> None:
    answer = await stage.client.get("/api/v1alpha/projects", headers={"Authorization": f"{scheme} second-token"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "value", ["", "token semaphore-token", "bearer semaphore-token", "Token  semaphore-token", TOKEN]
)
async def test_anything_else_is_unauthorized_in_plain_text(stage: Stage, value: str) -> None:
    answer = await stage.client.get("/api/v1alpha/pipelines", headers={"Authorization": value})

    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert "content-type" not in answer.headers


async def test_an_unknown_host_is_not_found_in_plain_text(stage: Stage) -> None:
    for host, status in {"acme.semaphoreci.test": 200, "acme.localhost:1": 200, "other.semaphoreci.test": 404}.items():
        answer = await stage.client.get("/api/v1alpha/projects", headers={"Host": host})
        assert answer.status_code == status, host
    assert answer.text == "Not Found"


async def test_an_organizations_token_is_good_on_its_own_host_alone(stage: Stage) -> None:
    other = stage.world.add_organization("other", tokens=["others"])
    project = stage.world.add_project(other, "theirs")
    others = {"Authorization": "Token others"}

    by_loopback = await stage.client.get("/api/v1alpha/projects", headers=others)
    by_wrong_host = await stage.client.get("/api/v1alpha/projects", headers={**others, "Host": "acme.x"})
    foreign = await stage.get("/pipelines", project_id=project.id)

    assert [each["metadata"]["name"] for each in by_loopback.json()] == ["theirs"]
    assert by_wrong_host.status_code == 401
    assert (foreign.status_code, foreign.text) == (404, "Not Found")
    assert "content-type" not in foreign.headers


async def test_internal_headers_and_old_command_lines_are_turned_away(stage: Stage) -> None:
    internal = await stage.client.get("/api/v1alpha/projects", headers={"x-semaphore-user-id": "1"})
    old = await stage.client.get("/api/v1alpha/projects", headers={"User-Agent": "SemaphoreCLI/v0.8.1 (linux)"})
    new = await stage.client.get("/api/v1alpha/projects", headers={"User-Agent": "SemaphoreCLI/v0.31.0 (linux)"})

    assert internal.status_code == 404
    assert (old.status_code, new.status_code) == (400, 200)
    assert "outdated" in old.json()["message"]


async def test_unknown_paths_are_oops_and_workflows_has_no_handler(stage: Stage) -> None:
    unknown, workflows = await stage.get("/tasks"), await stage.get("/workflows", project_id=stage.project.id)

    assert (unknown.status_code, unknown.text) == (404, "oops")
    assert (workflows.status_code, workflows.json()["code"]) == (404, 5)
    assert workflows.headers["content-type"] == "application/json"
    assert (await stage.get("/plumber-workflows", project_id=stage.project.id)).status_code == 200


async def test_pipelines_answers_have_no_content_type(stage: Stage) -> None:
    assert "content-type" not in (await stage.pipelines()).headers
    assert "content-type" not in (await stage.get("/projects")).headers


async def test_a_body_is_read_only_with_its_content_type(stage: Stage) -> None:
    pipeline = stage.pushed()[0]
    pipeline.finish("failed")
    path = f"/api/v1alpha/pipelines/{pipeline.id}/partial_rebuild"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    json = {"Content-Type": "application/json"}

    assert (await stage.client.post(path, content="request_token=a")).status_code == 400
    assert (await stage.client.post(path, content="request_token=a", headers=form)).status_code == 200
    assert (await stage.client.post(path, content='["request_token"]', headers=json)).status_code == 400
    broken = await stage.client.post(path, content="{", headers=json)
    assert broken.status_code == 400
    assert broken.text.startswith("Malformed request: ")


async def test_the_link_header_is_http_with_alphabetical_keys(stage: Stage) -> None:
    stage.pushed(5)
    base = f"{stage.url}/api/v1alpha/pipelines?page="
    rest = f"&page_size=2&project_id={stage.project.id}"

    answer = await stage.pipelines(page_size=2, page=2)

    assert answer.headers["link"] == (
        f'<{base}3{rest}>; rel="next", <{base}1{rest}>; rel="prev", '
        f'<{base}1{rest}>; rel="first", <{base}3{rest}>; rel="last"'
    )
    numbers = {name: answer.headers[name] for name in ("total", "per-page", "total-pages", "page-number")}
    assert numbers == {"total": "5", "per-page": "2", "total-pages": "3", "page-number": "2"}


async def test_the_link_header_loses_repeated_parameters(stage: Stage) -> None:
    answer = await stage.pipelines(**{"git_ref_types[]": ["BRANCH", "TAG"]})

    assert "git_ref_types%5B%5D=TAG" in answer.headers["link"]
    assert "BRANCH" not in answer.headers["link"]


async def test_a_page_past_the_end_is_the_last_one(stage: Stage) -> None:
    stage.pushed(3)

    last, past = await stage.pipelines(page_size=2, page=2), await stage.pipelines(page_size=2, page=9)

    assert past.json() == last.json()
    assert past.headers["page-number"] == "2"
    assert 'rel="next"' not in past.headers["link"]


async def test_an_empty_list_is_one_page(stage: Stage) -> None:
    answer = await stage.pipelines()

    assert answer.json() == []
    assert (answer.headers["total"], answer.headers["total-pages"]) == ("0", "1")


@pytest.mark.parametrize("number", ["0", "-1", "abc", "1.5"])
async def test_wrong_page_numbers_are_the_default(stage: Stage, number: str) -> None:
    answer = await stage.pipelines(page=number, page_size=number)

    assert (answer.headers["page-number"], answer.headers["per-page"]) == ("1", "30")


async def test_requests_are_told_to_listeners(stage: Stage) -> None:
    told = list[RequestRecord]()
    stage.world.hooks.listeners.append(told.append)

    await stage.pipelines(page=2)
    async with httpx.AsyncClient() as stranger:
        await stranger.get(f"{stage.url}/api/v1alpha/nothing")

    assert [(each.api, each.operation, each.status, each.token) for each in told] == [
        ("semaphore", "list_pipelines", 200, TOKEN),
        ("semaphore", "unknown", 401, None),
    ]
    assert (told[0].method, told[0].path) == ("GET", "/api/v1alpha/pipelines")
    assert told[0].query.endswith("page=2")
    assert told[0].host == stage.url.removeprefix("http://")
    assert stage.world.hooks.count("list_pipelines") == 1


def test_a_project_is_found_by_its_name_in_every_organization() -> None:
    world = World()
    for name in ("one", "two"):
        world.add_project(world.add_organization(name, tokens=[name]), "billing", owner=name)

    assert world.project("billing", organization="two").slug == "two/billing"
    with pytest.raises(KeyError):
        world.project("storefront")
    with pytest.raises(KeyError):
        world.pipeline("nope")
