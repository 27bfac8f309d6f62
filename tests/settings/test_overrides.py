"""Variables over the file."""

from datetime import timedelta
from pathlib import Path

from tests.settings.sample import ENVIRON, SMALL, load_text, mistakes_in


def test_a_variable_sets_a_key_over_the_file(tmp_path: Path) -> None:
    environ = ENVIRON | {
        "SELFHEALD_POLL__INTERVAL": "10s",
        "SELFHEALD_WORKERS": "7",
        "SELFHEALD_AGENTS__CODEX__MODEL": "2024",
        "SELFHEALD_DEFAULTS__PULL_REQUEST__DRAFT": "true",
        "SELFHEALD_EGRESS": '["registry.example.com:443"]',
    }

    configuration = load_text(tmp_path, SMALL + "poll: {interval: 1m, idle_interval: 2m}\n", environ)

    assert configuration.poll.interval == timedelta(seconds=10)
    assert configuration.poll.idle_interval == timedelta(minutes=2)
    assert configuration.workers == 7
    assert configuration.projects[0].pull_request.draft
    assert configuration.egress == (("registry.example.com", 443),)
    assert [agent.model for agent in configuration.agents.values()] == ["2024"]


def test_an_inner_level_wins_over_an_outer_one(tmp_path: Path) -> None:
    environ = ENVIRON | {"SELFHEALD_POLL__INTERVAL": "10s", "SELFHEALD_POLL": '{"interval": "20s", "follow": "30s"}'}

    poll = load_text(tmp_path, SMALL, environ).poll

    assert (poll.interval, poll.follow_interval) == (timedelta(seconds=10), timedelta(seconds=30))


def test_null_takes_a_value_away(tmp_path: Path) -> None:
    text = SMALL.replace("kind: codex\n", "kind: codex\n    model: big\n")

    (agent,) = load_text(tmp_path, text, ENVIRON | {"SELFHEALD_AGENTS__CODEX__MODEL": "null"}).agents.values()

    assert agent.model is None


def test_an_underscore_stands_for_a_dash_in_a_name(tmp_path: Path) -> None:
    text = SMALL.replace("codex:", "My-Codex.2:")

    (agent,) = load_text(tmp_path, text, ENVIRON | {"SELFHEALD_AGENTS__MY_CODEX_2__MODEL": "big"}).agents.values()

    assert (agent.name, agent.model) == ("My-Codex.2", "big")


def test_variables_that_are_no_keys_are_left_alone(tmp_path: Path) -> None:
    text = SMALL.replace("GITHUB_TOKEN", "SELFHEALD_GITHUB_TOKEN").replace(
        "kind: codex\n", "kind: codex\n    env: [SELFHEALD_MODE]\n"
    )
    environ = ENVIRON | {
        "SELFHEALD_GITHUB_TOKEN": "canary",
        "SELFHEALD_MODE": "x",
        "SELFHEALD_CONFIG": "elsewhere",
        "SELFHEALD_SERVICE_HOST": "10.0.0.1",
        "SELFHEALD_SERVICE_PORT_HTTP": "9464",
        "SELFHEALD_PORT": "tcp://10.0.0.1:9464",
        "SELFHEALD_PORT_9464_TCP_ADDR": "10.0.0.1",
    }

    assert mistakes_in(tmp_path, text, environ) == []


def test_each_wrong_variable_is_named_after_the_files_mistakes(tmp_path: Path) -> None:
    environ = ENVIRON | {
        "SELFHEALD_POL__INTERVAL": "10s",
        "SELFHEALD_WORKERS": "two",
        "SELFHEALD_EGRESS": "registry.example.com:443",
        "SELFHEALD_DEFAULTS__MODE": "on",
        "SELFHEALD_LOG": "{}",
        "SELFHEALD_POLL__INTERVAL__X": "1",
        "SELFHEALD_PROJECTS__0__NAME": "x",
    }

    lines = mistakes_in(tmp_path, SMALL + "listen: 5\n", environ)

    assert [line.split(": ")[:2] for line in lines] == [
        ["selfheald.yaml:14", "listen"],
        ["SELFHEALD_DEFAULTS__MODE", "defaults.mode"],
        ["SELFHEALD_EGRESS", "egress"],
        ["SELFHEALD_POLL__INTERVAL__X", "poll.interval"],
        ["SELFHEALD_POL__INTERVAL", "pol"],
        ["SELFHEALD_PROJECTS__0__NAME", "projects"],
        ["SELFHEALD_WORKERS", "workers"],
    ]


def test_what_a_variable_leaves_out_is_its_mistake(tmp_path: Path) -> None:
    lines = mistakes_in(tmp_path, SMALL + "    agent: codex\n", ENVIRON | {"SELFHEALD_AGENTS__OTHER__MODEL": "big"})

    assert "SELFHEALD_AGENTS__OTHER__MODEL: agents.other.kind: it is missing" in lines
    assert all(line.startswith("SELFHEALD_AGENTS__OTHER__MODEL") for line in lines)


def test_deeply_nested_json_is_a_mistake_too(tmp_path: Path) -> None:
    environ = ENVIRON | {"SELFHEALD_EGRESS": "[" * 100_000, "SELFHEALD_WORKERS": "[" * 100_000}

    lines = mistakes_in(tmp_path, SMALL, environ)

    assert [line.split(": ")[0] for line in lines] == ["SELFHEALD_EGRESS", "SELFHEALD_WORKERS"]
