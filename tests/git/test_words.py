"""Names, addresses, paths and git's errors: the pure parts."""

import pytest

from selfheald.domain.errors import (
    ConfigError,
    NotFoundError,
    RefusedError,
    SelfhealdError,
    TransientError,
    UnauthorizedError,
)
from selfheald.domain.ids import Slug
from selfheald.git.failures import CorruptMirrorError, failure
from selfheald.git.names import checked_case_ref, checked_own_branch, checked_sha, checked_slug, is_ref_name
from selfheald.git.paths import is_git_folder, problem_of_link, shown
from selfheald.git.remote import Remote

SHA = "0123456789abcdef0123456789abcdef01234567"


async def _no_token(_: Slug) -> str:
    return ""


async def _token(_: Slug) -> str:
    return "canary"


@pytest.mark.parametrize("slug", ["acme/billing", "a.b/c_d-e", "A/.github"])
def test_repository_names_are_taken(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "acme", "a/b/c", "../b", "a/..", "a/b..c", "-a/b", "a/-b", "a b/c", "a/b\n", "./b", "a/.", "ä/b", "a/"]
)
def test_other_repository_names_are_refused(slug: str) -> None:
    with pytest.raises(RefusedError):
        checked_slug(slug)


@pytest.mark.parametrize("sha", ["", "main", SHA[:39], SHA.upper(), SHA + "0", f"{SHA}\n", "--all"])
def test_only_full_commit_ids_are_taken(sha: str) -> None:
    assert checked_sha(SHA) == SHA
    with pytest.raises(RefusedError):
        checked_sha(sha)


@pytest.mark.parametrize("branch", ["main", "selfheal-x", f"selfheal-{SHA}0", f"-selfheal-{SHA}", f"x/selfheal-{SHA}"])
def test_only_our_own_branches_are_taken(branch: str) -> None:
    assert checked_own_branch(f"selfheal-{SHA}")
    with pytest.raises(RefusedError):
        checked_own_branch(branch)


@pytest.mark.parametrize("name", ["main", "release/1.x", "refs/heads/ä", "a-b", "a@b"])
def test_names_that_git_takes_for_references(name: str) -> None:
    assert is_ref_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@",
        "-x",
        "a..b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a//b",
        "/a",
        "a/",
        "a.",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a@{b",
        "a\x7f",
        "a\n",
    ],
)
def test_names_that_git_takes_for_no_references(name: str) -> None:
    assert not is_ref_name(name)


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/selfheal/cases/../../heads/x", "refs/selfheal/kept/x"])
def test_commits_are_put_under_references_of_cases_only(ref: str) -> None:
    assert checked_case_ref("refs/selfheal/cases/7/1")
    with pytest.raises(RefusedError):
        checked_case_ref(ref)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com",
        "https://git.acme.example/base/",
        "http://127.0.0.1:1",
        "http://localhost",
        "http://[::1]:2",
    ],
)
async def test_https_and_the_loopback_interface_are_spoken_to(url: str) -> None:
    access = await Remote(url, _no_token).access(Slug("acme/billing"))

    assert access.url == f"{url.rstrip('/')}/acme/billing.git"
    assert "Authorization" not in str(access.env)


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com",
        "http://127.0.0.1.evil.example",
        "file:///srv",
        "git@github.com:a/b",
        "ssh://h",
        "",
        "https://user@h",
        "https://u:p@h",
        "https://h?x=1",
        "https://h#x",
        "ext::sh -c true",
        "https://",
        "https://[::1",
    ],
)
def test_nothing_else_is_spoken_to(url: str) -> None:
    with pytest.raises(ConfigError):
        Remote(url, _no_token)


