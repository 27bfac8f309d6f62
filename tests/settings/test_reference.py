"""The distribution's file, the schema and the docs say what the models say."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from pydantic import BaseModel
from tests.settings.sample import ENVIRON

from selfheald.settings import document
from selfheald.settings.__main__ import main
from selfheald.settings.loading import load
from selfheald.settings.models import (
    AgentKeys,
    DefaultKeys,
    GitHubKeys,
    GitKeys,
    LogKeys,
    OrganizationKeys,
    PollKeys,
    ProjectKeys,
    SandboxLimitsKeys,
    Settings,
)
from selfheald.settings.reference import placed_in, schema

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config" / "selfheald.yaml"
EXAMPLES = {"url", "token_env", "mcp_url", "api_key_env", "base_url", "kind", "name"}


def shipped() -> Any:
    return document.parse(SHIPPED.read_bytes(), SHIPPED).data


def test_the_shipped_file_loads() -> None:
    configuration = load(SHIPPED, ENVIRON)

    assert [project.name for project in configuration.projects] == ["billing", "storefront"]
    assert configuration.projects[0].branches.exclude == ("selfheal-*", "dependabot/**", "renovate/**")


@pytest.mark.parametrize("key", ["state_dir", "listen", "sandbox", "egress", "workers", "drain_timeout"])
def test_the_shipped_file_shows_each_default_at_the_top(key: str) -> None:
    assert shipped()[key] == Settings.model_fields[key].default


@pytest.mark.parametrize(
    ("written", "model"),
    [
        (shipped()["poll"], PollKeys),
        (shipped()["log"], LogKeys),
        (shipped()["git"], GitKeys),
        (shipped()["sandbox_limits"], SandboxLimitsKeys),
        (shipped()["defaults"], DefaultKeys),
    ],
)
def test_the_shipped_file_shows_each_default(written: dict[str, Any], model: type[BaseModel]) -> None:
    assert written == model().model_dump(mode="json")


@pytest.mark.parametrize(
    ("written", "model"),
    [
        (shipped()["agents"]["codex"], AgentKeys),
        (shipped()["github"], GitHubKeys),
        (shipped()["organizations"][0], OrganizationKeys),
    ],
)
def test_the_shipped_examples_show_each_default(written: dict[str, Any], model: type[BaseModel]) -> None:
    for key, value in written.items():
        assert key in EXAMPLES or value == model.model_fields[key].default


@pytest.mark.parametrize(
    "model",
    [
        Settings,
        OrganizationKeys,
        GitHubKeys,
        AgentKeys,
        PollKeys,
        LogKeys,
        GitKeys,
        SandboxLimitsKeys,
        DefaultKeys,
        ProjectKeys,
    ],
)
def test_the_shipped_file_shows_every_key(model: type[BaseModel]) -> None:
    text = SHIPPED.read_text(encoding="utf-8")

    assert [key for key in model.model_fields if f"{key}:" not in text] == []


def test_every_line_of_the_shipped_file_that_sets_a_number_or_time_says_what_it_means() -> None:
    lines = [
        line for line in SHIPPED.read_text(encoding="utf-8").splitlines() if ": " in line and not line.startswith("#")
    ]

    assert len([line for line in lines if "#" in line]) > len(lines) * 0.85


def test_the_shipped_schema_is_current() -> None:
    assert (ROOT / "config" / "selfheald.schema.json").read_text(encoding="utf-8") == schema()


def test_the_docs_reference_is_current_and_their_example_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = tmp_path / "selfheald.yaml"
    example.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")

    assert placed_in(page) == page
    assert load(example, ENVIRON).projects[0].name == "billing"


def test_the_schema_accepts_the_shipped_file_and_refuses_an_unknown_key() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema()))

    assert list(validator.iter_errors(shipped())) == []
    assert list(validator.iter_errors({**shipped(), "wrokers": 2}))


def test_plain_yaml_1_1_readers_see_the_shipped_file_alike() -> None:
    assert yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) == shipped()


def test_the_command_writes_schema_and_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), encoding="utf-8")

    assert main(["schema", str(tmp_path / "schema.json")]) == 0
    assert main(["reference", str(page)]) == 0
    assert main(["schema"]) == 2
    assert json.loads((tmp_path / "schema.json").read_text(encoding="utf-8"))
    assert "usage" in capsys.readouterr().err


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        placed_in("# Configuration\n")
