"""The simulated GitHub as a client without PyGithub sees it: shapes, refusals, pages, faults."""

from pathlib import Path

import pytest

from selfheald.simulator import bare
from selfheald.simulator.bare import GitFailedError
from tests.fakes.simulated_github import commit_on
from tests.simulator.github_served import PULL, REPO, REPOSITORY, Opened, answer_to, opened_github, urls_in


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return opened_github(tmp_path)


@pytest.mark.parametrize("token", ["wrong", None])
async def test_a_bad_token_is_told_in_githubs_words(opened: Opened, token: str | None) -> None:
    async with opened as served:
        headers = {"Authorization": f"token {token}"} if token else {"Authorization": ""}
        status, body = await answer_to(served, "GET", REPO, headers=headers)

        assert (status, body["message"], body["status"]) == (401, "Bad credentials", "401")


async def test_a_repository_its_branches_references_and_commits_can_be_read(opened: Opened) -> None:
    async with opened as served:
        _, repository = await answer_to(served, "GET", REPO)
        _, listed = await answer_to(served, "GET", f"{REPO}/branches?per_page=1")
        _, branch = await answer_to(served, "GET", f"{REPO}/branches/selfheal-1")
        _, ref = await answer_to(served, "GET", f"{REPO}/git/ref/heads/selfheal-1")
        _, commit = await answer_to(served, "GET", f"{REPO}/commits/selfheal-1")

        assert (repository["full_name"], repository["default_branch"]) == (REPOSITORY, "main")
        assert [it["name"] for it in listed] == ["main"]
        assert branch["commit"]["sha"] == ref["object"]["sha"] == commit["sha"] == served.head
        assert commit["commit"]["message"] == "Heal"
        urls = urls_in([repository, listed, branch, ref, commit])
        assert urls
        assert all(url.startswith(str(served.client.base_url)) for url in urls)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/repos/acme/unknown", 404, "Not Found"),
        ("/repos/..%2F..%2Fetc/x", 404, "Not Found"),
        (f"{REPO}/branches/gone", 404, "Branch not found"),
        (f"{REPO}/git/refs/heads/gone", 404, "Not Found"),
        (f"{REPO}/commits/gone", 422, "No commit found for SHA: gone"),
        (f"{REPO}/pulls/9", 404, "Not Found"),
        ("/no/such/route/here", 404, "Not Found"),
    ],
)
async def test_what_is_not_there_is_refused_as_github_does(
    opened: Opened, path: str, status: int, message: str
) -> None:
    async with opened as served:
        answered, body = await answer_to(served, "GET", path)

        assert (answered, body["message"]) == (status, message)


async def test_the_user_and_the_rate_limit_can_be_asked_for(opened: Opened) -> None:
    async with opened as served:
        _, user = await answer_to(served, "GET", "/user")
        _, limits = await answer_to(served, "GET", "/rate_limit")

        assert user["login"] == served.world.login
        assert limits["resources"]["core"]["remaining"] == 5000


async def test_a_pull_request_is_opened_edited_closed_and_reopened(opened: Opened) -> None:
    async with opened as served:
        made = await served.open_pull(head="acme:selfheal-1", draft=True)
        url = f"{REPO}/pulls/{made['number']}"
        _, edited = await answer_to(served, "PATCH", url, json={"title": "New", "body": "New", "state": "closed"})
        _, reopened = await answer_to(served, "PATCH", url, json={"state": "open"})

        assert (made["state"], made["draft"], made["merged"]) == ("open", True, False)
        assert made["head"]["sha"] == served.head
        assert (edited["title"], edited["body"], edited["state"]) == ("New", "New", "closed")
        assert (reopened["state"], reopened["closed_at"]) == ("open", None)


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"head": "gone"}, {"resource": "PullRequest", "field": "head", "code": "invalid"}),
        ({"base": "gone"}, {"resource": "PullRequest", "field": "base", "code": "invalid"}),
        ({"title": ""}, {"resource": "PullRequest", "field": "title", "code": "missing_field"}),
        (
            {"head": "main"},
            {"resource": "PullRequest", "code": "custom", "message": "No commits between main and main"},
        ),
    ],
)
async def test_a_pull_request_that_cannot_be_is_refused(
    opened: Opened, overrides: dict[str, str], error: dict[str, str]
) -> None:
    async with opened as served:
        status, body = await answer_to(served, "POST", f"{REPO}/pulls", json=PULL | overrides)

        assert (status, body["message"], body["errors"]) == (422, "Validation Failed", [error])


