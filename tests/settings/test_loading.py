"""A configuration that is right."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.settings.sample import ENVIRON, SMALL, load_text

from selfheald.domain.default_prompt import DEFAULT_PROMPT
from selfheald.domain.limits import SandboxLimits
from selfheald.domain.policy import Choice, Mode
from selfheald.settings.loading import load
from selfheald.settings.mistakes import MistakesError
from selfheald.settings.secret import NoSecretError
from selfheald.settings.values import AgentKind, SandboxKind


def test_four_keys_are_enough(tmp_path: Path) -> None:
    configuration = load_text(tmp_path, SMALL)

    (project,) = configuration.projects
    assert (project.name, project.organization, project.agent) == ("billing", "acme", "codex")
    assert (project.mode, project.tags, project.own_pull_requests) == (Mode.HEAL, Choice.SKIP, Choice.HEAL)
    assert str(project.limits.cases_per_branch) == "3 per 24h"
    assert "$SEMAPHORE_PIPELINE_ID" in project.prompt
    assert configuration.sandbox is SandboxKind.BUBBLEWRAP
    assert configuration.poll.follow_interval == timedelta(seconds=60)


def test_agents_know_their_providers_address(tmp_path: Path) -> None:
    agents = load_text(
        tmp_path, SMALL.replace("kind: codex", "kind: claude-code").replace("codex:", "claude:")
    ).agents.values()

    assert [(agent.name, agent.kind, agent.base_url) for agent in agents] == [
        ("claude", AgentKind.CLAUDE_CODE, "https://api.anthropic.com"),
    ]


def test_a_command_needs_no_key_and_takes_its_own_words(tmp_path: Path) -> None:
    text = SMALL.replace(
        "kind: codex\n    api_key_env: OPENAI_API_KEY",
        "kind: command\n    command: [mend, '{prompt_file}']\n    mounts: [/opt/mend]\n    env: [MEND_MODE]",
    )

    (agent,) = load_text(tmp_path, text).agents.values()

    assert agent.command == ("mend", "{prompt_file}")
    assert (agent.mounts, agent.env, agent.api_key, agent.base_url) == (
        (Path("/opt/mend"),),
        ("MEND_MODE",),
        None,
        None,
    )


def test_a_command_may_be_a_script_of_many_lines(tmp_path: Path) -> None:
    text = SMALL.replace(
        "kind: codex\n    api_key_env: OPENAI_API_KEY",
        "kind: command\n    command:\n      - sh\n      - -c\n      - |\n        set -e\n        \tmend\n      - ''",
    )

    (agent,) = load_text(tmp_path, text).agents.values()

    assert agent.command == ("sh", "-c", "set -e\n\tmend\n", "")


def test_who_needs_no_secret_may_load_without_any(tmp_path: Path) -> None:
    text = SMALL.replace("token_env: GITHUB_TOKEN", "token_file: gone.txt")

    configuration = load_text(tmp_path, text, {"OPENAI_API_KEY": ""}, secrets=False)

    assert [secret.place for secret in configuration.secrets()] == [
        "SEMAPHORE_API_TOKEN",
        str(tmp_path / "gone.txt"),
        "OPENAI_API_KEY",
    ]
    assert list(configuration.secret_values()) == []
    with pytest.raises(NoSecretError, match="the environment variable SEMAPHORE_API_TOKEN is not set"):
        configuration.organizations[0].token.read()


def test_secrets_that_are_there_are_known_also_when_none_is_needed(tmp_path: Path) -> None:
    configuration = load_text(tmp_path, SMALL, {"GITHUB_TOKEN": "canary-github"}, secrets=False)

    assert list(configuration.secret_values()) == ["canary-github"]


@pytest.mark.parametrize(
    ("environ", "old", "new", "mistake"),
    [
        ({"GITHUB_TOKEN": "two words"}, "", "", "GITHUB_TOKEN holds more than one word"),
        ({}, "token_env: GITHUB_TOKEN", "token_env: a-b", "the name of an environment variable is expected"),
        ({}, "  token_env: GITHUB_TOKEN", "  {}", "exactly one of `token_env`, `token_file`, `app` is needed"),
        ({}, "organization: acme", "organization: acne", "there is no organization `acne`"),
    ],
)
def test_all_else_is_a_mistake_also_when_no_secret_is_needed(
    tmp_path: Path, environ: dict[str, str], old: str, new: str, mistake: str
) -> None:
    with pytest.raises(MistakesError, match=mistake) as caught:
        load_text(tmp_path, SMALL.replace(old, new), environ, secrets=False)

    assert len(caught.value.mistakes) == 1


@pytest.mark.parametrize("key", ["token_env: ghp_canary", "token_file: ghp_canary"])
def test_a_secret_in_the_place_of_its_name_is_not_shown(tmp_path: Path, key: str) -> None:
    configuration = load_text(tmp_path, SMALL.replace("token_env: GITHUB_TOKEN", key), {}, secrets=False)

    assert "canary" not in " ".join(secret.place for secret in configuration.secrets())


def test_a_project_overrides_maps_key_by_key_and_lists_as_a_whole(tmp_path: Path) -> None:
    text = (
        SMALL
        + "    limits: {cooldown: 0s}\n    branches: {include: [main]}\n    mode: off\n"
        + "defaults:\n  limits: {open_pull_requests: 2, cooldown: 1h}\n  branches: {include: [a, b], exclude: [c]}\n"
    )

    (project,) = load_text(tmp_path, text).projects

    assert (project.limits.cooldown, project.limits.open_pull_requests) == (timedelta(), 2)
    assert (project.branches.include, project.branches.exclude) == (("main",), ("c",))
    assert project.mode is Mode.OFF


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "mend.md").write_text("Mend it.", encoding="utf-8")
    (tmp_path / "token").write_text("canary-file\n", encoding="utf-8")
    text = SMALL.replace("token_env: GITHUB_TOKEN", "token_file: token") + "    prompt: mend.md\nstate_dir: state\n"

    configuration = load_text(tmp_path, text)

    assert configuration.projects[0].prompt == "Mend it."
    assert configuration.github.token is not None
    assert configuration.github.token.read() == "canary-file"
    assert configuration.state_dir == tmp_path / "state"


def test_a_github_app_stands_in_for_a_token(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN-----\ncanary\n-----END-----\n", encoding="utf-8")
    text = SMALL.replace("token_env: GITHUB_TOKEN", "app: {id: 12345, private_key_file: key.pem}")

    github = load_text(tmp_path, text).github

    assert github.app is not None
    assert (github.app.id, github.token) == (12345, None)
    assert github.app.private_key.read().startswith("-----BEGIN-----\ncanary")


def test_a_file_that_did_not_change_gives_an_equal_configuration(tmp_path: Path) -> None:
    assert load_text(tmp_path, SMALL) == load_text(tmp_path, SMALL)
    assert load_text(tmp_path, SMALL) != load_text(tmp_path, SMALL + "workers: 3\n")


def test_every_secret_is_known_to_the_logs_from_the_start(tmp_path: Path) -> None:
    configuration = load_text(tmp_path, SMALL)

    assert sorted(configuration.secret_values()) == ["canary-github", "canary-model", "canary-semaphore"]
    assert "canary" not in repr(configuration)


def test_prices_addresses_and_egress_are_parsed(tmp_path: Path) -> None:
    text = SMALL.replace(
        "kind: codex\n",
        "kind: codex\n    prices: {input: 1, cached_input: 0.1, output: 8}\n    base_url: http://[::1]:8/v1/\n",
    )

    configuration = load_text(
        tmp_path, text + "egress: ['registry.example.com:443', '[2001:db8::1]:80']\nlisten: '[::1]:0'\n"
    )

    (agent,) = configuration.agents.values()
    assert agent.prices.default is not None
    assert (agent.prices.default.cached_input, agent.base_url) == (Decimal("0.1"), "http://[::1]:8/v1")
    assert configuration.egress == (("registry.example.com", 443), ("2001:db8::1", 80))
    assert (configuration.listen.host, configuration.listen.port) == ("::1", 0)


def test_limits_of_the_sandbox_are_parsed(tmp_path: Path) -> None:
    limits = load_text(tmp_path, SMALL + "sandbox_limits: {memory: 512m, cpus: 1.5, cpu_time: 30m}\n").sandbox_limits

    assert limits == SandboxLimits(memory=512 << 20, cpus=1.5, cpu_time=timedelta(minutes=30))
    assert load_text(tmp_path, SMALL).sandbox_limits == SandboxLimits()


def test_words_that_old_yaml_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    (project,) = load_text(tmp_path, SMALL + "    mode: off\n    branches: {include: [no, on, y]}\n").projects

    assert project.mode is Mode.OFF
    assert project.branches.include == ("no", "on", "y")


def test_an_anchor_can_be_used_twice(tmp_path: Path) -> None:
    text = (
        SMALL + "    branches: &mine {include: [main]}\n  - name: other\n    organization: acme\n    branches: *mine\n"
    )

    assert [project.branches.include for project in load_text(tmp_path, text).projects] == [("main",), ("main",)]


def test_the_environment_names_the_file_when_no_path_is_given(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(SMALL, encoding="utf-8")

    assert load(None, ENVIRON | {"SELFHEALD_CONFIG": str(path)}).path == path


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MistakesError, match=r"none.yaml:1: no such file; name one with --config or SELFHEALD_CONFIG"):
        load(tmp_path / "none.yaml", {})


@pytest.mark.parametrize("prompt", ["null", "prompts/heal.md"])
def test_the_built_in_prompt_stands_in_for_a_default_one_that_is_missing(tmp_path: Path, prompt: str) -> None:
    configuration = load_text(tmp_path, SMALL + f"defaults: {{prompt: {prompt}}}\n")

    assert configuration.projects[0].prompt == DEFAULT_PROMPT


def test_a_prompt_of_the_default_name_is_read(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "heal.md").write_text("Mend it.")

    assert load_text(tmp_path, SMALL).projects[0].prompt == "Mend it."
