"""A configuration that is wrong: every mistake at once, with its line and what is allowed."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.settings.sample import ENVIRON, SMALL, load_text, mistakes_in

from selfheald.domain.errors import ConfigError
from selfheald.domain.guards.rules import Rule
from selfheald.settings.loading import load
from selfheald.settings.mistakes import MistakesError

PROJECT = "    organization: acme\n"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "url: https",
            "url: http",
            "3: organizations[0].url: a secret would travel in the clear; https:// is required",
        ),
        ("url: https://", "url: https://u:canary@", "3: organizations[0].url: an address holds no user, password"),
        ("url: https://acme.semaphoreci.com", "url: 'https://[acme'", "3: organizations[0].url: "),
        ("url: https://acme.semaphoreci.com", "url: acme", "3: organizations[0].url: an address is expected"),
        ("url: https://acme", "url: https://ac me", "3: organizations[0].url: an address without spaces"),
        (
            "url: ",
            "urls: ",
            "3: organizations[0].urls: unknown key; did you mean `url`? allowed are name, url, token_env",
        ),
        (
            "name: acme",
            "name: 5",
            "2: organizations[0].name: text is expected, the number 5 stands here; put it in quotes",
        ),
        ("name: acme", "name: a b", "2: organizations[0].name: a name is made of letters, digits"),
        ("name: billing", "name: ''", "12: projects[0].name: a line of text is expected, not empty"),
        (
            "    token_env: SEM",
            "    # ",
            "2: organizations[0].token_env: it is missing; exactly one of `token_env`, `token_file`",
        ),
        ("token_env: GITHUB_TOKEN", "token_env: NOPE", "6: github.token_env: the environment variable NOPE is not set"),
        ("token_env: GITHUB_TOKEN", "token_env: a-b", "6: github.token_env: the name of an environment variable"),
        (
            "token_env: GITHUB_TOKEN",
            "token_file: no.txt",
            "6: github.token_file: the file no.txt cannot be read: No such",
        ),
        ("token_env: GITHUB_TOKEN", 'token_file: "a\\0b"', "6: github.token_file: "),
        (
            "token_env: GITHUB_TOKEN",
            "token: canary",
            "6: github.token: a secret never stands here; name it by `token_env`",
        ),
        ("  token_env: GITHUB_TOKEN", "  app: {id: 1}", "6: github.app.private_key_file: it is missing"),
        ("kind: codex", "kind: codx", "9: agents.codex.kind: `codx` stands here; allowed are 'codex', 'claude-code'"),
        ("kind: codex", "kind: command", "8: agents.codex.command: it is missing: `kind: command` needs the program"),
        ("kind: codex", "kind: command\n    command: [' ', x]", "10: agents.codex.command: it is missing"),
        ("kind: codex", 'kind: command\n    command: ["a\\0b"]', "10: agents.codex.command[0]: an argument of a"),
        ("kind: codex", "kind: codex\n    command: [x]", "10: agents.codex.command: only `kind: command` has one"),
        (
            "kind: codex",
            "kind: codex\n    timeout: 30",
            "10: agents.codex.timeout: a duration is expected, such as 30s",
        ),
        ("kind: codex", "kind: codex\n    timeout: 0s", "10: agents.codex.timeout: `0s` is no time at all"),
        (
            "kind: codex",
            "kind: codex\n    timeout: 3w",
            "10: agents.codex.timeout: `3w` is no duration; allowed are 30s",
        ),
        ("kind: codex", "kind: opencode", "8: agents.codex.model: it is missing: `kind: opencode` has no model"),
        ("kind: codex", "kind: codex\n    fallback: [codex]", "10: agents.codex.fallback[0]: an agent cannot stand in"),
        (
            "kind: codex",
            "kind: command\n    command: [x]\n    max_turns: 3\n    idle_timeout: 5m",
            "11: agents.codex.max_turns: `kind: command` has none",
        ),
        ("kind: codex", "kind: codex\n    max_turns: 0", "10: agents.codex.max_turns: at least 1 is allowed"),
        ("kind: codex", "kind: codex\n    mounts: [a, /..]", "10: agents.codex.mounts[0]: `a` is no absolute path"),
        (
            "kind: codex",
            "kind: codex\n    env: [OPENAI_API_KEY]",
            "10: agents.codex.env[0]: this variable holds a secret",
        ),
        (
            "kind: codex",
            "kind: codex\n    api_key_file: x",
            "10: agents.codex.api_key_file: it stands beside `api_key_env`",
        ),
        ("    api_key_env: OPENAI_API_KEY\n", "", "8: agents.codex.api_key_env: it is missing"),
        ("codex:\n", "'a b':\n", "8: agents.a b: a name is made of letters"),
        (
            "organization: acme",
            "organization: acne",
            "13: projects[0].organization: there is no organization `acne`; did you",
        ),
        (PROJECT, "", "12: projects[0].organization: it is missing"),
        (
            PROJECT,
            PROJECT + "    agent: codec",
            "14: projects[0].agent: there is no agent `codec`; did you mean `codex`?",
        ),
        (
            PROJECT,
            PROJECT + "    repository: a/b/c",
            "14: projects[0].repository: `a/b/c` is no repository; write it as",
        ),
        (PROJECT, PROJECT + "    prompt: no.md", "14: projects[0].prompt: the file no.md cannot be read: No such file"),
        (PROJECT, PROJECT + "    tags: on", "14: projects[0].tags: `on` stands here; allowed are 'skip' or 'heal'"),
        (PROJECT, PROJECT + "    branches: [main]", "14: projects[0].branches: keys are expected"),
        (
            PROJECT,
            PROJECT + "    branches: {include: main}",
            "14: projects[0].branches.include: a list is expected, such as",
        ),
        (
            PROJECT,
            PROJECT + "    branches: {include: ['a**']}",
            "14: projects[0].branches.include[0]: `a**`: `**` must be a",
        ),
        (PROJECT, PROJECT + "    protected_paths: ['[']", "14: projects[0].protected_paths[0]: a `[` is never closed"),
        (PROJECT, PROJECT + '    when: "branch = "', "14: projects[0].when: "),
        (
            PROJECT,
            PROJECT + "    pipeline_files: []",
            "14: projects[0].pipeline_files: at least 1 is needed, an empty list",
        ),
        (
            PROJECT,
            PROJECT + "    limits: {cases_per_branch: 3/24h}",
            "14: projects[0].limits.cases_per_branch: `3/24h` is no",
        ),
        (
            PROJECT,
            PROJECT + "    limits: {cases_per_branch: 3}",
            "14: projects[0].limits.cases_per_branch: a rate is expected",
        ),
        (
            PROJECT,
            PROJECT + "    limits: {open_pull_requests: 1.5}",
            "14: projects[0].limits.open_pull_requests: a whole",
        ),
        (
            PROJECT,
            PROJECT + "    limits: {open_pull_requests: true}",
            "14: projects[0].limits.open_pull_requests: a whole",
        ),
        (
            PROJECT,
            PROJECT + "    limits: {cost_usd_per_day: -1}",
            "14: projects[0].limits.cost_usd_per_day: at least 0",
        ),
        (
            PROJECT,
            PROJECT + "    pull_request: {title: 'Fix {job}'}",
            "14: projects[0].pull_request.title: `{job}` means",
        ),
        (PROJECT, PROJECT + "    pull_request: {base: -f}", "14: projects[0].pull_request.base: allowed are `source`"),
        (
            PROJECT,
            PROJECT + "    pull_request: {draft: yes}",
            "14: projects[0].pull_request.draft: true or false is expected",
        ),
        (PROJECT, PROJECT + "    pull_request:\n", "14: projects[0].pull_request: keys are expected"),
        (PROJECT, PROJECT + "listen: 9464", "14: listen: text is expected, the number 9464 stands here"),
        (PROJECT, PROJECT + "listen: '::1:9464'", "14: listen: `::1:9464` is no host:port, such as 127.0.0.1:9464"),
        (PROJECT, PROJECT + "listen: '[x]:9464'", "14: listen: `[x]:9464` is no host:port"),
        (
            PROJECT,
            PROJECT + "egress: ['a:0']",
            "14: egress[0]: `a:0` is no host:port, such as registry.example.com:443",
        ),
        (PROJECT, PROJECT + "egress: ['a:70000']", "14: egress[0]: `a:70000` is no host:port"),
        (
            PROJECT,
            PROJECT + "egress: ['https://a:443', '*.a:443']",
            "14: egress[0]: `https://a:443` is no host:port, such as registry.example.com:443 or",
        ),
        (PROJECT, PROJECT + "cost_usd_per_day: -1", "14: cost_usd_per_day: at least 0 is allowed"),
        (
            PROJECT,
            PROJECT + "sandbox_limits: {memory: 4}",
            "14: sandbox_limits.memory: a size is expected, such as 512m",
        ),
        (PROJECT, PROJECT + "sandbox_limits: {disk: 4gb}", "14: sandbox_limits.disk: `4gb` is no size; allowed are"),
        (PROJECT, PROJECT + "egress: {}", "14: egress: a list is expected, such as [a, b], nothing stands here"),
        (PROJECT, PROJECT + "workers: " + "9" * 30, "14: workers: at most 256 is allowed"),
        (PROJECT, PROJECT + "workers: " + "9" * 60, "14: workers: "),
        (PROJECT, PROJECT + "workers: " + "9" * 5000, "14: workers: it is no number that can be read"),
        (PROJECT, PROJECT + "workers: !!python/name:os.system x", "14: workers: the tag tag:yaml.org,2002:python/name"),
        (PROJECT, PROJECT + "git: {name: 'a <b>', email: x}", "14: git.email: `x` is no email address"),
        (PROJECT, PROJECT + "git: {name: 'a <b>'}", "14: git.name: a name without `<` and `>` is expected"),
        (PROJECT, PROJECT + "poll: {requests_per_second: 0}", "14: poll.requests_per_second: more than 0"),
        (PROJECT, PROJECT + "_env_file: x", "14: _env_file: unknown key; "),
        (PROJECT, PROJECT + "? [a, b]\n: c", "14: a key must be a single word"),
        (PROJECT, PROJECT + "egress: &a [*a]", "14: egress[0]: it holds itself, by an alias"),
        (PROJECT, PROJECT + "github: {}", "14: github: it stands twice, first in line 5; keep one"),
        (
            PROJECT,
            PROJECT + "  - name: billing\n" + PROJECT,
            "14: projects[1].name: `billing` stands twice, first in projects[0]",
        ),
        (SMALL, "", "1: it is empty"),
        (SMALL, "- a", "1: keys are expected at the top"),
        (SMALL, "a: b: c", "1: it is not YAML: mapping values are not allowed here"),
        (SMALL, "a: \x07", "1: it is not YAML: special characters are not allowed"),
        (SMALL, "a: [", "1: it is not YAML: "),
        (SMALL, "[" * 20_000, "1: it is nested too deeply"),
        (SMALL, "a: 1\n---\nb: 2", "2: it is not YAML: but found another document"),
        (SMALL, "organizations: []", "1: organizations: at least 1 is needed"),
        (SMALL, "github: {token_env: X}", "1: projects: it is missing"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert old in SMALL

    lines = mistakes_in(tmp_path, SMALL.replace(old, new, 1))

    assert any(told.startswith(f"selfheald.yaml:{line}") for told in lines), lines
    assert "canary" not in "".join(lines)


def test_all_mistakes_are_told_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = SMALL.replace("name: acme", "name: 1").replace("kind: codex", "kind: x").replace("GITHUB_TOKEN", "NOPE")

    lines = mistakes_in(tmp_path, text + "    mode: maybe\nworkers: 0\npoll: {interval: x}\n")

    assert [line.split(": ")[0] for line in lines] == [
        f"selfheald.yaml:{number}" for number in (2, 6, 9, 13, 14, 15, 16)
    ]


def test_an_agent_that_stands_in_is_one_of_the_agents_and_named_once(tmp_path: Path) -> None:
    text = SMALL.replace("agents:\n", "agents:\n  mine: {kind: command, command: [mend], fallback: [FALLBACK]}\n")
    text += "defaults: {agent: mine}\n"

    assert mistakes_in(tmp_path, text.replace("FALLBACK", "codex")) == []
    (mistake,) = mistakes_in(tmp_path, text.replace("FALLBACK", "codec"))
    assert mistake.startswith(
        "selfheald.yaml:8: agents.mine.fallback[0]: there is no agent `codec`; did you mean `codex`?"
    )
    assert mistakes_in(tmp_path, text.replace("FALLBACK", "codex, codex")) == [
        "selfheald.yaml:8: agents.mine.fallback[1]: `codex` stands twice; keep one"
    ]


def test_two_agents_may_stand_in_for_each_other(tmp_path: Path) -> None:
    text = SMALL.replace("agents:\n", "agents:\n  mine: {kind: command, command: [mend], fallback: [codex]}\n")
    text = text.replace("kind: codex\n", "kind: codex\n    fallback: [mine]\n") + "defaults: {agent: mine}\n"

    assert mistakes_in(tmp_path, text) == []


def test_two_agents_make_a_choice_needed(tmp_path: Path) -> None:
    text = SMALL.replace("agents:\n", "agents:\n  mine: {kind: command, command: [mend]}\n")

    assert mistakes_in(tmp_path, text) == [
        "selfheald.yaml:13: projects[0].agent: it is missing, here and in `defaults`; allowed are `mine`, `codex`"
    ]
    assert mistakes_in(tmp_path, text + "defaults: {agent: mine}\n") == []


@pytest.mark.parametrize(
    ("content", "hint"),
    [(b"", "is empty"), (b"two words", "holds more than one word"), (b"\xff\xfe", "holds no text")],
)
def test_a_useless_secret_is_told_without_its_value(tmp_path: Path, content: bytes, hint: str) -> None:
    (tmp_path / "token").write_bytes(content)

    (line,) = mistakes_in(tmp_path, SMALL.replace("token_env: GITHUB_TOKEN", "token_file: ./token"))

    assert line.startswith("selfheald.yaml:6: github.token_file: ")
    assert hint in line


@pytest.mark.parametrize("key", ["token_env", "token_file"])
def test_a_secret_in_the_place_of_its_name_is_not_repeated(tmp_path: Path, key: str) -> None:
    lines = mistakes_in(tmp_path, SMALL.replace("token_env: GITHUB_TOKEN", f"{key}: ghp_canary123"))

    assert len(lines) == 1
    assert "canary" not in lines[0]


@pytest.mark.parametrize(("content", "hint"), [(b" \n", "is empty"), (b"\xff", "is not UTF-8")])
def test_a_useless_prompt_is_told(tmp_path: Path, content: bytes, hint: str) -> None:
    (tmp_path / "mend.md").write_bytes(content)

    (line,) = mistakes_in(tmp_path, SMALL + "defaults: {prompt: mend.md}\n")

    assert line.startswith("selfheald.yaml:14: defaults.prompt: ")
    assert hint in line


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a: 1\nb: \xff", "2: it is not UTF-8"), (b"#" * 5_000_000, "1: it is larger than")],
)
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "selfheald.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=f":{line}"):
        load(path, {})


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_path_that_is_no_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path / name, {})


def test_nested_aliases_cannot_blow_up(tmp_path: Path) -> None:
    levels = [f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]

    lines = mistakes_in(tmp_path, SMALL + "egress:\n  - &a0 [x]\n" + "\n".join(levels) + "\n")

    assert len(lines) == 30


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    start=st.integers(0, len(SMALL)),
    length=st.integers(0, 40),
    patch=st.one_of(
        st.text(max_size=12),
        st.text(alphabet="\n -:[]{},&*!|>'\"#%@`?x0.~", max_size=8),
        st.sampled_from(
            ["null", "5", "[]", "{}", "&a [*a]", "0x1", "~", "true", "- ", "? ", "1e999", "!!int x", "<<: {a: b}"]
        ),
    ),
)
def test_no_file_leads_to_anything_but_a_told_mistake(tmp_path: Path, start: int, length: int, patch: str) -> None:
    text = (SMALL[:start] + patch + SMALL[start + length :]).encode("utf-8", "replace").decode()

    try:
        load_text(tmp_path, text)
    except ConfigError as error:
        assert all(line.startswith(str(tmp_path)) for line in str(error).splitlines())  # noqa: PT017 - both ends are fine


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    key=st.sampled_from(
        [
            "WORKERS",
            "POLL",
            "POLL__INTERVAL",
            "AGENTS",
            "AGENTS__CODEX__PRICES",
            "PROJECTS",
            "DEFAULTS__WHEN",
            "X__Y",
            "",
            "__",
        ]
    ),
    value=st.one_of(
        st.text(max_size=10),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)
        )
        .map(str)
        .map(lambda text: text.replace("'", '"')),
    ),
)
def test_no_variable_leads_to_anything_but_a_told_mistake(tmp_path: Path, key: str, value: str) -> None:
    try:
        load_text(tmp_path, SMALL, ENVIRON | {f"SELFHEALD_{key}": value})
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - both ways of ending are fine


def test_a_list_of_allowed_keys_is_told_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(MistakesError) as caught:
        load_text(tmp_path, SMALL + "defaults: {guards: {rules: {test_skiped: block}}}\n")

    (mistake,) = str(caught.value).splitlines()
    assert "did you mean `test_skipped`?" in mistake
    assert mistake.endswith(f", {list(Rule)[-1]}")