async def test_a_second_pull_request_for_a_head_is_refused_while_the_first_is_open(opened: Opened) -> None:
    async with opened as served:
        made = await served.open_pull()
        status, body = await answer_to(served, "POST", f"{REPO}/pulls", json=PULL)
        served.world.close(REPOSITORY, made["number"])

        assert status == 422
        assert body["errors"][0]["message"] == "A pull request already exists for acme:selfheal-1."
        assert (await served.open_pull())["number"] == made["number"] + 1


async def test_pull_requests_are_listed_by_state_head_and_base_page_by_page(opened: Opened) -> None:
    async with opened as served:
        for number in range(5):
            served.world.add_pull_request(REPOSITORY, head="selfheal-1", head_sha=served.head)
            if number < 3:
                served.world.close(REPOSITORY, number + 1)

        async def listed(query: str) -> list[int]:
            return [it["number"] for it in (await served.client.get(f"{REPO}/pulls?{query}")).json()]

        assert await listed("") == [5, 4]
        assert await listed("state=closed") == [3, 2, 1]
        assert await listed("state=all&head=acme:selfheal-1&base=main") == [5, 4, 3, 2, 1]
        assert await listed("state=all&head=ada:selfheal-1") == []
        assert await listed("state=all&base=other") == []
        assert await listed("state=all&per_page=2&page=3") == [1]


async def test_pages_are_linked_to_each_other(opened: Opened) -> None:
    async with opened as served:
        for _ in range(5):
            served.world.add_pull_request(REPOSITORY, head="selfheal-1", head_sha=served.head)

        pages = [await served.client.get(f"{REPO}/pulls", params={"per_page": 2, "page": n}) for n in (1, 2, 3)]

        assert [sorted(str(name) for name in page.links) for page in pages] == [
            ["last", "next"],
            ["first", "last", "next", "prev"],
            ["first", "prev"],
        ]
        following = await served.client.get(pages[0].links["next"]["url"])
        assert [it["number"] for it in following.json()] == [3, 2]


async def test_a_list_lacks_what_is_worked_out_per_pull_request(opened: Opened) -> None:
    async with opened as served:
        made = await served.open_pull()
        listed = (await served.client.get(f"{REPO}/pulls")).json()[0]

        assert made.keys() - listed.keys() == {"merged", "mergeable", "comments"}


async def test_a_merge_is_real_and_told(opened: Opened) -> None:
    async with opened as served:
        pushes: list[tuple[str, str, str, str]] = []

        async def on_push(slug: str, branch: str, old: str, new: str) -> None:
            pushes.append((slug, branch, old, new))

        served.world.on_push = on_push
        path = served.world.path(REPOSITORY)
        before = (await bare.branches(path))["main"]
        number = (await served.open_pull())["number"]

        merged = await served.world.merge(REPOSITORY, number)

        _, seen = await answer_to(served, "GET", f"{REPO}/pulls/{number}")
        assert pushes == [(REPOSITORY, "main", before, merged)]
        assert (await bare.branches(path))["main"] == merged == seen["merge_commit_sha"]
        assert (await bare.run_git(path, "rev-parse", f"{merged}^2")).strip() == served.head
        assert (seen["state"], seen["merged"]) == ("closed", True)
        with pytest.raises(ValueError, match="is not open"):
            await served.world.merge(REPOSITORY, number)
        status, _ = await answer_to(served, "PATCH", f"{REPO}/pulls/{number}", json={"state": "open"})
        assert status == 422