async def test_a_token_is_for_one_host_and_is_not_shown() -> None:
    access = await Remote("https://github.com", _token).access(Slug("acme/billing"))

    names = {access.env[key]: access.env[key.replace("KEY", "VALUE")] for key in access.env if "_KEY_" in key}
    assert names["http.https://github.com/.extraHeader"].startswith("Authorization: Basic ")
    assert "canary" not in repr(access)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("fatal: Authentication failed for 'https://github.com/a/b.git/'", UnauthorizedError),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", UnauthorizedError),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 403", UnauthorizedError),
        ("remote: Permission to a/b.git denied to bot.\nfatal: unable to access", UnauthorizedError),
        ("remote: Repository not found.\nfatal: repository 'https://github.com/a/b.git/' not found", NotFoundError),
        ("fatal: remote error: upload-pack: not our ref 0123", NotFoundError),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 301", NotFoundError),
        (" ! [remote rejected] x -> x (pre-receive hook declined)", RefusedError),
        ("remote: error: GH006: Protected branch update failed for refs/heads/x.", RefusedError),
        (" ! [remote rejected] x -> x (cannot lock ref 'refs/heads/x')", TransientError),
        (" ! [remote rejected] x -> x (Internal Server Error)", TransientError),
        ("fatal: Unable to create '/m/index.lock': File exists.", TransientError),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", TransientError),
        ("error: RPC failed; curl 56\nfatal: early EOF\nfatal: bad object", TransientError),
        ("error: object file ./objects/ab/cd is empty", CorruptMirrorError),
        ("fatal: loose object 0123 (stored in x) is corrupt", CorruptMirrorError),
        ("fatal: unable to read tree 0123", CorruptMirrorError),
        ("remote: fatal: your mirror is corrupt", TransientError),
        ("", TransientError),
    ],
)
def test_what_git_says_becomes_one_of_our_errors(stderr: str, expected: type[SelfhealdError]) -> None:
    assert type(failure("fetching", 128, stderr)) is expected


def test_messages_hold_no_secret_and_nothing_that_drives_a_terminal() -> None:
    stderr = f"{'x' * 900}\n\x1b[31mhttps://user:pass@github.com/a canary\n"

    message = failure("fetching x", 128, stderr, ("canary",)).message

    assert message.startswith("fetching x: git ended with 128: …x")
    assert message.endswith("[31mhttps://github.com/a [secret]")
    assert len(message) < 600
    assert "\x1b" not in message


@pytest.mark.parametrize(
    "name", [".git", ".GIT", ".Git ", ".git.", ".git::$INDEX_ALLOCATION", "git~1", "GIT~1", ".g\u200cit", ".git\ufeff"]
)
def test_git_folders_are_known_under_every_name(name: str) -> None:
    assert is_git_folder(name)


@pytest.mark.parametrize("name", ["git", ".github", ".gitignore", "a.git", "x", "ä", "git~12"])
def test_other_names_are_no_git_folders(name: str) -> None:
    assert not is_git_folder(name)


@pytest.mark.parametrize(
    ("path", "target"),
    [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d"), ("a", "./b/c"), ("a", "b..c"), ("a/b", "..")],
)
def test_links_inside_the_tree_may_be_proposed(path: str, target: str) -> None:
    assert problem_of_link(path, target) == ""


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", "/etc/passwd"),
        ("a", ".."),
        ("a/b", "../../c"),
        ("a/b", "c/../d"),
        ("a", "./../b"),
        ("a/b", ".././../c"),
        ("a", ".git/config"),
        ("a/b", "../.GIT"),
        (".gitmodules", "x"),
        ("a/.gitattributes", "x"),
        ("a", "b\n"),
        ("a", "x" * 4096),
    ],
)
def test_other_links_may_not(path: str, target: str) -> None:
    assert problem_of_link(path, target)


def test_paths_are_shown_printable_and_bounded() -> None:
    assert shown("a\nb\udce9ä") == "a\\nb\\udce9ä"
    assert shown("x" * 300) == "x" * 200 + "…"


def test_the_cause_is_told_however_many_consequences_follow() -> None:
    first = "error: unable to write file a.py: No space left on device\n"
    rest = "".join(f"error: unable to create file {number}.py\n" for number in range(200))

    assert failure("checking out x", 128, first + rest).message.startswith(
        "checking out x: git ended with 128: No space left on device: …"
    )
    assert failure("checking out x", 128, first).message == f"checking out x: git ended with 128: {first.strip()}"
    assert "No space" not in failure("pushing", 1, "remote: " + first + rest).message