async def test_a_branch_that_has_moved_on_is_merged_too(opened: Opened) -> None:
    async with opened as served:
        moved = await commit_on(served.world, REPOSITORY, "main", "Move on")
        number = (await served.open_pull())["number"]

        merged = await served.world.merge(REPOSITORY, number)

        parents = await bare.run_git(served.world.path(REPOSITORY), "rev-parse", f"{merged}^1", f"{merged}^2")
        assert parents.split() == [moved, served.head]


async def test_a_merge_of_nothing_fails(opened: Opened) -> None:
    async with opened as served:
        it = served.world.add_pull_request(REPOSITORY, head="x", head_sha="1" * 40, head_repository="ada/billing")

        with pytest.raises(GitFailedError):
            await served.world.merge(REPOSITORY, it.number)


async def test_deleting_the_branch_closes_its_pull_request(opened: Opened) -> None:
    async with opened as served:
        number = (await served.open_pull())["number"]
        await bare.run_git(served.world.path(REPOSITORY), "update-ref", "-d", "refs/heads/selfheal-1")

        _, seen = await answer_to(served, "GET", f"{REPO}/pulls/{number}")

        assert (seen["state"], seen["head"]["sha"]) == ("closed", served.head)


async def test_labels_are_made_when_missing_and_added_once(opened: Opened) -> None:
    async with opened as served:
        number = (await served.open_pull())["number"]
        url = f"{REPO}/issues/{number}/labels"
        await answer_to(served, "POST", url, json={"labels": ["selfheal"]})
        _, added = await answer_to(served, "POST", url, json=["selfheal", "ci"])

        assert [label["name"] for label in added] == ["selfheal", "ci"]
        assert served.world.labels[REPOSITORY] == {"selfheal", "ci"}


@pytest.mark.parametrize(
    ("reviewers", "status", "words"),
    [
        (["ada"], 201, ""),
        (["ada", "stranger"], 422, "Reviews may only be requested from collaborators."),
        (["selfheald-bot"], 422, "Review cannot be requested from pull request author."),
    ],
)
async def test_reviews_are_requested_from_collaborators_only(
    opened: Opened, reviewers: list[str], status: int, words: str
) -> None:
    async with opened as served:
        number = (await served.open_pull())["number"]
        url = f"{REPO}/pulls/{number}/requested_reviewers"
        answered, body = await answer_to(served, "POST", url, json={"reviewers": reviewers})

        assert answered == status
        assert body.get("message", "").startswith(words)
        assert served.world.pull_requests[REPOSITORY][number].reviewers == (reviewers if status == 201 else [])


async def test_comments_are_kept(opened: Opened) -> None:
    async with opened as served:
        number = (await served.open_pull())["number"]
        url = f"{REPO}/issues/{number}/comments"
        status, made = await answer_to(served, "POST", url, json={"body": "Thank you."})
        _, listed = await answer_to(served, "GET", url)

        assert (status, listed) == (201, [made])


async def test_a_pull_request_has_a_page_for_people(opened: Opened) -> None:
    async with opened as served:
        made = await served.open_pull(body="<script>alert(1)</script>")
        page = await served.client.get(made["html_url"], headers={"Authorization": ""})
        await served.world.merge(REPOSITORY, made["number"])
        merged = await served.client.get(made["html_url"])

        assert page.text.startswith("Heal #1\nopen: selfheal-1 into main")
        assert page.headers["content-type"].startswith("text/plain")
        assert "merged: selfheal-1" in merged.text


async def test_a_body_that_is_not_json_is_refused(opened: Opened) -> None:
    async with opened as served:
        status, body = await answer_to(served, "POST", f"{REPO}/pulls", content=b"{")

        assert (status, body["message"]) == (400, "Problems parsing JSON")
